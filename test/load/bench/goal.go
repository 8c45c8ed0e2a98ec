package main

import (
	"fmt"
	"math"
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
	maxPolicy      = 0.25
	maxImageMB     = 15
	maxHitNs       = 50
	maxWorstMicro  = 100
	maxUnneeded    = 12 // µs
	maxLeast       = 6  // of three entries, of which two look at all images
	maxBusyMs      = 5
)

func (r *report) goals() []result.Goal {
	goals := slices.Concat(r.handlerGoals(), r.serverGoals(), r.hostileGoals(), r.smallGoals())
	if r.restarted != nil {
		goals = append(goals, r.restarted.goals()...)
	}
	if r.creations != nil {
		goals = slices.Concat(goals, r.creationGoals(), r.creations.policyGoals(), r.creations.unneededGoals(), r.creations.heldGoals())
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

// smallGoals are those that have one figure each.
func (r *report) smallGoals() []result.Goal {
	return []result.Goal{
		of("P5", fmt.Sprintf("p99.9 at %d calls a second over TLS, held to one CPU", many), maxBusyMs, "ms", r.many.P999, milli, false),
		of("P9", fmt.Sprintf("CPU of a hit in the token cache (of a look at the clock alone, which is in it: %s ns)",
			result.Number(r.hits.Look.Median())), maxHitNs, "ns", r.hits.Mean, 1, false),
		of("P9", fmt.Sprintf("longest of a million hits while the API hangs (of as many looks at the clock alone: %s µs)",
			result.Number(r.hits.Clock.Median()/micro)), maxWorstMicro, "µs", r.hits.Worst, micro, false),
		of("P9", "of those, all but one in ten thousand within", maxWorstMicro, "µs", r.hits.Far, micro, false),
		of("P10", fmt.Sprintf("CPU of the conditions of all our registrations (%d entries), in process, per pod that needs nothing", r.conditions.Entries),
			maxUnneeded, "µs", r.conditions.All, micro, false),
		of("P10", "the same by conditions that only say no", maxLeast, "", r.conditions.All.Over(r.conditions.Least), 1, true),
		{ID: "R14", What: fmt.Sprintf("lost of %d calls of %d callers at once with %g CPU", r.crowd.calls, crowdSize, little), Got: float64(r.crowd.lost)},
		{
			ID: "R14", What: fmt.Sprintf("of %d calls at twice the rate that this gave, neither answered nor refused by 503 with Retry-After (%d were refused)",
				r.crowd.offered, r.crowd.shed), Got: float64(r.crowd.failed),
		},
		{ID: "P12", What: "the image, as a registry holds it", Want: maxImageMB, Got: r.image, Unit: "MB", Binding: true},
	}
}

func (r *restarted) goals() []result.Goal {
	what := fmt.Sprintf("lost of %d calls while replicas were restarted %d times", r.calls, r.restarts)
	return []result.Goal{{ID: "P8", What: what, Got: float64(r.Errors + r.Unmutated), Binding: true}}
}

// policyGoals compare with the API server's own way to change a pod.
func (c *creations) policyGoals() []result.Goal {
	share := func(slices []int) float64 { return c.added(policy, 0.5, slices) }
	low, high := sample.Interval(len(c.slices()), share)
	p50 := func(slices []int) float64 {
		if more := c.more(contender.Ours, 0.5, slices); more > 0 {
			return more / milli
		}
		return math.NaN() // which tells of the machine alone
	}
	least, most := sample.Interval(len(c.slices()), p50)
	return []result.Goal{
		{
			// It does not bind: the canned webhook, which answers at once, adds more
			// than the policy too, and so no webhook that changes the pod can hold it.
			ID: "P4", What: "added at p50 by what a MutatingAdmissionPolicy adds", Want: maxPolicy,
			Got: share(c.slices()), Low: low, High: high,
		},
		{ID: "P4", What: "added at p50", Want: 1, Unit: "ms", Got: p50(c.slices()), Low: least, High: most},
	}
}

// unneededGoals are about pods that need nothing.
func (c *creations) unneededGoals() []result.Goal {
	pods := float64(len(c.of(elsewhere, c.slices())))
	return []result.Goal{
		{
			ID: "P10", What: "matchConditions of all our registrations, per pod that needs nothing, as the API server counts", Want: maxUnneeded,
			Unit: "µs", Got: c.unneeded.seconds * 1e6 / pods,
		},
		{ID: "P10", What: fmt.Sprintf("calls because of %.0f such pods", pods), Got: c.unneeded.calls, Binding: true},
	}
}

// heldGoals are about ours while it is held to little CPU.
func (c *creations) heldGoals() []result.Goal {
	h := c.small
	what := fmt.Sprintf("calls within %v, by the API server's histogram, at %d pods a second and %g CPU", within, littleRate, little)
	if h.not != nil {
		what += " (without root not held to it)"
	}
	what += fmt.Sprintf("; of an echo with our patch ready-made %s %%", result.Number(c.floor.share()))
	return []result.Goal{
		{ID: "P5", What: what, Want: 100, AtLeast: true, Unit: "%", Got: h.share()},
		{ID: "R14", What: fmt.Sprintf("of those %.0f calls lost", h.calls), Got: float64(h.Errors + h.Unmutated)},
	}
}

// lost is how many calls of ours went wrong in the whole run, but for those that
// had little CPU, which are told of by themselves.
func (r *report) lost() int {
	var all losses
	for l, s := range r.servers.services {
		if l.contender == contender.Ours {
			all.join(s.losses)
		}
	}
	all.join(r.many.losses)
	if r.restarted != nil {
		all.join(r.restarted.losses)
	}
	if r.creations != nil {
		all.join(r.creations.losses[contender.Ours])
	}
	return all.Errors + all.Unmutated
}
