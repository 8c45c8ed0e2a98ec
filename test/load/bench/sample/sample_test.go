package sample

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestQuantileIsTheNearestRank(t *testing.T) {
	t.Parallel()
	hundred := make([]int, 100) // 1 to 100, shuffled
	for i, at := range rand.New(rand.NewPCG(3, 4)).Perm(100) {
		hundred[at] = i + 1
	}
	tests := map[string]struct {
		values []int
		p      float64
		want   int
	}{
		"the median of an even number":   {hundred, 0.5, 50},
		"the 99th of a hundred":          {hundred, 0.99, 99},
		"above the 99th there is one":    {hundred, 0.991, 100},
		"all":                            {hundred, 1, 100},
		"none is the least":              {hundred, 0, 1},
		"the only one":                   {[]int{7}, 0.99, 7},
		"the worst of fewer than wanted": {[]int{3, 1, 2}, 0.99, 3},
		"of nothing":                     {nil, 0.5, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, Quantile(tt.values, tt.p))
		})
	}
}

func TestQuantileLeavesItsArgumentAsItWas(t *testing.T) {
	t.Parallel()
	values := []float64{3, 1, 2}
	assert.InDelta(t, 2, Quantile(values, 0.5), 0)
	assert.Equal(t, []float64{3, 1, 2}, values)
}

func TestRounds(t *testing.T) {
	t.Parallel()
	odd, even := Rounds{5, 1, 9}, Rounds{4, 1, 9, 2}
	assert.InDelta(t, 5, odd.Median(), 0)
	assert.InDelta(t, 3, even.Median(), 0)
	assert.InDelta(t, 1, even.Min(), 0)
	assert.InDelta(t, 9, even.Max(), 0)
	assert.Equal(t, Rounds{5, 1, 9}, odd, "sorted in place")

	assert.Equal(t, Rounds{5. / 4, 1, 1}, odd.Over(even), "round by round, as far as both go")

	var none Rounds
	assert.Zero(t, none.Median()+none.Min()+none.Max())
	assert.Empty(t, none.Over(odd))
}

func TestIntervalHoldsWhatTheRoundsAgreeOn(t *testing.T) {
	t.Parallel()
	mean := func(values []float64) func([]int) float64 {
		return func(rounds []int) float64 {
			sum := 0.
			for _, i := range rounds {
				sum += values[i]
			}
			return sum / float64(len(rounds))
		}
	}
	low, high := Interval(4, mean([]float64{2, 2, 2, 2}))
	assert.Equal(t, []float64{2, 2}, []float64{low, high}, "rounds that agree")

	// A hundred values of standard deviation 1: their mean has one of 0.1, and
	// 90 % of a normal distribution lie within 1.645 of them.
	random := rand.New(rand.NewPCG(5, 6))
	values := make([]float64, 100)
	for i := range values {
		values[i] = random.NormFloat64()
	}
	low, high = Interval(len(values), mean(values))
	assert.InDelta(t, 2*1.645*0.1, high-low, 0.08)
	assert.Less(t, low, high)

	low, high = Interval(0, func([]int) float64 { return math.NaN() })
	assert.Zero(t, low+high, "no rounds")
}
