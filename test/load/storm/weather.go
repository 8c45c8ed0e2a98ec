package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/load/storm/judge"
	"github.com/tcr-webhook/tcr-webhook/test/load/storm/schedule"
)

// verdict is what came of a storm.
type verdict struct {
	plan       schedule.Plan
	violations []judge.Violation
	notes      []string
	err        error // of the harness itself

	pods, lost, tokens, logins, versions int
	recovered, stalled                   time.Duration
	busy                                 float64
	growth                               judge.Growth
	slopes                               judge.Growth
	watched                              int // processes that slopes are of
}

// weather has the storm of a plan over a binary.
type weather struct {
	*bed

	plan  schedule.Plan
	soak  bool
	begun time.Time
	out   io.Writer
	slots map[string]*sync.Mutex // one fault of a slot at a time, however long it really takes
	// recovered is how long it took after the last fault; growth is since then.
	recovered time.Duration
	growth    judge.Growth
}

// brave runs a storm from its start to its verdict.
func brave(ctx context.Context, o options, plan schedule.Plan, out io.Writer) (v verdict) {
	v.plan = plan
	b, err := startBed(ctx, o.binary, plan.Life)
	if err != nil {
		v.err = err
		return v
	}
	if o.soak {
		b.spared = b.Servers[0] // so that there is one whose growth can be seen
	}
	w := &weather{bed: b, plan: plan, soak: o.soak, out: out, slots: map[string]*sync.Mutex{}}
	for _, t := range schedule.Traits() {
		w.slots[t.Slot] = &sync.Mutex{}
	}
	err = w.run(ctx)
	w.conclude(&v)
	v.err = errors.Join(err, b.stop())
	if o.logs != "" || len(v.violations) > 0 || v.err != nil {
		v.err = errors.Join(v.err, w.keepLogs(o.logs, &v))
	}
	v.err = errors.Join(v.err, b.clean())
	return v
}

// run has the crowd come, the storm pass, and looks whether all is well then.
func (w *weather) run(ctx context.Context) error {
	for _, s := range instances() {
		if _, err := w.Cloud.Push(ctx, s.host()+"/team/hello:1"); err != nil {
			return err
		}
	}
	going, leave := context.WithCancel(ctx)
	left := make(chan error, 1)
	go func() { left <- w.crowd.start(going) }()
	w.begun = time.Now()
	if took, missing := w.well(ctx, settles); missing != nil {
		leave()
		return fmt.Errorf("before the storm, after %s: %w", took, errors.Join(missing, <-left))
	}
	before := w.looks(ctx, 3)
	w.storm(ctx)
	took, missing := w.well(ctx, recovers)
	w.recovered = took
	if missing != nil {
		w.record.violated(judge.Violation{Invariant: judge.Recovers, At: time.Now(), What: fmt.Sprintf("not within %s: %v", took, missing)})
	}
	w.say("all is well %s after the last fault", took.Round(100*time.Millisecond))
	calm := w.looks(ctx, 4)
	w.drill(ctx)
	after := w.looks(ctx, 5)
	leave()
	err := <-left
	w.compare(before, calm, after)
	w.record.looked(before...)
	w.record.looked(after...)
	leaks, lerr := w.Leaks(ctx, marker)
	for _, l := range leaks {
		w.record.violated(judge.Violation{Invariant: judge.NoSecrets, At: time.Now(), What: l})
	}
	return errors.Join(err, lerr, ctx.Err())
}

// compare compares the processes that were there all along with what they had at
// first, and all that are there with what they had before the drill.
func (w *weather) compare(before, calm, after []judge.Look) {
	whole, _ := judge.Grown(before, after)
	drill, n := judge.Grown(calm, after)
	if n == 0 {
		w.record.note("no process was there before the drill and after it")
	}
	w.growth = judge.Growth{
		Goroutines: max(whole.Goroutines, drill.Goroutines), Files: max(whole.Files, drill.Files), Heap: max(whole.Heap, drill.Heap),
	}
	if broken := judge.Leaks(w.growth, time.Now()); len(broken) > 0 {
		w.record.violated(broken...)
		w.record.note("since the start: %+v; by the drill: %+v", whole, drill)
		for _, l := range slices.Concat(before, calm, after) {
			w.record.note("replica %d (%d) at %s: %.0f goroutines, %.0f descriptors, %.1f MiB", l.Replica, l.PID, l.At.Format("15:04:05"), l.Goroutines, l.Files, l.Heap)
		}
	}
}

