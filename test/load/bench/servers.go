package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/reviews"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/sample"
)

// serverSizes are the reviews that servers are asked.
var serverSizes = []string{"6k", "60k"}

// concurrencies are how many calls are under way at once.
var concurrencies = []int{1, 16}

// load is a contender under a kind of load.
type load struct {
	contender, input string
	concurrency      int
}

// service is how a contender's server bears a load, in each round.
type service struct {
	CPU      sample.Rounds // of the server alone, ns a call
	P50, P99 sample.Rounds // ns from call to answer
	Rate     sample.Rounds // calls a second
	Calls    int
	losses
}

// served are all servers' services and the most memory each had.
type served struct {
	services map[load]*service
	maxRSS   map[key]float64 // MiB
}

// measureServers has the servers of the contenders called in turns.
func measureServers(ctx context.Context, o options) (*served, error) {
	s := &served{services: map[load]*service{}, maxRSS: map[key]float64{}}
	for _, size := range serverSizes {
		body, err := reviews.Usual(size)
		if err != nil {
			return nil, err
		}
		if err := s.measure(ctx, o, size, body); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// measure is measureServers for one review, with fresh servers.
func (s *served) measure(ctx context.Context, o options, size string, body []byte) (err error) {
	targets := map[string]*target{}
	defer func() {
		for _, t := range targets {
			err = errors.Join(err, t.stop())
		}
	}()
	for _, c := range contender.All() {
		if targets[c.Name], err = startTarget(ctx, c, body); err != nil {
			return err
		}
	}
	for range o.rounds {
		for _, n := range concurrencies {
			for _, c := range contender.All() {
				l := load{c.Name, size, n}
				if s.services[l] == nil {
					s.services[l] = &service{}
				}
				if err := s.services[l].add(ctx, targets[c.Name], n, o.turn); err != nil {
					return fmt.Errorf("%s at %s: %w", c.Name, size, err)
				}
			}
		}
	}
	for name, t := range targets {
		if s.maxRSS[key{name, size}], err = t.MaxRSS(); err != nil {
			return err
		}
	}
	return nil
}

// target is a server and who calls it.
type target struct {
	*process
	caller *caller
}

// warmUp is how many calls come first and are not measured.
const warmUp = 100

func startTarget(ctx context.Context, c contender.Contender, body []byte) (*target, error) {
	p, err := startProcess(ctx, c.Name)
	if err != nil {
		return nil, err
	}
	caller, err := newCaller(p.greeting, body, c.Mutates)
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	for range warmUp {
		if err := caller.call(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", c.Name, err), p.stop())
		}
	}
	return &target{p, caller}, nil
}

func (t *target) stop() error {
	t.caller.close()
	return t.process.stop()
}

// add measures one turn of n callers, each of whom calls as soon as it has its
// answer.
func (s *service) add(ctx context.Context, t *target, n int, turn time.Duration) error {
	before, err := t.CPUTime()
	if err != nil {
		return err
	}
	start := time.Now()
	latencies, lost := closedLoop(ctx, n, turn, t.caller.call)
	took := time.Since(start)
	after, err := t.CPUTime()
	if err := errors.Join(err, ctx.Err()); err != nil {
		return err
	}
	calls := float64(len(latencies) + lost.Errors + lost.Unmutated)
	s.CPU = append(s.CPU, float64(after-before)/calls)
	s.P50 = append(s.P50, sample.Quantile(latencies, 0.50))
	s.P99 = append(s.P99, sample.Quantile(latencies, 0.99))
	s.Rate = append(s.Rate, calls/took.Seconds())
	s.Calls += int(calls)
	s.join(lost)
	return nil
}

// closedLoop has n callers call for a while. It returns how long each call
// that succeeded took, in ns, and counts the others.
func closedLoop(ctx context.Context, n int, during time.Duration, call func(context.Context) error) (latencies []float64, lost losses) {
	var mu sync.Mutex
	var callers sync.WaitGroup
	end := time.Now().Add(during)
	for range n {
		callers.Go(func() {
			var own []float64
			var ownLost losses
			for start := time.Now(); start.Before(end) && ctx.Err() == nil; start = time.Now() {
				if ownLost.add(call(ctx)) {
					own = append(own, float64(time.Since(start)))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			latencies = append(latencies, own...)
			lost.join(ownLost)
		})
	}
	callers.Wait()
	return latencies, lost
}
