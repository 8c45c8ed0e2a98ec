package policy

import (
	"slices"
	"strings"
)

// covers tells whether p holds for every image that q holds for.
func (p Pattern) covers(q Pattern) bool {
	switch {
	case p.Any || q.Any:
		return p.Any
	case p.Port != q.Port || !hostMatches(p.Host, q.Host):
		return false
	case !p.Rest:
		return !q.Rest && each(p.Path, q.Path, coversOne)
	}
	shortest := len(q.Path)
	if q.Rest {
		shortest++
	}
	if shortest <= len(p.Path) {
		return false
	}
	return each(p.Path, q.path(len(p.Path)), coversOne)
}

// meets tells whether there is an image that both hold for.
func (p Pattern) meets(q Pattern) bool {
	switch {
	case p.Any || q.Any:
		return true
	case p.Port != q.Port || !hostsMeet(p.Host, q.Host):
		return false
	case !p.Rest && !q.Rest:
		return each(p.Path, q.Path, meetsOne)
	case !p.Rest && len(p.Path) <= len(q.Path) || !q.Rest && len(q.Path) <= len(p.Path):
		return false
	}
	n := min(len(p.Path), len(q.Path))
	return each(p.Path[:n], q.Path[:n], meetsOne)
}

// path is the first n segments, where those of Rest may be any.
func (p Pattern) path(n int) []string {
	segments := slices.Clone(p.Path[:min(n, len(p.Path))])
	for len(segments) < n {
		segments = append(segments, wildcard)
	}
	return segments
}

// hostsMeet tells whether some host is one that both patterns hold for.
func hostsMeet(a, b string) bool {
	for {
		labelA, moreA, foundA := strings.Cut(a, ".")
		labelB, moreB, foundB := strings.Cut(b, ".")
		if !meetsOne(labelA, labelB) || foundA != foundB {
			return false
		}
		if !foundA {
			return true
		}
		a, b = moreA, moreB
	}
}

func each(a, b []string, holds func(a, b string) bool) bool { return slices.EqualFunc(a, b, holds) }

func coversOne(a, b string) bool { return a == wildcard || a == b }

func meetsOne(a, b string) bool { return a == wildcard || b == wildcard || a == b }

// coveredBy is the first of patterns that covers p.
func (p Pattern) coveredBy(patterns []Pattern) (Pattern, bool) {
	i := slices.IndexFunc(patterns, func(q Pattern) bool { return q.covers(p) })
	if i < 0 {
		return Pattern{}, false
	}
	return patterns[i], true
}

// allCovered tells whether each of some patterns is covered by one of others.
func allCovered(some, others []Pattern) bool {
	return !slices.ContainsFunc(some, func(p Pattern) bool {
		_, covered := p.coveredBy(others)
		return !covered
	})
}

// meet tells whether an image exists for one of some and one of others.
func meet(some, others []Pattern) bool {
	return slices.ContainsFunc(some, func(p Pattern) bool { return slices.ContainsFunc(others, p.meets) })
}
