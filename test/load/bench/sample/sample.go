// Package sample is the statistics of repeated measurements: quantiles of many
// values, and what the rounds of an interleaved measurement say together. It is
// pure arithmetic.
package sample

import (
	"cmp"
	"math"
	"slices"
)

// Quantile is the smallest of values that at least the share p of them do not
// exceed (nearest rank). It is zero where there are no values.
func Quantile[T cmp.Ordered](values []T, p float64) T {
	if len(values) == 0 {
		var none T
		return none
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// Rounds are one figure as measured once in each round.
type Rounds []float64

// Median is the middle round, or the mean of the middle two.
func (r Rounds) Median() float64 {
	if len(r) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(r))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Min is the least of the rounds, Max the greatest; zero for no rounds.
func (r Rounds) Min() float64 { return r.extreme(slices.Min[[]float64]) }

// Max is the greatest of the rounds.
func (r Rounds) Max() float64 { return r.extreme(slices.Max[[]float64]) }

func (r Rounds) extreme(of func([]float64) float64) float64 {
	if len(r) == 0 {
		return 0
	}
	return of(r)
}

// Over divides r by the same rounds of s: what disturbed a round disturbed
// both. The result has as many rounds as the shorter of the two.
func (r Rounds) Over(s Rounds) Rounds {
	n := min(len(r), len(s))
	quotients := make(Rounds, n)
	for i := range n {
		quotients[i] = r[i] / s[i]
	}
	return quotients
}
