package main

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/tcr-webhook/tcr-webhook/test/load/machine"
	"github.com/tcr-webhook/tcr-webhook/test/load/storm/judge"
	"github.com/tcr-webhook/tcr-webhook/test/load/storm/schedule"
	"github.com/tcr-webhook/tcr-webhook/test/stack/ledger"
)

// record is what happened, but for the Secrets. Use newRecord.
type record struct {
	mu         sync.Mutex // guards what is below
	admissions []judge.Admission
	excuses    []*judge.Excuse
	spaces     map[string]judge.Space
	foreign    map[types.UID]string
	ways       []judge.Way
	looks      []judge.Look
	violations []judge.Violation
	notes      []string
	stalled    time.Duration
	busy       float64 // the most that busyness has been
}

// note keeps something that is odd and breaks nothing.
func (r *record) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

func newRecord() *record {
	return &record{busy: 1, spaces: map[string]judge.Space{}, foreign: map[types.UID]string{}}
}

// far is the end of what has none yet.
func far() time.Time { return time.Now().Add(1000 * time.Hour) }

// excuse begins an excuse; what is returned ends it after tail.
func (r *record) excuse(from time.Time, what schedule.Excuse, instance, namespace string) (end func(tail time.Duration)) {
	e := &judge.Excuse{Span: ledger.Span{From: from, To: far()}, What: what, Instance: instance, Namespace: namespace}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.excuses = append(r.excuses, e)
	return func(tail time.Duration) {
		r.mu.Lock()
		defer r.mu.Unlock()
		e.To = time.Now().Add(time.Duration(float64(tail) * r.busy))
	}
}

func (r *record) admitted(a judge.Admission) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.admissions = append(r.admissions, a)
}

func (r *record) space(name string, change func(*judge.Space)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.spaces[name]
	change(&s)
	r.spaces[name] = s
}

func (r *record) notOurs(uid types.UID, version string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.foreign[uid] = version
}

func (r *record) way(host string, works bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ways = append(r.ways, judge.Way{Host: host, At: time.Now(), Works: works})
}

func (r *record) violated(all ...judge.Violation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.violations = append(r.violations, all...)
}

func (r *record) looked(all ...judge.Look) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looks = append(r.looks, all...)
}

// history is what was recorded.
func (r *record) history() judge.History {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := judge.History{
		Admissions: slices.Clone(r.admissions), Spaces: maps.Clone(r.spaces), Foreign: maps.Clone(r.foreign), Ways: slices.Clone(r.ways),
	}
	for _, e := range r.excuses {
		h.Excuses = append(h.Excuses, *e)
	}
	return h
}

const (
	// nap is short for a machine that has time, and stall is when it has not: the
	// processes under test, of which each wants as much, stand still as well.
	nap   = 50 * time.Millisecond
	stall = 700 * time.Millisecond
	// afterStall is what waits in queues then.
	afterStall = 3 * time.Second
)

// stalls excuses the times in which the machine lets nobody run, until ctx ends.
func (r *record) stalls(ctx context.Context) error {
	tick := time.NewTicker(nap)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := time.Now()
		r.mu.Lock()
		r.busy = max(r.busy, busyness(machine.LoadAverage()))
		r.mu.Unlock()
		if late := now.Sub(last) - nap; late > stall {
			r.mu.Lock()
			r.stalled += late
			r.excuses = append(r.excuses, &judge.Excuse{
				Span: ledger.Span{From: last, To: now.Add(afterStall)},
				What: schedule.Logins | schedule.Calls | schedule.Requests | schedule.Routes,
			})
			r.mu.Unlock()
		}
		last = now
	}
}

// mostBusy is as much as times are stretched. Whoever wants to see more on a
// machine that has nothing left sees the machine.
const mostBusy = 4

// busyness is by how much everything takes longer than on a machine that keeps
// up: one with twice as many processes that want a CPU as there are CPUs does, for
// most of ours want one for milliseconds. Times are allowed to be so much longer.
func busyness(loadAverage string) float64 {
	load, err := strconv.ParseFloat(loadAverage, 64)
	if err != nil {
		return 1
	}
	return min(max(load/float64(2*runtime.NumCPU()), 1), mostBusy)
}

// stretch is a time on this machine, as busy as it was.
func (r *record) stretch(d time.Duration) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Duration(float64(d) * r.busy)
}
