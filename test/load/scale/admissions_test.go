package main

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// slicesOf has a slice of each of the lists, which one replica took.
func slicesOf(k kind, lists ...[]float64) (all []slice) {
	for _, l := range lists {
		all = append(all, slice{kind: k, calls: calls{Took: [][]float64{l}}})
	}
	return all
}

func TestQuantilesAreExact(t *testing.T) {
	t.Parallel()
	all := slicesOf(quiet, []float64{1, 4}, []float64{3, 2})
	for q, want := range map[float64]float64{.25: 1, .5: 2, .51: 3, .75: 3, .99: 4, 1: 4} {
		assert.InDelta(t, want, quantile(all, []int{0, 1}, everyReplica, q), 0, q)
	}
	assert.InDelta(t, 4, quantile(all, []int{0}, everyReplica, .99), 0)
	assert.True(t, math.IsNaN(quantile(all, []int{0, 1}, control, .99)), "nobody called it")
	p := populationOf(all, []int{0, 1}, everyReplica)
	assert.InDelta(t, 3, p.quantile(1, map[int]int{1: 2}), 0, "a slice that was not drawn counts")
	assert.InDelta(t, 2, p.quantile(.5, map[int]int{1: 3}), 0, "a slice that was drawn three times counts once")
}

func TestRatiosAreToQuietSlices(t *testing.T) {
	t.Parallel()
	all := append(slicesOf(quiet, []float64{1, 2}, []float64{1, 2}, []float64{1, 2}), slicesOf(hung, []float64{1, 3}, []float64{1, 3})...)
	all = append(all, slicesOf(wave, []float64{100})...)
	got, low, high := ratio(all, hung, everyReplica)
	assert.InDelta(t, 1.5, got, 0)
	assert.InDelta(t, 1.5, low, 0)
	assert.InDelta(t, 1.5, high, 0)
}

func TestJudgeTellsALateSecretFromALostCall(t *testing.T) {
	t.Parallel()
	assert.NoError(t, judge(200, []byte(`{"allowed":true,"patchType":"JSONPatch"}`), true))
	assert.NoError(t, judge(200, []byte(`{"allowed":true}`), false))
	assert.Error(t, judge(503, []byte(`{"allowed":true,"patchType":"JSONPatch"}`), true))
	assert.Error(t, judge(200, []byte(`{"allowed":false}`), false))
	assert.Error(t, judge(200, []byte(`{"allowed":true}`), true), "unmutated")
	assert.ErrorIs(t, judge(200, []byte(`{"allowed":true,"patchType":"JSONPatch","warnings":["x"]}`), true), errUnready)
}

func TestOwnTimeIsRead(t *testing.T) {
	t.Parallel()
	o, err := ownOf(histogram + `_bucket{webhook="pods",le="0.001"} 7
` + histogram + `_sum{webhook="pods"} 0.25
` + histogram + `_count{webhook="pods"} 10
`)
	assert.NoError(t, err)
	assert.Equal(t, own{calls: 10, seconds: .25, slow: 3}, o)
	_, err = ownOf("")
	assert.ErrorContains(t, err, histogram)
}
