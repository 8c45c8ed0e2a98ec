package uninstall

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/tcr-webhook/tcr-webhook/credentials/mark"
)

// pageSize is how many objects are asked for at once.
const pageSize = 500

// secretsIdle is how long no pull Secret may go before the step is given up.
const secretsIdle = time.Minute

// removePullSecrets removes the pull Secrets that are ours, of all namespaces.
func (u *Uninstaller) removePullSecrets(ctx context.Context) error {
	ctx, alive, cancel := whileAlive(ctx, secretsIdle)
	defer cancel()
	var foreign []string
	find := func(ctx context.Context) (ours []Object, err error) {
		ours, foreign, err = u.pullSecrets(ctx)
		return ours, err
	}
	remove := func(ctx context.Context, o Object) error {
		err := u.delete(ctx, o)
		if err == nil {
			alive()
		}
		return err
	}
	n, err := sweep(ctx, sweeper{u.Say, "Secrets " + u.PullSecret}, find, remove)
	if n > 0 {
		u.Say("removed %d Secrets %s", n, u.PullSecret)
	}
	if len(foreign) > 0 {
		u.Say("left %d Secrets %s that are not ours: %s", len(foreign), u.PullSecret, some(foreign))
	}
	return err
}

// pullSecrets lists the Secrets with the name of the pull Secrets: ours, and the
// namespaces of those that are not. Of none of them more than the metadata is
// read.
func (u *Uninstaller) pullSecrets(ctx context.Context) (ours []Object, foreign []string, err error) {
	secrets := corev1.SchemeGroupVersion.WithResource("secrets")
	options := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", u.PullSecret).String(), Limit: pageSize}
	for {
		page, err := u.metadata.Resource(secrets).List(ctx, options)
		if err != nil {
			return nil, nil, fmt.Errorf("list secrets %s: %w", u.PullSecret, err)
		}
		for i := range page.Items {
			s := &page.Items[i]
			if s.Namespace != u.Namespace && mark.Ours(s) {
				ours = append(ours, Object{Resource: secrets, Namespace: s.Namespace, Name: s.Name, uid: s.UID})
			} else {
				foreign = append(foreign, s.Namespace)
			}
		}
		if options.Continue = page.Continue; options.Continue == "" {
			return ours, foreign, nil
		}
	}
}

// whileAlive is a context that ends when alive was not called for idle.
func whileAlive(ctx context.Context, idle time.Duration) (_ context.Context, alive, cancel func()) {
	ctx, end := context.WithCancelCause(ctx)
	timer := time.AfterFunc(idle, func() { end(errTime) })
	return ctx, func() { timer.Reset(idle) }, func() { timer.Stop(); end(context.Canceled) }
}
