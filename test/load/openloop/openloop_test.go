package openloop

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// A stall of a second at 10 a second is felt by all ten who would have come
// meanwhile, and not only by the one that was under way.
func TestAStallIsFeltByAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stall := time.Now().Add(time.Second)
		calls, sum := 0, time.Duration(0)
		Run(t.Context(), 20, 100*time.Millisecond, func(ctx context.Context) error { return waitUntil(ctx, stall) },
			func(took time.Duration, err error) {
				assert.NoError(t, err)
				calls++
				sum += took
			})
		assert.Equal(t, 20, calls)
		assert.Equal(t, 5500*time.Millisecond, sum, "1 s, 900 ms, 800 ms and so on")
	})
}

func TestCallsThatNeverBeganAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(250*time.Millisecond, func() { cancel(gone) })
		var ended []error
		Run(ctx, 5, 100*time.Millisecond, func(context.Context) error { return nil }, func(_ time.Duration, err error) { ended = append(ended, err) })
		assert.Equal(t, []error{nil, nil, nil, gone, gone}, ended)
	})
}
