package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const mebibyte = 1 << 20

func TestTheLimitLeavesRoomForWhatIsInUse(t *testing.T) {
	t.Parallel()
	for name, u := range map[string]usage{
		"a process that has just begun": {inUse: 3 * mebibyte, beside: 6 * mebibyte},
		"a leader of 10,000 namespaces": {inUse: 16 * mebibyte, beside: 10 * mebibyte},
		"a leader of 50,000":            {inUse: 70 * mebibyte, beside: 25 * mebibyte},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			next := int64(u.beside + u.inUse*(100+collectAt)/100) // as GOGC has it
			assert.Greater(t, u.limit(), next, "the limit is reached before the heap has grown")
			assert.Less(t, u.limit(), next*12/10+spareMemory, "the limit is no limit")
		})
	}
}

// held is a heap of many objects, as caches are.
func held(mebibytes int) [][]byte {
	all := make([][]byte, 0, mebibytes<<8)
	for range mebibytes << 8 {
		all = append(all, make([]byte, 4<<10))
	}
	return all
}

// However much is in use, and however fast it has grown, the heap is collected
// as often as GOGC alone has it, and the limit goes down again after it.
func TestTheLimitFollowsTheHeap(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	percent, limit := debug.SetGCPercent(collectAt), debug.SetMemoryLimit(-1)
	defer func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) }()
	ctx, end := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { followMemory(ctx) })
	defer func() { end(); running.Wait() }()

	const inUse, garbage = 64, 640
	collections := func() uint32 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.NumGC
	}
	begun := collections()
	caches := held(inUse)
	before := collections()
	assert.LessOrEqual(t, before-begun, uint32(60), "collections while the heap grows; 12 or so double it four times")
	for range garbage {
		held(1)
	}
	after := collections()
	runtime.KeepAlive(caches)
	assert.LessOrEqual(t, after-before, uint32(2*garbage*100/(inUse*collectAt)), "collections because of the limit")
	assert.Greater(t, debug.SetMemoryLimit(-1), int64(inUse*mebibyte))

	require.Eventually(t, func() bool {
		runtime.GC()
		return debug.SetMemoryLimit(-1) < inUse*mebibyte
	}, 10*time.Second, 10*time.Millisecond, "the limit has not followed")
}

func TestWhoeverSetsALimitHasThat(t *testing.T) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOGC", "")
			t.Setenv("GOMEMLIMIT", "")
			t.Setenv(name, "100")
			followMemory(t.Context()) // returns at once
		})
	}
}
