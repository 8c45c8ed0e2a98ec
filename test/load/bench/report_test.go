package main

import (
	"errors"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/reviews"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/sample"
)

// sampleReport is a report in which each contender costs twice the one before.
func sampleReport(t *testing.T) *report {
	t.Helper()
	r := &report{options: options{dir: t.TempDir(), rounds: 2, rate: 100, seconds: 6}, args: "--api-server",
		handlers: map[key]*cost{}, servers: &served{map[load]*service{}, map[key]float64{}},
		hits: &hits{sample.Rounds{40}, sample.Rounds{30}, sample.Rounds{2e3}, sample.Rounds{1e3}, sample.Rounds{1e3}}, many: &busy{P999: sample.Rounds{2e6}}, image: 13.5, crowd: &crowd{calls: 10, offered: 20},
		conditions: &conditions{sample.Rounds{2e4}, sample.Rounds{1e4}, 3},
		restarted:  &restarted{restarts: 100, calls: 1_000_000},
		creations: &creations{map[string][][]float64{}, map[string]sample.Rounds{}, map[string]losses{},
			unneeded{6e-5, 0}, &held{calls: 1000, fast: 999}, &held{calls: 1000, fast: 998}}}
	for i, c := range contender.All() {
		rounds := sample.Rounds{float64(int(1000) << i), float64(int(1100) << i)}
		for _, size := range reviews.Sizes() {
			r.handlers[key{c.Name, size.Name}] = &cost{rounds, rounds, rounds}
			for _, n := range concurrencies {
				r.servers.services[load{c.Name, size.Name, n}] = &service{CPU: rounds, P50: rounds, P99: rounds, Rate: rounds, Calls: 9}
			}
		}
	}
	ours, typed := sample.Rounds{5e6}, sample.Rounds{5e7}
	r.hostile = []attack{{reviews.Hostile{Name: "bomb", Accepted: true}, map[string]*cost{
		contender.Ours: {ours, ours, ours}, contender.Typed: {typed, typed, typed}}, errors.New("another object")}}
	for i, name := range []string{none, contender.NoOp, contender.Ours, contender.Canned, elsewhere, policy} {
		at := float64(i+1) * milli // the no-op adds 1 ms, ours 2, the canned one 3, the policy 5
		r.creations.latencies[name] = [][]float64{{at, at, at}, {at, at, at}}
	}
	return r
}

func TestReportSaysHowItWasMade(t *testing.T) {
	t.Parallel()
	r := sampleReport(t)
	require.NoError(t, r.write(t.Output()))
	text, err := os.ReadFile(r.dir + "/" + details)
	require.NoError(t, err)
	assert.Contains(t, string(text), "`go -C test/load run ./bench --api-server`")
	for _, plot := range []string{handlersPlot, serversPlot, creationsPlot} {
		assert.Contains(t, string(text), "("+plot+")")
		drawn, err := os.ReadFile(r.dir + "/" + plot)
		require.NoError(t, err)
		assert.Contains(t, string(drawn), "<svg")
	}
}

func TestGoalsAreAboutWhatWasMeasured(t *testing.T) {
	t.Parallel()
	r := sampleReport(t)
	r.creations.losses[contender.Ours] = losses{Errors: 1, Unmutated: 2}
	got := map[string]float64{}
	for _, g := range r.goals() {
		got[g.What] = g.Got
	}
	assert.InDelta(t, 0.5, got["CPU of the handler by the typed one's, 6 kB"], 1e-9)
	assert.InDelta(t, 1.05, got["CPU of the handler, 60 kB"], 1e-9)
	assert.InDelta(t, 0.125, got["CPU of the server by the echo's, 60kB, 16 at once"], 1e-9)
	assert.InDelta(t, 0.1, got["CPU by the typed one's, bomb"], 1e-9)
	assert.InDelta(t, 2, got["added at p50 by what the no-op webhook adds"], 1e-9)
	assert.InDelta(t, 2./3, got["added at p99 by what the canned webhook adds"], 1e-9)
	assert.InDelta(t, 0.4, got["added at p50 by what a MutatingAdmissionPolicy adds"], 1e-9)
	assert.InDelta(t, 2, got["added at p50"], 1e-9)
	assert.InDelta(t, 10, got["matchConditions of all our registrations, per pod that needs nothing, as the API server counts"], 1e-9)
	assert.InDelta(t, 99.9, got["calls within 5ms, by the API server's histogram, at 200 pods a second and 0.1 CPU; of an echo with our patch ready-made 99.8 %"], 1e-9)
	assert.InDelta(t, 0, got["lost of 1000000 calls while replicas were restarted 100 times"], 0)
	assert.InDelta(t, 3, got["errors and unmutated pods of our calls"], 0)

	late := float64(most) + 1
	r.creations.latencies[none][0] = []float64{late, late, late}
	assert.True(t, math.IsNaN(r.creations.added(contender.NoOp, 0.99, r.creations.slices())), "the rate was not held")
	assert.InDelta(t, 2, r.creations.added(contender.NoOp, 0.5, r.creations.slices()), 1e-9)
	assert.Contains(t, string(r.markdown()), "did not hold 100 pods a second:** even without a webhook p99 is above 100ms")

	r.creations = nil
	for _, g := range r.goals() {
		assert.NotEqual(t, "L3", g.ID, "without an API server")
	}
}
