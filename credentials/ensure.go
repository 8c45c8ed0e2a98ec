package credentials

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tcr-webhook/tcr-webhook/credentials/delivery"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// Ensure starts delivery of the pull Secret that a pod of namespace needs for
// instances, and waits at most the grace, and not past until, for it to be
// written. The warning,
// if there is one, says what is missing and what becomes of it; the pod is to
// be admitted all the same.
//
// It waits only where a write can succeed now: with a token in memory, and not
// within half a minute of a wait that ran out.
func (k *Keeper) Ensure(ctx context.Context, namespace string, instances []registry.ID, until time.Time) (warning string) {
	o, err := k.observe(ctx, namespace)
	if err == nil && o.covers(instances, time.Now()) {
		return ""
	}
	if err == nil && o.Exists && !o.Ours {
		return fmt.Sprintf("Secret %s of this namespace was not made by tcr-webhook and is left as it is; the pod uses it", k.SecretName)
	}
	k.demand.add(namespace, time.Now())
	if reason := k.missing(ctx, namespace, instances); reason != "" {
		return fmt.Sprintf("pull secret %s: %s; it follows by itself", k.SecretName, reason)
	}
	if k.wait(ctx, namespace, until) {
		return ""
	}
	return fmt.Sprintf("pull secret %s is still being written; it follows by itself", k.SecretName)
}

// covers tells whether every instance has a login that works.
func (o Observed) covers(instances []registry.ID, now time.Time) bool {
	for _, id := range instances {
		if !o.Exists || !o.Intact || !o.works(id, now) {
			return false
		}
	}
	return true
}

func (o Observed) works(id registry.ID, now time.Time) bool {
	held, has := o.Held[id]
	return has && held.works(now)
}

// missing says of which instances there is no login to write, and why. A
// namespace that is younger than the cache is told nothing: what it gets is not
// known yet.
func (k *Keeper) missing(ctx context.Context, namespace string, instances []registry.ID) string {
	directory := k.Directory()
	ns, err := readNamespace(ctx, k.Client, namespace)
	if directory == nil || err != nil {
		return ""
	}
	var reasons []string
	for _, e := range delivery.Entries(directory, ns.Namespace) {
		if !slices.Contains(instances, e.ID) {
			continue
		}
		if _, ok := k.Tokens.Peek(e.Key()); !ok {
			reasons = append(reasons, fmt.Sprintf("no login for %s yet (%s)", e.ID, why(k.Tokens.Err(e.Key()))))
		}
	}
	return strings.Join(reasons, ", ")
}

// why puts the class of a token error in words. Its text may name cloud
// accounts, which is not for whoever may create a pod.
func why(err error) string {
	switch {
	case err == nil:
		return "being asked for"
	case errors.Is(err, ErrSource):
		return "its Secret cannot be read"
	case errors.Is(err, token.ErrDenied):
		return "Tencent Cloud denies it"
	case errors.Is(err, token.ErrNotFound):
		return "Tencent Cloud knows no such instance"
	case errors.Is(err, token.ErrThrottled):
		return "Tencent Cloud throttles"
	case errors.Is(err, token.ErrClockSkew):
		return "clocks disagree"
	default:
		return "Tencent Cloud does not answer as it should"
	}
}

// wait holds the caller until the Secret is written, or the grace, until or ctx
// ends.
func (k *Keeper) wait(ctx context.Context, namespace string, until time.Time) bool {
	done := k.converge(ctx, namespace)
	if !k.demand.mayWait(namespace, time.Now()) {
		return false
	}
	grace := time.NewTimer(min(time.Duration(k.grace.Load()), time.Until(until)))
	defer grace.Stop()
	select {
	case k.places <- struct{}{}:
		defer func() { <-k.places }()
	default:
		return false
	}
	select {
	case r := <-done:
		return k.settle(namespace, r)
	case <-grace.C:
		k.demand.waitedInVain(namespace, time.Now())
	case <-ctx.Done(): // the caller has gone away
	}
	return false
}

// settle ends the demand for a namespace if r left nothing to do for it.
func (k *Keeper) settle(namespace string, r singleflight.Result) bool {
	plan, _ := r.Val.(Plan)
	switch {
	case errors.Is(r.Err, errGone):
		k.demand.done(namespace)
		return true
	case r.Err != nil || plan.Action == Wait:
		return false
	}
	k.demand.done(namespace)
	return true
}

const (
	// retryEvery is how often an unserved demand is tried again without news
	// of a token; a try without a token costs no call.
	retryEvery = 2 * time.Second
	// servers bounds the writes for unserved demands in flight.
	servers = 8
)

// Start serves what Ensure could not, and what was announced to Expect, until
// ctx ends.
func (k *Keeper) Start(ctx context.Context) error {
	var both sync.WaitGroup
	both.Go(func() { k.meet(ctx) })
	both.Go(func() { k.serveAll(ctx) })
	both.Wait()
	return nil
}

// serveAll serves the demand whenever there is reason to.
func (k *Keeper) serveAll(ctx context.Context) {
	tick := time.NewTicker(retryEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-k.demand.signal:
		}
		k.serve(ctx)
	}
}

// Owed implements Debts: what a pass over all demands has left.
func (k *Keeper) Owed() []string { return k.demand.waiting(time.Now().Add(-retryEvery)) }

// Owe implements Debts.
func (k *Keeper) Owe(namespaces ...string) {
	for _, namespace := range namespaces {
		k.demand.add(namespace, time.Time{}) // it waits for long
	}
	k.demand.poke()
}

// NeedLeaderElection is false: each replica serves what it was asked for.
func (k *Keeper) NeedLeaderElection() bool { return false }

// TokensChanged tells the keeper that a demand may be served now.
func (k *Keeper) TokensChanged() { k.demand.poke() }

// serve tries every unserved demand once. However many fail, one is logged:
// what keeps us from writing is rarely peculiar to a namespace.
func (k *Keeper) serve(ctx context.Context) {
	var group errgroup.Group
	group.SetLimit(servers)
	pending := k.demand.pending()
	if len(pending) == 0 {
		return
	}
	defer k.Owing()
	for _, namespace := range pending {
		group.Go(func() error {
			select {
			case r := <-k.converge(ctx, namespace):
				if k.settle(namespace, r) {
					return nil
				}
				return r.Err
			case <-ctx.Done():
				return nil
			}
		})
	}
	if err := group.Wait(); err != nil {
		log.FromContext(ctx).Error(err, "Pull secrets not delivered yet", "namespaces", len(pending))
	}
}
