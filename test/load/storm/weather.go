package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/load/storm/judge"
	"github.com/tcr-webhook/tcr-webhook/test/load/storm/schedule"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
	"github.com/tcr-webhook/tcr-webhook/test/stack/ledger"
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
			w.record.looked(w.looks(ctx, 3)...)
			calms = calms[1:]
		}
		wait(ctx, time.Until(w.begun.Add(e.At)))
		if ctx.Err() != nil {
			return
		}
		faults.Go(func() { w.attend(ctx, e) })
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

const (
	// settles is when the start has failed.
	settles = 40 * time.Second
	// recovers is when all must be well after the last fault: a lease, the turn of
	// everything that waited for it, and the pauses that have grown meanwhile.
	recovers = 45 * time.Second
	// lookEvery is how often that is looked at.
	lookEvery = 500 * time.Millisecond
)

// well waits until all is well, and tells how long that took, or what is not.
func (w *weather) well(ctx context.Context, within time.Duration) (took time.Duration, missing error) {
	begun := time.Now()
	for {
		missing = w.ill(ctx)
		took = time.Since(begun)
		if missing == nil || took > w.record.stretch(within) || ctx.Err() != nil {
			return took, missing
		}
		wait(ctx, lookEvery)
	}
}

// ill is what is not well now.
func (w *weather) ill(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for i, s := range w.Servers {
		if err := s.Ready(ctx); err != nil {
			return fmt.Errorf("replica %d: %w", i, err)
		}
	}
	if _, err := w.Leader(ctx); err != nil {
		return err
	}
	history, h := w.ledger.History(), w.record.history()
	count, inAWhile := 0, time.Now().Add(w.life/10)
	for name, space := range h.Spaces {
		if space.Wanted.IsZero() || !space.Gone.IsZero() || time.Since(space.Wanted) < time.Second {
			continue
		}
		count++
		for _, host := range space.Hosts {
			if !works(history[name], host, inAWhile) {
				return fmt.Errorf("namespace %s has no login for %s", name, host)
			}
		}
	}
	if count < 6 {
		return fmt.Errorf("there are %d namespaces that need a login", count)
	}
	return errors.Join(w.admits(ctx), w.pulls(ctx))
}

// admits has a pod admitted that is not kept.
func (w *weather) admits(ctx context.Context) error {
	p := newPod(w.crowd.any(w.crowd.intn(1<<16)), sites[0], stack.PublicHost+"/team/hello:1")
	if err := w.Client.Create(ctx, p, client.DryRunAll); err != nil {
		return fmt.Errorf("create a pod: %w", err)
	}
	if len(p.Spec.ImagePullSecrets) == 0 {
		return errors.New("a pod has no pull secret")
	}
	return nil
}

// works tells whether the last of versions has a login for host at a time.
func works(versions []ledger.Version, host string, at time.Time) bool {
	if len(versions) == 0 {
		return false
	}
	last := versions[len(versions)-1]
	return last.Op != ledger.Deleted && last.Type == corev1.SecretTypeDockerConfigJson && last.Ends[host].After(at)
}

// pulls pulls an image of each instance with the Secret of a namespace, as a
// kubelet does.
func (w *weather) pulls(ctx context.Context) error {
	name := w.crowd.any(w.crowd.intn(1 << 16))
	var s corev1.Secret
	if err := w.Client.Get(ctx, client.ObjectKey{Namespace: name, Name: pullSecret}, &s); err != nil {
		return fmt.Errorf("read the pull Secret of %s: %w", name, err)
	}
	for _, i := range serving(name) {
		if _, err := w.Pull(ctx, i.host()+"/team/hello:1", &s); err != nil {
			return fmt.Errorf("pull from %s with the login of %s: %w", i.host(), name, err)
		}
	}
	return nil
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

// conclude judges what was seen.
func (w *weather) conclude(v *verdict) {
	h := w.record.history()
	h.Life, h.Begun, h.Ended, h.Busy = w.life, w.begun, time.Now(), w.record.busy
	v.busy = h.Busy
	h.Secrets, h.Instances, h.Moved = w.ledger.History(), map[string]string{}, map[string]string{}
	for _, s := range instances() {
		h.Instances[s.host()], h.Instances[s.moved()] = s.id, s.id
		if s.private {
			h.Moved[s.id] = s.moved()
		}
	}
	issued := w.Cloud.Calls(issue)
	for _, c := range issued {
		id, _ := c.Params["RegistryId"].(string)
		h.Calls = append(h.Calls, judge.Call{At: w.clock.real(c.Time), Instance: id})
		if c.Answered && c.Status == 200 && c.Code == "" {
			v.tokens++
		}
	}
	v.violations = append(w.record.violations, judge.Judge(&h)...)
	v.notes, v.stalled = w.record.notes, w.record.stalled
	v.recovered, v.growth = w.recovered, w.growth
	v.slopes, v.watched = judge.Steepest(w.record.looks, w.plan.Length/3)
	for _, a := range h.Admissions {
		switch a.Outcome {
		case judge.Admitted:
			v.pods++
		case judge.Lost:
			v.lost++
		}
	}
	for _, versions := range h.Secrets {
		v.versions += len(versions)
		for i, now := range versions {
			for host, ends := range now.Ends {
				if i == 0 || !versions[i-1].Ends[host].Equal(ends) {
					v.logins++
				}
			}
		}
	}
}

// keepLogs copies what a broken storm is explained by.
func (w *weather) keepLogs(dir string, v *verdict) error {
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "tcr-webhook-storm-logs")
	}
	dir = filepath.Join(dir, fmt.Sprintf("seed-%d", w.plan.Seed))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	w.say("the logs are in %s", dir)
	files, err := filepath.Glob(filepath.Join(w.dir, "*.log"))
	if err != nil {
		return err
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(f)), text, 0o600); err != nil {
			return err
		}
	}
	var text string
	for _, violation := range v.violations {
		text += violation.String() + "\n"
	}
	for name, versions := range w.ledger.History() {
		for _, now := range versions {
			text += fmt.Sprintf("%s %s %-7s %s %s by %s:", now.Seen.Format("15:04:05.000"), name, now.Op, now.ResourceVersion, now.Type, now.Manager)
			for _, host := range slices.Sorted(maps.Keys(now.Ends)) {
				text += " " + host + " until " + now.Ends[host].Format("15:04:05")
			}
			text += "\n"
		}
	}
	return os.WriteFile(filepath.Join(dir, "seen.txt"), []byte(text), 0o600)
}
