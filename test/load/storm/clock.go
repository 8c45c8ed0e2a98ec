package main

import (
	"slices"
	"sync"
	"time"
)

// clock is the cloud's, which jumps. Use newClock.
type clock struct {
	mu    sync.Mutex // guards jumps
	jumps []jump     // the last is in force
}

// jump is when the clock was set, and how far off it has been since.
type jump struct {
	at  time.Time
	off time.Duration
}

func newClock() *clock { return &clock{jumps: []jump{{}}} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.jumps[len(c.jumps)-1].off)
}

func (c *clock) set(off time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.jumps = append(c.jumps, jump{time.Now(), off})
}

// real is when it was in truth when the clock said at.
func (c *clock) real(at time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, j := range slices.Backward(c.jumps) {
		truly := at.Add(-j.off)
		if !truly.Before(j.at) && (i+1 == len(c.jumps) || truly.Before(c.jumps[i+1].at)) {
			return truly
		}
	}
	return at // between two jumps
}
