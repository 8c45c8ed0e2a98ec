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

// turnAgain is how often a cache that is due and not its turn asks whether it
// is by now: whoever's turn it was may have died.
const turnAgain = time.Second

// Want replaces the set of keys whose tokens Start keeps fresh. Tokens and
// failures of all other keys are dropped.
func (c *Cache) Want(keys ...registry.Key) {
	c.mu.Lock()
	records := make(map[registry.Key]*record, len(keys))
	for _, key := range keys {
		rec, ok := c.records[key]
		if !ok {
			rec = &record{}
		}
		rec.wanted = true
		records[key] = rec
	}
	held := maps.Clone(*c.held.Load())
	maps.DeleteFunc(held, func(key registry.Key, _ *heldToken) bool { return records[key] == nil })
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
		for key, rec := range due {
			running.Go(func() { c.renew(ctx, key, rec) })
		}
		timer.Reset(wait)
	}
}

// NeedLeaderElection tells controller-runtime to start the cache in every
// replica: each admits pods, and asks its own cache about their tokens.
func (c *Cache) NeedLeaderElection() bool { return false }

// due takes the records whose renewal is to start at now, and says how long
// to sleep before looking again.
func (c *Cache) due(now time.Time) (map[registry.Key]*record, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	due, wait := map[registry.Key]*record{}, lookAgain
	for key, rec := range c.records {
		if !rec.wanted || rec.renewing {
			continue
		}
		switch in := rec.dueIn(now); {
		case in > 0:
			wait = min(wait, in)
		case !c.turn(c.usable(key)):
			wait = min(wait, turnAgain)
		default:
			rec.renewing = true
			due[key] = rec
		}
	}
	return due, wait
}

// renew fetches a token for key once.
func (c *Cache) renew(ctx context.Context, key registry.Key, rec *record) {
	r := <-c.fetch(ctx, key, rec)
	c.logRenewal(ctx, key, r.Err)
	c.mu.Lock()
	rec.renewing = false
	c.mu.Unlock()
	c.poke()
}

func (c *Cache) logRenewal(ctx context.Context, key registry.Key, err error) {
	log := logf.FromContext(ctx).WithValues("instance", key)
	switch {
	case ctx.Err() != nil: // the end of Start, not a failure
	case err != nil:
		log.Error(err, "could not renew token", "nextTry", c.Status(key).NextTry)
	default:
		log.V(1).Info("renewed token")
	}
}

// TurnChanged says that Options.Turn may answer otherwise now.
func (c *Cache) TurnChanged() { c.poke() }

// poke makes Start look at the records again.
func (c *Cache) poke() {
	select {
	case c.wake <- struct{}{}:
	default: // it is about to anyway
	}
}
