package webhook

import (
	"context"
	"time"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// PullSecrets sees to it that a namespace has its pull Secret.
type PullSecrets interface {
	// Ensure has the Secret written, unless it is there already. It may wait
	// for that until its own grace, ctx or need.Until ends, whichever is first,
	// and returns at once where waiting is of no use. It does not keep need.
	Ensure(ctx context.Context, need Need) Delivery
}

// Need is what a pod needs of its namespace's pull Secret.
type Need struct {
	Namespace string
	// Instances are whose logins the Secret has to hold.
	Instances []registry.ID
	// DryRun: nothing is to be written or waited for.
	DryRun bool
	// Until is when the pod has to be answered for. It is apart from the
	// context, so that what needs no waiting needs no timer.
	Until time.Time
}

// Delivery is how far a pull Secret is.
type Delivery struct {
	// Ready: the Secret is there, and its logins can be used.
	Ready bool
	// Warning is for whoever creates the pod; empty for none. It must not
	// quote a token or an answer of a registry's API.
	Warning string
}

// Namespaces gives the labels of a namespace from memory. A namespace may be
// too new to be found.
type Namespaces func(name string) (labels map[string]string, found bool)

// ServiceAccounts gives the annotations of a ServiceAccount from memory, of
// which only EnforceMountableSecretsAnnotation is read. A ServiceAccount may
// be too new to be found.
type ServiceAccounts func(namespace, name string) (annotations map[string]string, found bool)
