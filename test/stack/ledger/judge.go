package ledger

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Span is a time with both of its ends.
type Span struct{ From, To time.Time }

// Bounds are what the writes of a run are held to. A zero field bounds nothing.
type Bounds struct {
	// PerMinute is how often one Secret may be written within any minute.
	PerMinute int
	// PerSecond is how many Secrets may be changed a second, over any ten
	// seconds. Creations are not counted: pods wait for those.
	PerSecond int
	// Moves tells for which namespaces a Secret may be deleted and made anew.
	Moves func(namespace string) bool
}

// judge finds what must never happen.
func judge(history map[string][]Version, excuses []Span, b Bounds, now time.Time) (found []string) {
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	var changes []time.Time
	for _, namespace := range slices.Sorted(maps.Keys(history)) {
		versions := history[namespace]
		for _, dry := range dries(versions, now) {
			if rest := without(dry, excuses); rest > 0 {
				say("%s: the login had ended for %s, at %s", namespace, rest.Round(time.Millisecond), dry.From.Format(time.TimeOnly))
			}
		}
		for i, v := range versions {
			if v.Op == Changed {
				changes = append(changes, v.Seen)
			}
			if i == 0 {
				continue
			}
			was := versions[i-1]
			if v.UID != was.UID && (b.Moves == nil || !b.Moves(namespace)) {
				say("%s: the secret was made anew at %s", namespace, v.Seen.Format(time.TimeOnly))
			}
			if v.Op == Changed && v.UID == was.UID && !v.Expires.IsZero() && v.Expires.Before(was.Expires) {
				say("%s: the expiry went back by %s", namespace, was.Expires.Sub(v.Expires))
			}
		}
		if n, at := most(writes(versions), time.Minute); b.PerMinute > 0 && n > b.PerMinute {
			say("%s: %d writes within a minute from %s", namespace, n, at.Format(time.TimeOnly))
		}
	}
	const window = 10 * time.Second
	slices.SortFunc(changes, time.Time.Compare)
	if n, at := most(changes, window); b.PerSecond > 0 && n > b.PerSecond*int(window/time.Second) {
		say("%d secrets changed within %s from %s", n, window, at.Format(time.TimeOnly))
	}
	return found
}

// dries are the times at which a Secret held a login that had ended.
func dries(versions []Version, now time.Time) (spans []Span) {
	for i, v := range versions {
		until := now
		if i+1 < len(versions) {
			until = versions[i+1].Seen
		}
		if v.Op == Deleted || v.Expires.IsZero() {
			continue
		}
		from := v.Expires
		if v.Seen.After(from) {
			from = v.Seen
		}
		if from.Before(until) {
			spans = append(spans, Span{from, until})
		}
	}
	return spans
}

// without is how much of s is in none of excuses, which do not overlap.
func without(s Span, excuses []Span) time.Duration {
	rest := s.To.Sub(s.From)
	for _, e := range excuses {
		from, to := s.From, s.To
		if e.From.After(from) {
			from = e.From
		}
		if e.To.Before(to) {
			to = e.To
		}
		rest -= max(to.Sub(from), 0)
	}
	return rest
}

func writes(versions []Version) (at []time.Time) {
	for _, v := range versions {
		if v.Op == Created || v.Op == Changed {
			at = append(at, v.Seen)
		}
	}
	return at
}

// most is the greatest number of the times within any window, and when that
// began. The times are in order.
func most(times []time.Time, window time.Duration) (n int, begun time.Time) {
	first := 0
	for i, at := range times {
		for at.Sub(times[first]) >= window {
			first++
		}
		if i-first+1 > n {
			n, begun = i-first+1, times[first]
		}
	}
	return n, begun
}

// MostWithin is the greatest number of Secrets that were changed within any
// window.
func (l *Ledger) MostWithin(window time.Duration) int {
	var changes []time.Time
	for _, versions := range l.History() {
		for _, v := range versions {
			if v.Op == Changed {
				changes = append(changes, v.Seen)
			}
		}
	}
	slices.SortFunc(changes, time.Time.Compare)
	n, _ := most(changes, window)
	return n
}

// Premature counts the tokens that were issued while the one before had still
// more than half of its life, of those issued at these times in order. A
// twentieth of a life is left for clocks and calls.
func Premature(issued []time.Time, life time.Duration) int {
	n := 0
	for i := 1; i < len(issued); i++ {
		if issued[i].Sub(issued[i-1]) < life*9/20 {
			n++
		}
	}
	return n
}
