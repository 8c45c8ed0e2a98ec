package uninstall

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

// Options say what to take out, and from where. All are needed.
type Options struct {
	// Namespace of the installation.
	Namespace string
	// Deployment is the name of its Deployment.
	Deployment string
	// PullSecret is the name of the pull Secrets, as in the configuration.
	PullSecret string
	// Say is told what was done, and what is waited for, in whole sentences.
	Say func(format string, args ...any)
}

// Uninstaller takes one installation out. Use New.
type Uninstaller struct {
	Options
	client   kubernetes.Interface
	metadata metadata.Interface
}

// New returns an Uninstaller that acts with the rights of c.
func New(c *rest.Config, o Options) (*Uninstaller, error) {
	if o.Namespace == "" || o.Deployment == "" || o.PullSecret == "" || o.Say == nil {
		return nil, errors.New("uninstall: an option is missing")
	}
	c = rest.CopyConfig(c)
	c.QPS = -1 // what is many is paced where it is done
	client, err := kubernetes.NewForConfig(c)
	if err != nil {
		return nil, fmt.Errorf("create client: %w", err)
	}
	meta, err := metadata.NewForConfig(c)
	if err != nil {
		return nil, fmt.Errorf("create client of metadata: %w", err)
	}
	return &Uninstaller{Options: o, client: client, metadata: meta}, nil
}

// How long a step may take. That of the Secrets depends on how many there are,
// and is bounded by how long none of them could be removed.
const (
	stepLimit = time.Minute
	// stopLimit has room for the grace of a pod, 30 s, and for a node that is slow.
	stopLimit = 3 * time.Minute
)

// Run takes everything out, or says what is left and why. A registration that
// stays ends it before anything else is touched, since pods could not be created
// without what it asks; so does a pod of ours, which would write Secrets again.
func (u *Uninstaller) Run(ctx context.Context) error {
	if err := u.within(ctx, stepLimit, u.removeRegistrations); err != nil {
		return fmt.Errorf("%w; what answers was left running", err)
	}
	if err := u.within(ctx, stopLimit, u.stop); err != nil {
		return fmt.Errorf("%w; the pull Secrets were left, since they would be written again", err)
	}
	return errors.Join(
		u.removePullSecrets(ctx),
		u.within(ctx, stepLimit, u.clearServiceAccounts),
		u.within(ctx, stepLimit, u.removeOwn),
	)
}

func (u *Uninstaller) within(ctx context.Context, limit time.Duration, step func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return step(ctx)
}
