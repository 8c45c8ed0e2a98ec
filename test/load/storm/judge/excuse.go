package judge

import (
	"slices"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/load/storm/schedule"
	"github.com/tcr-webhook/tcr-webhook/test/stack/ledger"
)

// excuses are the times in which any of what is excused for an instance in a
// namespace, in order and without overlap. Empty names are those of nothing in
// particular.
func (h *History) excuses(what schedule.Excuse, instance, namespace string) []ledger.Span {
	var spans []ledger.Span
	for _, e := range h.Excuses {
		if e.What&what != 0 && (e.Instance == "" || e.Instance == instance) && (e.Namespace == "" || e.Namespace == namespace) {
			spans = append(spans, e.Span)
		}
	}
	return merged(spans)
}

// merged has each moment once.
func merged(spans []ledger.Span) (list []ledger.Span) {
	slices.SortFunc(spans, func(a, b ledger.Span) int { return a.From.Compare(b.From) })
	for _, s := range spans {
		if n := len(list); n > 0 && !s.From.After(list[n-1].To) {
			list[n-1].To = later(list[n-1].To, s.To)
			continue
		}
		list = append(list, s)
	}
	return list
}

// overlaps tells whether any of spans shares a moment with s.
func overlaps(s ledger.Span, spans []ledger.Span) bool {
	return slices.ContainsFunc(spans, func(e ledger.Span) bool { return !s.From.After(e.To) && !e.From.After(s.To) })
}

// without is how much of s is in none of spans, which do not overlap.
func without(s ledger.Span, spans []ledger.Span) time.Duration {
	rest := s.To.Sub(s.From)
	for _, e := range spans {
		from, to := later(s.From, e.From), s.To
		if e.To.Before(to) {
			to = e.To
		}
		rest -= max(to.Sub(from), 0)
	}
	return rest
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
