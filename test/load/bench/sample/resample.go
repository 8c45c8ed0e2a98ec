package sample

import (
	"math"
	"math/rand/v2"
	"slices"
)

// resamples is how often Interval draws: enough for its ends to be the same to
// about a percent of its width.
const resamples = 1000

// Interval is between which values 90 % of a statistic's outcomes lie when it
// is computed from n rounds drawn out of n at random, with repetition (the
// bootstrap), NaN left out. It shows by how much the statistic depends on which
// rounds there happened to be. The draws are the same in every call.
func Interval(n int, statistic func(rounds []int) float64) (low, high float64) {
	if n == 0 {
		return 0, 0
	}
	random := rand.New(rand.NewPCG(1, 2))
	drawn := make([]int, n)
	outcomes := make([]float64, resamples)
	for i := range outcomes {
		for j := range drawn {
			drawn[j] = random.IntN(n)
		}
		outcomes[i] = statistic(drawn)
	}
	outcomes = slices.DeleteFunc(outcomes, math.IsNaN)
	return Quantile(outcomes, 0.05), Quantile(outcomes, 0.95)
}
