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

// state waits until there is one. It is nil where none came.
func (q queue) state(ctx context.Context, deadline time.Time, snapshot func() *State) *State {
	if s := snapshot(); s != nil {
		return s
	}
	var s *State
	q.wait(ctx, deadline, func() bool { s = snapshot(); return s != nil })
	return s
}

// labels waits until a namespace is known.
func (q queue) labels(ctx context.Context, deadline time.Time, namespaces Namespaces, name string) (labels map[string]string, found bool) {
	q.wait(ctx, deadline, func() bool { labels, found = namespaces(name); return found })
	return labels, found
}

// wait waits until ready says so, at most until the deadline, and not at all if
// too many are waiting already.
func (q queue) wait(ctx context.Context, deadline time.Time, ready func() bool) {
	select {
	case q.places <- struct{}{}:
	default:
		return
	}
	defer func() { <-q.places }()
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if ready() {
				return
			}
		}
	}
}
