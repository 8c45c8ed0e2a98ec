package certs

import "time"

// Moment is a time by both clocks. Certificates go by the wall clock, which can
// be set; how long something has been so goes by the other, which cannot, and
// which stands still while a machine is suspended.
type Moment struct {
	Wall time.Time
	Up   time.Duration // since the process began
}

// clock tells moments since began.
type clock struct{ began time.Time }

func newClock() clock { return clock{time.Now()} }

func (c clock) now() Moment {
	now := time.Now()
	return Moment{Wall: now.Round(0), Up: now.Sub(c.began)}
}

// steady tells for how long something has been so.
type steady struct {
	what  string
	since time.Duration
	is    bool
}

// held is for how long what has been so, as of a look that finds it so or not.
func (s *steady) held(what string, so bool, up time.Duration) time.Duration {
	if !so || !s.is || s.what != what {
		*s = steady{what: what, since: up, is: so}
	}
	if !so {
		return 0
	}
	return up - s.since
}
