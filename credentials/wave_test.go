package credentials

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheWaveGoesByDeadlineAndThenByArrival(t *testing.T) {
	t.Parallel()
	w := newWave()
	for name, deadline := range map[string]time.Time{"late": noon.Add(time.Hour), "soon": noon.Add(time.Minute), "hastened": noon.Add(2 * time.Hour)} {
		w.add(name, deadline)
	}
	w.add("cannot pull", time.Time{})
	w.add("cannot pull either", time.Time{})
	w.add("hastened", noon)
	w.add("soon", noon.Add(time.Hour)) // a later deadline changes nothing
	assert.Len(t, w.places, 5)

	var order []string
	for name, ok := w.take(); ok; name, ok = w.take() {
		order = append(order, name)
	}
	assert.Equal(t, []string{"cannot pull", "cannot pull either", "hastened", "soon", "late"}, order)
}

func TestTheWaveKeepsItsPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWave()
		var written atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { w.run(ctx, func(string) { written.Add(1) }) })
		w.add("alone", noon)
		synctest.Wait()
		require.EqualValues(t, 1, written.Load(), "what is alone waits")

		for i := range 1000 {
			w.add(fmt.Sprintf("team-%d", i), noon)
		}
		time.Sleep(10 * time.Second)
		assert.InDelta(t, 10*writesPerSecond+writesAtOnce, written.Load(), writesPerSecond)
		time.Sleep(time.Minute)
		assert.EqualValues(t, 1001, written.Load())
		cancel()
		running.Wait()
	})
}

// An API server that hangs is sent no more than a few writes at a time, and the
// end of the wave waits for those.
func TestTheWaveBoundsItsWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWave()
		hang := make(chan struct{})
		var writing atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			w.run(ctx, func(string) {
				writing.Add(1)
				<-hang
				writing.Add(-1)
			})
		})
		for i := range 100 {
			w.add(fmt.Sprintf("team-%d", i), noon)
		}
		time.Sleep(time.Minute)
		assert.EqualValues(t, writers, writing.Load())
		cancel()
		close(hang)
		running.Wait()
		assert.Zero(t, writing.Load())
	})
}
