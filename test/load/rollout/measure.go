package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/load/openloop"
)

// The phases of a run.
const (
	filling = iota // nodes and namespaces come
	quiet          // nothing is done
	rolling        // from the first Deployment until all pods run
	after          // nothing is done any more
	phases
)

func phaseNames() [phases]string {
	return [...]string{filling: "fill", quiet: "rest before", rolling: "roll-out", after: "rest after"}
}

// issue is the action that must be called as little as possible.
const issue = "CreateInstanceToken"

// outcome is what was measured with some replicas.
type outcome struct {
	replicas   int
	progress   []time.Duration // after the first Deployment, when pods ran
	moments    [phases + 1]moment
	calls      [phases]calls
	memory     map[string]memory
	goroutines map[string]float64 // the most
	atRest     map[string]float64 // goroutines in the end
	leader     int                // which replica
	found      found
	issued     int // tokens
	cloudCalls int // of any action
	servers    []string
}

// moment is how things stood between two phases.
type moment struct {
	at             time.Time
	cpu            map[string]time.Duration
	api            metrics
	replicas       []metrics
	sent, received int64 // bytes, as the replicas see it
}

// measure starts a cluster, measures one run on it, and stops it.
func measure(ctx context.Context, o options, replicas int, out io.Writer) (r *outcome, err error) {
	fmt.Fprintf(out, "%s run with %d replicas of tcr-webhook\n", time.Now().Format(time.TimeOnly), replicas)
	b, err := startBed(ctx, o, replicas, out)
	if err != nil {
		return nil, err
	}
	r = &outcome{replicas: replicas}
	return r, errors.Join(r.measure(ctx, o, b, out), b.stop())
}

func (r *outcome) measure(ctx context.Context, o options, b *bed, out io.Writer) error {
	v := newVitals(b)
	watching, end := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { v.watch(watching) })
	defer watch.Wait()
	defer end()
	p := &progress{more: make(chan struct{}, 1)}
	err := r.phases(ctx, b, out, [phases]func(context.Context) error{
		filling: func(ctx context.Context) error {
			return limited(ctx, o.limit, func(ctx context.Context) error { return b.fill(ctx, o) })
		},
		quiet: func(ctx context.Context) error { return openloop.Pause(ctx, o.rest) },
		rolling: func(ctx context.Context) error {
			return limited(ctx, o.limit, func(ctx context.Context) error { return b.deploy(ctx, o, p) })
		},
		after: func(ctx context.Context) error { return openloop.Pause(ctx, o.rest) },
	})
	if err != nil {
		return err
	}
	for _, at := range p.times()[:o.pods] {
		r.progress = append(r.progress, at.Sub(p.begun))
	}
	return r.close(ctx, b, v)
}

// phases runs them one after the other, and looks between them.
func (r *outcome) phases(ctx context.Context, b *bed, out io.Writer, do [phases]func(context.Context) error) (err error) {
	if r.moments[0], err = b.moment(ctx); err != nil {
		return err
	}
	for i, f := range do {
		fmt.Fprintf(out, "%s   %s\n", time.Now().Format(time.TimeOnly), phaseNames()[i])
		if err := f(ctx); err != nil {
			return fmt.Errorf("%s: %w", phaseNames()[i], err)
		}
		if r.moments[i+1], err = b.moment(ctx); err != nil {
			return err
		}
	}
	return nil
}

// close takes down what is known only in the end.
func (r *outcome) close(ctx context.Context, b *bed, v *vitals) (err error) {
	if r.found, err = b.inspect(ctx); err != nil {
		return err
	}
	log, err := b.cluster.AuditLog()
	if err != nil {
		return err
	}
	for i := range phases {
		r.calls[i] = countCalls(log, r.moments[i].at, r.moments[i+1].at)
	}
	r.memory, r.atRest = map[string]memory{}, map[string]float64{}
	for _, s := range b.servers {
		r.servers = append(r.servers, s.name)
		if r.memory[s.name], err = v.memory(s); err != nil {
			return err
		}
	}
	v.mu.Lock()
	r.goroutines = v.goroutines
	v.mu.Unlock()
	for i, m := range r.moments[phases].replicas {
		r.atRest[replicaName(i)] = m.sum("go_goroutines", nil)
		if m.sum("leader_election_master_status", labels{"name": "tcr-webhook"}) == 1 {
			r.leader = i
		}
	}
	if b.stack != nil {
		r.issued, r.cloudCalls = len(b.stack.Cloud.Calls(issue)), len(b.stack.Cloud.Calls(""))
	}
	return nil
}

// moment looks at everything.
func (b *bed) moment(ctx context.Context) (m moment, err error) {
	m.at = time.Now()
	if m.cpu, err = cpuTimes(b.servers); err != nil {
		return m, err
	}
	if b.detour != nil {
		m.sent, m.received = b.detour.sent.Load(), b.detour.received.Load()
	}
	text, err := b.client.CoreV1().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return m, fmt.Errorf("read the metrics of the API server: %w", err)
	}
	if m.api, err = parseMetrics(string(text)); err != nil {
		return m, err
	}
	for _, r := range b.replicas() {
		text, err := r.Scrape(ctx)
		if err != nil {
			return m, err
		}
		own, err := parseMetrics(text)
		if err != nil {
			return m, err
		}
		m.replicas = append(m.replicas, own)
	}
	return m, nil
}

func limited(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done within %s", limit))
	defer cancel()
	return f(ctx)
}
