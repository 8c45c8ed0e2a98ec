//go:build linux

package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestQuarrel(t *testing.T) {
	t.Parallel()
	var q quarrel
	start := time.Now()
	now, repairs := start, 0
	for now.Sub(start) < 24*time.Hour { // somebody undoes it each time
		if !q.holds(now) {
			q.repaired(now)
			repairs++
		}
		now = now.Add(5 * time.Second)
	}
	const most = freeRepairs + 7 + 24*6 // at once, while the hold grows, and every ten minutes
	assert.LessOrEqual(t, repairs, most)
	assert.Greater(t, repairs, 100, "it gives up")

	now = now.Add(2*longestHold + time.Second)
	for range freeRepairs {
		assert.False(t, q.holds(now), "quiet is not noticed")
		q.repaired(now)
	}
	assert.True(t, q.holds(now))
	assert.False(t, q.holds(now.Add(firstHold)))
}
