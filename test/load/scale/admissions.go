package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/sample"
	"github.com/tcr-webhook/tcr-webhook/test/load/document"
	"github.com/tcr-webhook/tcr-webhook/test/load/result"
)

// slower is by how much p99 of admissions may be above that of the quiet
// slices.
const slower = 1.2

// of picks endpoints.
type of func(endpoint int) bool

func everyReplica(i int) bool { return i < replicas }
func control(i int) bool      { return i == replicas }

func (r *report) onLeader(i int) bool  { return i == r.leader }
func (r *report) onAnother(i int) bool { return everyReplica(i) && i != r.leader }

// ofKind are the numbers of the slices of a kind.
func ofKind(all []slice, k kind) (numbers []int) {
	for i, s := range all {
		if s.kind == k {
			numbers = append(numbers, i)
		}
	}
	return numbers
}

// population is the calls of some slices, the slowest first, so that a quantile
// near the end is found soon however the slices are drawn.
type population struct {
	took  []took
	calls map[int]int // by slice
}

type took struct {
	ms    float64
	slice int
}

func populationOf(all []slice, numbers []int, which of) population {
	p := population{calls: map[int]int{}}
	for _, n := range numbers {
		for i, every := range all[n].Took {
			if !which(i) {
				continue
			}
			p.calls[n] += len(every)
			for _, ms := range every {
				p.took = append(p.took, took{ms, n})
			}
		}
	}
	slices.SortFunc(p.took, func(a, b took) int { return cmp.Compare(b.ms, a.ms) })
	return p
}

// quantile is the least that a share q of the calls does not exceed (nearest
// rank), where each slice was drawn so many times; NaN where there are none.
func (p population) quantile(q float64, drawn map[int]int) float64 {
	n := 0
	for slice, times := range drawn {
		n += times * p.calls[slice]
	}
	above := n - int(math.Ceil(q*float64(n)))
	for _, t := range p.took {
		if above -= drawn[t.slice]; above < 0 {
			return t.ms
		}
	}
	return math.NaN()
}

// once is each of the slices, drawn once.
func once(numbers []int) map[int]int {
	drawn := map[int]int{}
	for _, n := range numbers {
		drawn[n] = 1
	}
	return drawn
}

// quantile is that of all calls of some slices to some endpoints, in ms.
func quantile(all []slice, numbers []int, which of, q float64) float64 {
	return populationOf(all, numbers, which).quantile(q, once(numbers))
}

// ratio is that of p99 in the slices of a kind to that in the quiet ones, and
// between which values it lies when slices are drawn anew.
func ratio(all []slice, k kind, which of) (got, low, high float64) {
	const q = 0.99
	loudOnes, stillOnes := ofKind(all, k), ofKind(all, quiet)
	loud, still := populationOf(all, loudOnes, which), populationOf(all, stillOnes, which)
	either := append(slices.Clone(loudOnes), stillOnes...)
	low, high = sample.Interval(len(either), func(drawn []int) float64 {
		times := map[int]int{}
		for _, d := range drawn {
			times[either[d]]++
		}
		return loud.quantile(q, times) / still.quantile(q, times)
	})
	return loud.quantile(q, once(loudOnes)) / still.quantile(q, once(stillOnes)), low, high
}

func (r *report) admissionGoals() []result.Goal {
	a := r.answers
	var goals []result.Goal
	p99 := func(all []slice, k kind, who string, which of, beside string, binding bool) {
		got, low, high := ratio(all, k, which)
		id := "hang"
		if k == wave {
			id = "wave"
		}
		goals = append(goals, result.Goal{
			ID: id, What: "p99 of " + who + ", " + string(k) + ", by the quiet one" + beside, Want: slower, Got: got, Low: low, High: high, Binding: binding,
		})
	}
	for _, k := range []kind{hung, wave, waveHung} {
		// In the wave API server and etcd take the replicas' CPUs, which is the
		// machine's as much as ours.
		nothing, _, _ := ratio(a.warm, k, control)
		p99(a.warm, k, "admissions", everyReplica, " (of a webhook that does nothing: "+result.Number(nothing)+")", k == hung)
		p99(a.warm, k, "admissions by the leader", r.onLeader, "", false)
	}
	ours, _, _ := ratio(a.warm, wave, everyReplica)
	machine, _, _ := ratio(a.warm, wave, control)
	goals = append(goals, result.Goal{
		ID: "wave", What: "p99 of admissions, wave by quiet, by the same of a webhook that does nothing", Want: slower, Got: ours / machine,
	})
	p99(a.cold, hung, "first pods of new namespaces", everyReplica, "", false)
	lost, unready := 0, 0
	for _, s := range slices.Concat(a.warm, a.cold) {
		lost, unready = lost+s.Lost, unready+s.Unready
	}
	return append(goals,
		result.Goal{ID: "R6", What: "admissions lost", Got: float64(lost), Binding: true},
		result.Goal{ID: "P11", What: "pods admitted before their Secret was there", Got: float64(unready), Binding: true},
		result.Goal{ID: "hang", What: "calls of the cloud that hung meanwhile", Want: 1, Got: float64(a.hangingCall), AtLeast: true, Binding: true},
	)
}

