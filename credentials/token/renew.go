package token

import (
	"context"
	"maps"
	"sync"
	"time"

	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// lookAgain is the longest that Start sleeps. Timers stand still while a
// machine is suspended and take no notice of a clock that is set, so the wall
// clock is read again at least this often.
const lookAgain = time.Minute

// Want replaces the set of ids whose tokens Start keeps fresh. Tokens and
// failures of all other ids are dropped.
func (c *Cache) Want(ids ...registry.ID) {
	c.mu.Lock()
	records := make(map[registry.ID]*record, len(ids))
	for _, id := range ids {
		rec, ok := c.records[id]
		if !ok {
			rec = &record{}
		}
		rec.wanted = true
		records[id] = rec
	}
	held := maps.Clone(*c.held.Load())
	maps.DeleteFunc(held, func(id registry.ID, _ *heldToken) bool { return records[id] == nil })
	c.records = records
	c.held.Store(&held)
	c.mu.Unlock()
	c.poke()
}

// Start keeps the wanted tokens fresh until ctx ends: fetches what is missing
// at once, renews at a random point in 50-60 % of a token's life, and tries
// again after failures as long as it takes. It logs failures to the logger in
// ctx. It returns nil once ctx and its calls of the Issuer have ended.
func (c *Cache) Start(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
		case <-timer.C:
		}
		due, wait := c.due(time.Now())
		for id, rec := range due {
			running.Go(func() { c.renew(ctx, id, rec) })
		}
		timer.Reset(wait)
	}
}

// NeedLeaderElection tells controller-runtime to start the cache in every
// replica: each admits pods, and asks its own cache about their tokens.
func (c *Cache) NeedLeaderElection() bool { return false }

// due takes the records whose renewal is to start at now, and says how long
// to sleep before looking again.
func (c *Cache) due(now time.Time) (map[registry.ID]*record, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	due, wait := map[registry.ID]*record{}, lookAgain
	for id, rec := range c.records {
		if !rec.wanted || rec.renewing {
			continue
		}
		in := rec.dueIn(now)
		if in <= 0 {
			rec.renewing = true
			due[id] = rec
			continue
		}
		wait = min(wait, in)
	}
	return due, wait
}

// renew fetches a token for id once.
func (c *Cache) renew(ctx context.Context, id registry.ID, rec *record) {
	r := <-c.fetch(ctx, id, rec)
	c.logRenewal(ctx, id, r.Err)
	c.mu.Lock()
	rec.renewing = false
	c.mu.Unlock()
	c.poke()
}

func (c *Cache) logRenewal(ctx context.Context, id registry.ID, err error) {
	log := logf.FromContext(ctx).WithValues("instance", id)
	switch {
	case ctx.Err() != nil: // the end of Start, not a failure
	case err != nil:
		log.Error(err, "could not renew token", "nextTry", c.Status(id).NextTry)
	default:
		log.V(1).Info("renewed token")
	}
}

// poke makes Start look at the records again.
func (c *Cache) poke() {
	select {
	case c.wake <- struct{}{}:
	default: // it is about to anyway
	}
}
