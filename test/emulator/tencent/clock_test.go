package tencent_test

import (
	"sync"
	"time"
)

// clock is a Cloud's time, moved by hand. It begins at the real one, for the
// SDK signs with that.
type clock struct {
	mu  sync.Mutex
	add time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.add)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add += d
}
