package credentials

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tcr-webhook/tcr-webhook/credentials/delivery"
)

const (
	// expectations bounds the namespaces that are announced and not looked for
	// yet. One beyond it is left to the leader's watch, which sees all.
	expectations = 1024
	// lookers bounds those that are looked for at once.
	lookers = 256
	// appearsWithin is how long after its admission a namespace is looked for.
	// Most are in the cache within milliseconds; some never come, since
	// somebody else denied them.
	appearsWithin = 5 * time.Second
	// firstLook and maxLook are the pauses between looks, which double: some
	// two dozen looks into memory for a namespace that never comes.
	firstLook = 2 * time.Millisecond
	maxLook   = 250 * time.Millisecond
)

// Expect says that namespace is about to be created or changed so that it gets
// its pull Secret unasked. The Secret is written as soon as the namespace can
// be seen and calls for it; nothing is taken on trust. Expect returns at once.
func (k *Keeper) Expect(namespace string) {
	select {
	case k.expected <- namespace:
	default:
	}
}

// meet looks for the expected namespaces until ctx ends.
func (k *Keeper) meet(ctx context.Context) {
	var group errgroup.Group
	group.SetLimit(lookers)
	for {
		select {
		case <-ctx.Done():
			_ = group.Wait() // none of them returns an error
			return
		case namespace := <-k.expected:
			group.Go(func() error {
				k.lookFor(ctx, namespace)
				return nil
			})
		}
	}
}

// lookFor waits until namespace is in the cache and calls for its Secret, and
// then sees to it once. What fails is tried again by the leader, whose watch
// sees the namespace too.
func (k *Keeper) lookFor(ctx context.Context, namespace string) {
	ctx, cancel := context.WithTimeout(ctx, appearsWithin)
	defer cancel()
	for pause := firstLook; !k.unasked(ctx, namespace); pause = min(2*pause, maxLook) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
	select {
	case <-ctx.Done():
	case r := <-k.converge(ctx, namespace):
		k.settle(namespace, r)
	}
}

// unasked tells whether namespace is in the cache and gets its Secret unasked.
func (k *Keeper) unasked(ctx context.Context, name string) bool {
	directory := k.Directory()
	if directory == nil {
		return false
	}
	ns, err := readNamespace(ctx, k.Client, name)
	return err == nil && delivery.Unasked(directory, ns)
}
