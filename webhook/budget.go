package webhook

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// maxBody is the largest review that is read. The API server takes requests
	// of up to 3 MiB (k8s.io/apiserver, MaxRequestBodyBytes), an update sends
	// the object twice, and encoding may add to it.
	maxBody = 8 << 20

	// largeBody is where a review is a rarity: 8 MiB of objects for every
	// thousand that are smaller.
	largeBody = 128 << 10

	// smallRoom and largeRoom are how many bytes of small and of large reviews
	// are in memory at once: a thousand of a usual pod's, and three at the
	// most of the largest.
	smallRoom = 8 << 20
	largeRoom = 24 << 20
)

// budget bounds the memory for the bodies of calls, so that no number of them
// can exhaust the process. Anything that reaches the port can send a body; the
// large ones therefore have room of their own, and cannot keep usual pods out.
type budget struct {
	small, large *semaphore.Weighted
}

// newBudget has room for so many bytes of small and of large reviews; largest
// ones, of maxBody, must fit in.
func newBudget(small, large int64) budget {
	return budget{small: semaphore.NewWeighted(small), large: semaphore.NewWeighted(large)}
}

// take waits for room for n bytes, at most maxBody of them, until the deadline.
// Unless it failed, they must be released to the room that it returned when
// they are gone.
func (b budget) take(ctx context.Context, n int64, deadline time.Time) (*semaphore.Weighted, error) {
	room := b.small
	if n > largeBody {
		room = b.large
	}
	if !room.TryAcquire(n) {
		ctx, cancel := context.WithDeadline(ctx, deadline)
		defer cancel()
		if err := room.Acquire(ctx, n); err != nil {
			return nil, fmt.Errorf("wait for memory: %w", err)
		}
	}
	return room, nil
}
