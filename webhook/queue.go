package webhook

import (
	"context"
	"time"
)

const (
	// maxHeld is how many calls wait at once for something to decide by. With
	// 100 pods a second and a timeout of 3 s, 150 of them would.
	maxHeld = 256
	// lookEvery is how often a call that waits looks again.
	lookEvery = 50 * time.Millisecond
)

// queue holds calls that cannot be decided yet. Held here for a second or two,
// a call costs nothing; sent away, it comes back up to ten times.
type queue struct {
	places chan struct{}
}

func newQueue() queue { return queue{places: make(chan struct{}, maxHeld)} }

// wait waits until ready says so. It is false if that does not happen before
// the deadline, or if too many are waiting already.
func (q queue) wait(ctx context.Context, deadline time.Time, ready func() bool) bool {
	select {
	case q.places <- struct{}{}:
	default:
		return false
	}
	defer func() { <-q.places }()
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
			if ready() {
				return true
			}
		}
	}
}
