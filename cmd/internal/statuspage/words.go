package statuspage

import (
	"fmt"
	"time"
)

// when is t as seen from now: how far away, and the time of day.
func when(t, now time.Time) string {
	if d := now.Sub(t); d > 0 {
		return fmt.Sprintf("%s ago, %s", length(d), clock(t, now))
	}
	return fmt.Sprintf("in %s, %s", length(t.Sub(now)), clock(t, now))
}

// clock is a time, with its date unless that is today's.
func clock(t, now time.Time) string {
	t = t.UTC()
	if t.Format(time.DateOnly) == now.UTC().Format(time.DateOnly) {
		return t.Format("15:04:05 UTC")
	}
	return t.Format("2006-01-02 15:04 UTC")
}

// length is how long something is, in the one or two units that matter.
func length(d time.Duration) string {
	day := 24 * time.Hour
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < day:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	case d < 3*day:
		return fmt.Sprintf("%d d %d h", d/day, d%day/time.Hour)
	}
	return fmt.Sprintf("%d days", d/day)
}

// counted is a number of things.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
