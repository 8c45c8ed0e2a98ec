package tencent_test

import (
	"sync"
	"time"
)

// clock is a Cloud's time, moved by hand alone: no slow machine moves it. It
// begins at the real one, which the SDK signs with; five minutes are allowed
// between them.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Now()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}
