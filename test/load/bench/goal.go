package main

import (
	"fmt"
	"slices"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/sample"
	"github.com/tcr-webhook/tcr-webhook/test/load/result"
)

// The bounds. Where a goal is a time, the ratio that binds in its place is that
// of the goal to what the usual handler took on the machine for which the goal
// was set: 523 and 5240 µs for the reviews, 68 ms for the escapes.
const (
	maxAllocs      = 10
	maxTyped6k     = 20. / 523
	maxTyped60k    = 150. / 5240
	maxTypedEscape = 15. / 68
	maxEcho6k      = 2
	maxEcho60k     = 4
	maxHostileMiB  = 4
	maxHostileMs   = 15
	maxAdded       = 1.3
)

func (r *report) goals() []result.Goal {
	goals := slices.Concat(r.handlerGoals(), r.serverGoals(), r.hostileGoals())
	if r.creations != nil {
		goals = append(goals, r.creationGoals()...)
	}
	return append(goals, result.Goal{ID: "losses", What: "errors and unmutated pods of our calls", Got: float64(r.lost()), Binding: true})
}

// of is a goal about figures taken in rounds.
func of(name, what string, want float64, unit string, got sample.Rounds, scale float64, binding bool) result.Goal {
	return result.Goal{
		ID: name, What: what, Want: want, Unit: unit, Binding: binding,
		Got: got.Median() / scale, Low: got.Min() / scale, High: got.Max() / scale,
	}
}

func (r *report) handlerGoals() []result.Goal {
	at := func(name, size string) *cost { return r.handlers[key{name, size}] }
	ours6k, ours60k := at(contender.Ours, "6k"), at(contender.Ours, "60k")
	return []result.Goal{
		of("P1", "allocations of the handler, 6 kB", maxAllocs, "", ours6k.Allocs, 1, true),
		of("P1", "CPU of the handler by the typed one's, 6 kB", maxTyped6k, "", ours6k.CPU.Over(at(contender.Typed, "6k").CPU), 1, true),
		of("P1", "CPU of the handler by the typed one's, 60 kB", maxTyped60k, "", ours60k.CPU.Over(at(contender.Typed, "60k").CPU), 1, true),
		of("P1", "CPU of the handler, 6 kB", 20, "µs", ours6k.CPU, micro, false),
		of("P1", "CPU of the handler, 60 kB", 150, "µs", ours60k.CPU, micro, false),
	}
}

func (r *report) serverGoals() []result.Goal {
	var goals []result.Goal
	for _, l := range []struct {
		size string
		want float64
	}{{"6k", maxEcho6k}, {"60k", maxEcho60k}} {
		for _, n := range concurrencies {
			ours, echo := r.servers.services[load{contender.Ours, l.size, n}], r.servers.services[load{contender.Echo, l.size, n}]
			// The goal was set by what a server took that 16 called at once. One
			// caller alone mostly has it go to sleep and wake up.
			binding := n > 1
			what := fmt.Sprintf("CPU of the server by the echo's, %sB, %d at once", l.size, n)
			goals = append(goals, of("P2", what, l.want, "", ours.CPU.Over(echo.CPU), 1, binding))
		}
	}
	return goals
}

func (r *report) hostileGoals() []result.Goal {
	var goals []result.Goal
	for i, a := range r.hostile {
		if !a.Accepted {
			continue // beyond what P6 is about
		}
		ours := a.costs[contender.Ours]
		goals = append(goals, of("P6", "bytes allocated, "+a.Name, maxHostileMiB, "MiB", ours.Bytes, 1<<20, true))
		if i == 0 {
			goals = append(goals, of("P6", "CPU by the typed one's, "+a.Name, maxTypedEscape, "", ours.CPU.Over(a.costs[contender.Typed].CPU), 1, true))
		}
		goals = append(goals, of("P6", "CPU, "+a.Name, maxHostileMs, "ms", ours.CPU, milli, false))
	}
	return goals
}

func (r *report) creationGoals() []result.Goal {
	var goals []result.Goal
	for _, by := range []string{contender.NoOp, contender.Canned} {
		for _, p := range quantiles {
			added := func(slices []int) float64 { return r.creations.added(by, p, slices) }
			all := r.creations.slices()
			low, high := sample.Interval(len(all), added)
			what := fmt.Sprintf("added at p%.0f by what the %s webhook adds", p*100, by)
			// Against the no-op no webhook that changes the pod can hold it: what
			// the API server takes to apply a patch, the canned one's as well,
			// is more than what the no-op adds in all. And of p99, 3,000 pods on
			// two cores say too little.
			binds := by == contender.Canned && p < 0.9
			goals = append(goals, result.Goal{ID: "L3", What: what, Want: maxAdded, Got: added(all), Low: low, High: high, Binding: binds})
		}
	}
	return goals
}

// lost is how many calls of ours went wrong in the whole run.
func (r *report) lost() int {
	var all losses
	for l, s := range r.servers.services {
		if l.contender == contender.Ours {
			all.join(s.losses)
		}
	}
	if r.creations != nil {
		all.join(r.creations.losses[contender.Ours])
	}
	return all.Errors + all.Unmutated
}