const admissionsNote = `Reviews of pods of 6 kB, %.0f a second to each replica, in an open loop and as an API server sends them (HTTP/1.1, 25 idle
connections), by a process of its own, in slices of %.0f s; latency counts from when a call was due, and every latency is kept. Their
namespaces have their Secrets. The cloud hangs in every other block of %d slices, whatever it is asked: a second instance's token,
of a minute, and its route, which is looked at every five seconds, so that there always is a call that hangs (%d in all). Quiet slices are from before and
after the wave. The webhook that does nothing finds the uid and answers; it is called in the same slices, and what the wave adds to it
is what the machine does, which API server, etcd and all else share. Time of our own is what the replicas' histograms have; CPU is
that of all three, by the calls, so that in the wave it is that of the wave as well. In brackets the middle 90 %% when slices are drawn anew (bootstrap).`

func (r *report) admissions() string {
	a := r.answers
	text := fmt.Sprintf(admissionsNote, 1/sliceEvery.Seconds(), sliceCalls*sliceEvery.Seconds(), blockSlices, a.hangingCall) + "\n\n"
	var rows [][]string
	for _, k := range []kind{quiet, hung, wave, waveHung} {
		rows = append(rows, r.admissionsRow(k))
	}
	text += document.Table([]string{
		"slices", "calls", "p50 ms", "p99", "p99.9", "p99 of the leader", "of the others", "of a webhook that does nothing", "own time, µs", "over 1 ms, %", "CPU, µs",
	}, rows)
	text += fmt.Sprintf("\nFirst pods of namespaces that are %.1f s old or less, one after another by each replica, which wait for their Secrets to be written:\n\n", coldPods*coldEvery.Seconds())
	rows = nil
	for _, k := range []kind{quiet, hung} {
		n := ofKind(a.cold, k)
		rows = append(rows, []string{
			string(k), fmt.Sprint(count(a.cold, n, everyReplica)), ms(quantile(a.cold, n, everyReplica, .5)), ms(quantile(a.cold, n, everyReplica, .99)),
		})
	}
	return text + document.Table([]string{"slices", "pods", "p50 ms", "p99"}, rows)
}

func (r *report) admissionsRow(k kind) []string {
	all := r.answers.warm
	n := ofKind(all, k)
	var cpu, calls float64
	var sum own
	for _, i := range n {
		cpu += float64(all[i].cpu.Microseconds())
		sum = sum.plus(all[i].own)
	}
	calls = float64(count(all, n, everyReplica))
	row := []string{string(k), fmt.Sprint(calls)}
	for _, p := range []float64{.5, .99, .999} {
		row = append(row, ms(quantile(all, n, everyReplica, p)))
	}
	for _, which := range []of{r.onLeader, r.onAnother, control} {
		row = append(row, ms(quantile(all, n, which, .99)))
	}
	return append(row, fmt.Sprintf("%.0f", 1e6*sum.seconds/sum.calls), strings.TrimSpace(fmt.Sprintf("%.2f", 100*sum.slow/sum.calls)), fmt.Sprintf("%.0f", cpu/calls))
}

func ms(f float64) string { return fmt.Sprintf("%.2f", f) }

func count(all []slice, numbers []int, which of) (n int) {
	for _, i := range numbers {
		for e, took := range all[i].Took {
			if which(e) {
				n += len(took)
			}
		}
	}
	return n
}
