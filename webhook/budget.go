package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
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

// share is the room of one body. Use budget.share.
type share struct {
	room  *semaphore.Weighted
	bytes int64
}

// share is for a body of n bytes, at most maxBody; none of them has room yet.
func (b budget) share(n int64) share {
	if n > largeBody {
		return share{room: b.large}
	}
	return share{room: b.small}
}

// firstPart is how much of a body gets room before any of it has arrived:
// enough for most, and little enough for a thousand callers that announce
// much and send nothing.
const firstPart = 8 << 10

// earnest is the share of a body that has to be there before all the rest gets
// room at once. Until then the memory doubles, which copies.
const earnest = 8

// errNoRoom says that there is no room for a body.
var errNoRoom = errors.New("no memory for another review")

// read reads a body of n bytes into the memory of buf. It gets room in parts,
// so that beyond the first a caller holds at most eight times what it has sent.
// For each part it waits until the deadline, and then fails with errNoRoom.
func (s *share) read(ctx context.Context, buf []byte, body io.Reader, n int, deadline time.Time) ([]byte, error) {
	buf = buf[:0]
	for have := 0; have < n; have = len(buf) {
		part := n - have
		if have < n/earnest {
			part = min(part, max(firstPart, have))
		}
		if err := s.grow(ctx, int64(part), deadline); err != nil {
			return buf, err
		}
		buf = slices.Grow(buf, part)[:have+part]
		if _, err := io.ReadFull(body, buf[have:]); err != nil {
			return buf, fmt.Errorf("read review: %w", err)
		}
	}
	return buf, nil
}

func (s *share) grow(ctx context.Context, n int64, deadline time.Time) error {
	if !s.room.TryAcquire(n) {
		ctx, cancel := context.WithDeadline(ctx, deadline)
		defer cancel()
		if s.room.Acquire(ctx, n) != nil {
			return errNoRoom
		}
	}
	s.bytes += n
	return nil
}

// give gives the room back.
func (s *share) give() { s.room.Release(s.bytes) }
