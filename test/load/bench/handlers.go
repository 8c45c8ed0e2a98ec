package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"syscall"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/reviews"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/sample"
)

// cost is what a call of a handler takes, in each round.
type cost struct {
	CPU    sample.Rounds // ns, garbage collection included
	Allocs sample.Rounds
	Bytes  sample.Rounds // allocated
}

// key is a contender and what it is asked.
type key struct{ contender, input string }

// measureHandlers has the contenders answer the usual reviews in turns, in this
// process and on one CPU.
func measureHandlers(ctx context.Context, o options) (map[key]*cost, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	costs := map[key]*cost{}
	for _, size := range reviews.Sizes() {
		body, err := reviews.Usual(size.Name)
		if err != nil {
			return nil, err
		}
		handlers, err := qualified(body)
		if err != nil {
			return nil, err
		}
		for range o.rounds {
			for _, c := range contender.All() {
				k := key{c.Name, size.Name}
				if costs[k] == nil {
					costs[k] = &cost{}
				}
				if err := costs[k].add(ctx, handlers[c.Name], body, o.turn/4); err != nil {
					return nil, fmt.Errorf("%s at %s: %w", c.Name, size.Name, err)
				}
			}
		}
	}
	return costs, nil
}

// qualified makes all handlers and sees to it that they do their jobs: those
// that mutate make the same of the pod of body, and the others nothing.
func qualified(body []byte) (map[string]http.Handler, error) {
	handlers := map[string]http.Handler{}
	var want []byte
	for _, c := range contender.All() {
		handler, err := c.New()
		if err != nil {
			return nil, err
		}
		handlers[c.Name] = handler
		got, err := contender.Outcome(handler, body)
		if err != nil {
			return nil, fmt.Errorf("%s is disqualified: %w", c.Name, err)
		}
		if c.Name == contender.Ours {
			want = got
		}
		if err := contender.Same(want, got); c.Mutates && err != nil {
			return nil, fmt.Errorf("%s is disqualified: %w", c.Name, err)
		}
	}
	return handlers, nil
}

// add measures one round: as many calls as take atLeast of CPU time.
func (c *cost) add(ctx context.Context, handler http.Handler, body []byte, atLeast time.Duration) error {
	call := newCall(handler, body)
	if err := call(1); err != nil { // what is made once is not the calls'
		return err
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	calls, start := 0, cpuTime()
	for n := 1; cpuTime()-start < atLeast; n *= 2 {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := call(n); err != nil {
			return err
		}
		calls += n
	}
	took := cpuTime() - start
	runtime.ReadMemStats(&after)
	c.CPU = append(c.CPU, float64(took)/float64(calls))
	// Whole ones: the runtime allocates something now and then itself.
	c.Allocs = append(c.Allocs, math.Floor(float64(after.Mallocs-before.Mallocs)/float64(calls)))
	c.Bytes = append(c.Bytes, float64(after.TotalAlloc-before.TotalAlloc)/float64(calls))
	return nil
}

// newCall returns what calls handler n times with body, allocating nothing.
func newCall(handler http.Handler, body []byte) func(n int) error {
	reader := bytes.NewReader(body)
	r := httptest.NewRequest(http.MethodPost, contender.Path+"?timeout=3s", nil) //nolint:noctx // nothing waits
	r.Header.Set("Content-Type", "application/json")
	r.ContentLength = int64(len(body))
	closer := io.NopCloser(reader)
	w := &discard{header: http.Header{}}
	return func(n int) error {
		for range n {
			reader.Reset(body)
			r.Body = closer
			handler.ServeHTTP(w, r)
		}
		if w.status != 0 && w.status != http.StatusOK {
			return fmt.Errorf("answered with status %d", w.status)
		}
		return nil
	}
}

// discard is a ResponseWriter that keeps the status.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = max(d.status, status) }

// cpuTime is what this process has had so far of all CPUs together.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // EFAULT and EINVAL are all there is
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
