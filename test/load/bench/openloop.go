package main

import (
	"context"
	"sync"
	"time"
)

// openLoop calls n times at even intervals, whether or not earlier calls have
// been answered. It returns how long after its intended start each call that
// succeeded was answered, in ns, so that a stall counts for all who would have
// come during it; and it counts the others.
func openLoop(ctx context.Context, n int, every time.Duration, call func(context.Context) error) (latencies []float64, lost losses) {
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
			if lost.add(err) {
				latencies = append(latencies, float64(took))
			}
		})
	}
	calls.Wait()
	return latencies, lost
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
