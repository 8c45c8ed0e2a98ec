package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/stack"
	"github.com/tcr-webhook/tcr-webhook/test/stack/ledger"
)

const (
	// settles is when the start has failed.
	settles = 40 * time.Second
	// recovers is when all must be well after the last fault: a lease, the turn of
	// everything that waited for it, and the pauses that have grown meanwhile.
	recovers = 45 * time.Second
	// lookEvery is how often that is looked at.
	lookEvery = 500 * time.Millisecond
)

// well waits until all is well, and tells how long that took, or what is not.
func (w *weather) well(ctx context.Context, within time.Duration) (took time.Duration, missing error) {
	begun := time.Now()
	for {
		missing = w.ill(ctx)
		took = time.Since(begun)
		if missing == nil || took > w.record.stretch(within) || ctx.Err() != nil {
			return took, missing
		}
		wait(ctx, lookEvery)
	}
}

// ill is what is not well now.
func (w *weather) ill(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for i, s := range w.Servers {
		if err := s.Ready(ctx); err != nil {
			return fmt.Errorf("replica %d: %w", i, err)
		}
	}
	if _, err := w.Leader(ctx); err != nil {
		return err
	}
	history, h := w.ledger.History(), w.record.history()
	count, inAWhile := 0, time.Now().Add(w.life/10)
	for name, space := range h.Spaces {
		if space.Wanted.IsZero() || !space.Gone.IsZero() || time.Since(space.Wanted) < time.Second {
			continue
		}
		count++
		for _, host := range space.Hosts {
			if !works(history[name], host, inAWhile) {
				return fmt.Errorf("namespace %s has no login for %s", name, host)
			}
		}
	}
	if count < 6 {
		return fmt.Errorf("there are %d namespaces that need a login", count)
	}
	return errors.Join(w.admits(ctx), w.pulls(ctx))
}

// admits has a pod admitted that is not kept.
func (w *weather) admits(ctx context.Context) error {
	p := newPod(w.crowd.any(w.crowd.intn(1<<16)), sites[0], stack.PublicHost+"/team/hello:1")
	if err := w.Client.Create(ctx, p, client.DryRunAll); err != nil {
		return fmt.Errorf("create a pod: %w", err)
	}
	if len(p.Spec.ImagePullSecrets) == 0 {
		return errors.New("a pod has no pull secret")
	}
	return nil
}

// works tells whether the last of versions has a login for host at a time.
func works(versions []ledger.Version, host string, at time.Time) bool {
	if len(versions) == 0 {
		return false
	}
	last := versions[len(versions)-1]
	return last.Op != ledger.Deleted && last.Type == corev1.SecretTypeDockerConfigJson && last.Ends[host].After(at)
}

// pulls pulls an image of each instance with the Secret of a namespace, as a
// kubelet does.
func (w *weather) pulls(ctx context.Context) error {
	name := w.crowd.any(w.crowd.intn(1 << 16))
	var s corev1.Secret
	if err := w.Client.Get(ctx, client.ObjectKey{Namespace: name, Name: pullSecret}, &s); err != nil {
		return fmt.Errorf("read the pull Secret of %s: %w", name, err)
	}
	for _, i := range serving(name) {
		if _, err := w.Pull(ctx, i.host()+"/team/hello:1", &s); err != nil {
			return fmt.Errorf("pull from %s with the login of %s: %w", i.host(), name, err)
		}
	}
	return nil
}
