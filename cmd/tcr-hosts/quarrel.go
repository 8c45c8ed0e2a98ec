//go:build linux

package main

import "time"

const (
	// freeRepairs are done at once: somebody has edited the file, or restored
	// it. What goes on after them is a program that does not want our block.
	freeRepairs = 5
	firstHold   = 10 * time.Second
	longestHold = 10 * time.Minute
)

// quarrel bounds how often we write when somebody keeps undoing it.
type quarrel struct {
	repairs int
	until   time.Time
}

// holds tells whether a repair has to wait.
func (q *quarrel) holds(now time.Time) bool { return now.Before(q.until) }

// repaired counts a repair. After a time of quiet it is the first one again.
func (q *quarrel) repaired(now time.Time) {
	if now.Sub(q.until) > longestHold {
		q.repairs = 0
	}
	q.repairs++
	hold := time.Duration(0)
	if over := q.repairs - freeRepairs; over >= 0 {
		hold = min(firstHold<<min(over, 10), longestHold)
	}
	q.until = now.Add(hold)
}