func (w *weather) say(format string, args ...any) {
	_, _ = fmt.Fprintf(w.out, "%6.1fs  %s\n", time.Since(w.begun).Seconds(), fmt.Sprintf(format, args...))
}

// storm does what is planned, when it is planned.
func (w *weather) storm(ctx context.Context) {
	w.begun = time.Now()
	var faults sync.WaitGroup
	defer faults.Wait()
	calms := w.calms()
	for _, e := range w.plan.Events {
		for len(calms) > 0 && calms[0] < e.At {
			wait(ctx, time.Until(w.begun.Add(calms[0])))
			w.calm(ctx)
			calms = calms[1:]
		}
		wait(ctx, time.Until(w.begun.Add(e.At)))
		if ctx.Err() != nil {
			return
		}
		faults.Go(func() { w.attend(ctx, e) })
	}
}

// calm takes down what there is in a calm, and says the last of it.
func (w *weather) calm(ctx context.Context) {
	looks := w.looks(ctx, 3)
	w.record.looked(looks...)
	for _, l := range looks[max(len(looks)-len(w.Servers), 0):] {
		role := "follows"
		if l.Leads {
			role = "leads"
		}
		w.say("replica %d (process %d, %s) has %.0f goroutines, %.0f descriptors and %.1f MiB in use", l.Replica, l.PID, role, l.Goroutines, l.Files, l.Heap)
	}
}

// calms are when a soak is looked at: near the end of each calm.
func (w *weather) calms() (at []time.Duration) {
	if pace := schedule.Soak(); w.soak {
		for t := pace.CalmEvery - 6*time.Second; t < w.plan.Length; t += pace.CalmEvery {
			at = append(at, t)
		}
	}
	return at
}

// attend begins a fault, and ends it when it is time.
func (w *weather) attend(ctx context.Context, e schedule.Event) {
	slot := w.slots[e.Slot]
	slot.Lock()
	defer slot.Unlock()
	began := time.Now()
	h, err := faults()[e.Kind](ctx, w.bed, e)
	about := h.instance
	if about == "" {
		about = h.namespace
	}
	w.say("%s %s", e.Kind, about)
	if err != nil {
		w.record.note("%s: begin: %v", e.Kind, err)
	}
	end := w.record.excuse(began, e.Excuses, h.instance, h.namespace)
	if h.end != nil {
		wait(ctx, e.Last)
		own, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		for tries := 0; ; tries++ {
			if err = h.end(own); err == nil || tries == 50 || !again(own, err) {
				break
			}
		}
		if err != nil {
			w.record.note("%s: end: %v", e.Kind, err)
		}
		if e.Last > 0 {
			w.say("no more: %s %s", e.Kind, about)
		}
	}
	end(e.Tail)
}

// rounds of the drill.
const rounds = 4

// drill does again and again what a process may leave something behind of. Another
// caBundle is not among it: the API server calls by connections of its own for
// each, and leaves the former ones open for a while.
func (w *weather) drill(ctx context.Context) {
	for i := range rounds {
		for _, k := range []schedule.Kind{schedule.InstanceOut, schedule.CloudFails, schedule.TokensDeleted, schedule.LinkDown} {
			for _, t := range schedule.Traits() {
				if t.Kind == k {
					e := schedule.Event{Trait: t, Target: i}
					if k == schedule.InstanceOut {
						e.Last = 2500 * time.Millisecond
					}
					w.attend(ctx, e)
				}
			}
		}
		wait(ctx, 2500*time.Millisecond)
	}
}
