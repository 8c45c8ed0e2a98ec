package main

import (
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/load/result"
)

// id is that of the goals that no list numbers.
const id = "rollout"

// maxMemory in MiB is what a replica may have.
const maxMemory = 64

// goals are what was promised. Elapsed and CPU times do not bind: they are the
// machine's as much as ours.
func (r *report) goals() []result.Goal {
	ours := []*outcome{r.runs[one], r.runs[three]}
	atMost := func(name, what string, want float64, get func(*outcome) float64) result.Goal {
		return result.Goal{ID: name, What: what + ", one replica or three", Want: want, Got: max(get(ours[0]), get(ours[1])), Binding: true}
	}
	memory := atMost("P7", "memory of a replica, at the most", maxMemory, (*outcome).mostMemory)
	memory.Unit = "MiB"
	return append([]result.Goal{
		atMost(id, "pods without the pull secret or with the image as it was written", 0, func(o *outcome) float64 { return float64(o.found.unchanged) }),
		atMost(id, "pods that are missing", 0, func(o *outcome) float64 { return float64(r.pods - o.found.pods) }),
		atMost(id, "creations of a pod that failed", 0, (*outcome).failed),
		atMost(id, "namespaces with pods and no pull Secret", 0, func(o *outcome) float64 { return float64(r.deployments() - o.found.secrets) }),
		memory,
		atMost("P7", "calls of "+issue+" in a run", 1, func(o *outcome) float64 { return float64(o.issued) }),
		atMost(id, "calls of the API server in the roll-out for a pod, but for leases", 2.5/float64(r.each), func(o *outcome) float64 { return r.perPod(float64(o.work(rolling))) }),
		atMost(id, "calls of tcr-webhook by the API server for a pod", 1.1, func(o *outcome) float64 { return r.perPod(o.asked("").count()) }),
	}, r.ratios()...)
}

// ratios compare the runs with one another.
func (r *report) ratios() []result.Goal {
	without, single, triple := r.runs[none], r.runs[one], r.runs[three]
	ratio := func(what string, want float64, a, b time.Duration) result.Goal {
		return result.Goal{ID: id, What: what, Want: want, Got: a.Seconds() / b.Seconds()}
	}
	events := (triple.watched(rolling, "secrets") - single.watched(rolling, "secrets")) / 2
	return []result.Goal{
		{ID: id, What: "calls that three replicas make more than one, for a pod", Want: .01, Got: r.perPod(float64(triple.work(rolling) - single.work(rolling))), Binding: true},
		{ID: id, What: "events of Secrets sent to one more replica, for a pull Secret", Want: 1.1, Got: events / float64(r.deployments()), Binding: true},
		ratio("the roll-out with one replica, by that without", 1.1, single.rollout(), without.rollout()),
		ratio("the roll-out with three replicas, by that without", 1.1, triple.rollout(), without.rollout()),
		ratio("CPU of API server and etcd in the roll-out with one replica, by that without", 1.25, single.controlPlane(), without.controlPlane()),
		ratio("the same with three replicas, by that with one", 1.05, triple.controlPlane(), single.controlPlane()),
	}
}

func (r *report) perPod(n float64) float64 { return n / float64(r.pods) }
