package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// collectAt is how much the heap may grow, in per cent of what is in use,
	// before it is collected. What is in use is caches that hardly change, so
	// that room for as much again, Go's default, is the larger part of the
	// process and seldom used. GOGC overrides it.
	collectAt = 25
	// spareMemory, and so many per cent of the heap, are what the limit has beyond
	// that. The runtime keeps as much below the limit free, so that with less the
	// limit would begin collections: memoryLimitMinHeapGoalHeadroom and
	// memoryLimitHeapGoalHeadroomPercent in its mgcpacer.go.
	spareMemory, sparePercent = 1 << 20, 3
	// limitStep is by how much the limit has to change to be set: setting it
	// stops the program for some microseconds.
	limitStep = 512 << 10
)

// followMemory keeps the runtime's soft memory limit just above what collectAt
// calls for, until ctx ends. Without a limit, pages that a burst has left behind go
// back to the kernel at a leisurely pace, and new ones are taken meanwhile: 5 MiB of
// the 32 that a leader of 12,000 namespaces had, on top of its binary. It does not
// bound the process. The limit follows what is in use after every collection,
// however much that is, so that it never is the reason for the next one.
//
// Whoever sets GOGC or GOMEMLIMIT has what they set and nothing else.
func followMemory(ctx context.Context) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetGCPercent(collectAt)
	collected := make(chan struct{}, 1)
	tellOfCollections(ctx, collected)
	var memory memory
	var limit int64
	for {
		select {
		case <-ctx.Done():
			return
		case <-collected:
		}
		if next := memory.read().limit(); next >= limit+limitStep || next <= limit-limitStep {
			limit = next
			debug.SetMemoryLimit(limit)
		}
	}
}

// tellOfCollections signals each collection of the heap until ctx ends: what
// nothing refers to is cleaned up after the next one.
func tellOfCollections(ctx context.Context, collected chan struct{}) {
	type sentinel struct{ _ *byte } // with a pointer, or it were part of a block with others
	runtime.AddCleanup(&sentinel{}, func(struct{}) {
		signal(collected)
		if ctx.Err() == nil {
			tellOfCollections(ctx, collected)
		}
	}, struct{}{})
}

// usage is what the runtime has of memory, in bytes.
type usage struct {
	// inUse is what the last collection left of the heap.
	inUse uint64
	// beside is what else is mapped and cannot be given back: stacks, the
	// runtime's own, and what is lost between objects.
	beside uint64
}

// limit is as much as is mapped before the next collection begins, and a little
// more.
func (u usage) limit() int64 {
	heap := u.inUse * (100 + collectAt) / 100
	return int64(u.beside + heap + heap*sparePercent/100 + spareMemory)
}

// memory reads the runtime's figures. The zero value is ready.
type memory struct{ samples []metrics.Sample }

func (m *memory) read() usage {
	if m.samples == nil {
		for _, name := range []string{
			"/gc/heap/live:bytes", "/memory/classes/total:bytes", "/memory/classes/heap/objects:bytes",
			"/memory/classes/heap/free:bytes", "/memory/classes/heap/released:bytes",
		} {
			m.samples = append(m.samples, metrics.Sample{Name: name})
		}
	}
	metrics.Read(m.samples)
	of := func(i int) uint64 { return m.samples[i].Value.Uint64() }
	return usage{inUse: of(0), beside: of(1) - of(2) - of(3) - of(4)}
}
