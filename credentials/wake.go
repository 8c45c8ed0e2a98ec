package credentials

import (
	"context"
	"time"
)

// signal fills a channel of capacity one: whoever waits has something to do.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// pause waits for d, or until wake is signalled if that is sooner, and reports
// whether ctx goes on. wake may be nil.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-timer.C:
	}
	return true
}
