package webhook

import (
	"context"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// PullSecrets sees to it that a namespace has its pull Secret.
type PullSecrets interface {
	// Ensure has the Secret of namespace ns written, holding at least the
	// logins of instances, unless it is there already. It may wait for that
	// until its own grace or ctx ends, whichever is first, and returns at once
	// where waiting is of no use. With dryRun it writes nothing and waits for
	// nothing, and tells what it would.
	Ensure(ctx context.Context, ns string, instances []registry.ID, dryRun bool) Delivery
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
