// Package openloop calls at even intervals, whether or not earlier calls have
// been answered: as callers do who know nothing of each other.
package openloop

import (
	"context"
	"sync"
	"time"
)

// Run calls n times, every apart, and returns when all calls have ended. done
// is told of each, by one goroutine at a time, how long after its intended
// start it ended, so that a stall counts for all who would have come during it.
func Run(ctx context.Context, n int, every time.Duration, call func(context.Context) error, done func(took time.Duration, err error)) {
	var mu sync.Mutex
	var calls sync.WaitGroup
	begin := time.Now()
	for i := range n {
		intended := begin.Add(time.Duration(i) * every)
		calls.Go(func() {
			err := waitUntil(ctx, intended)
			if err == nil {
				err = call(ctx)
			}
			took := time.Since(intended)
			mu.Lock()
			defer mu.Unlock()
			done(took, err)
		})
	}
	calls.Wait()
}

func waitUntil(ctx context.Context, t time.Time) error {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// Pause waits for d, or until ctx ends, and says why it did.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
