package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/reviews"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/sample"
	"github.com/tcr-webhook/tcr-webhook/test/load/openloop"
)

// little is the CPU that a small installation asks for, and what it has here at
// the most; littleRate is the pods a second that it has to be enough for.
const (
	little     = 0.1
	littleRate = 200
)

// within is the least bound of the API server's histogram of its calls.
const within = 5 * time.Millisecond

// held is how ours does while it is held to little CPU.
type held struct {
	// not is why it was not held, such as that this takes root; nil if it was.
	not         error
	calls, fast float64 // as the API server counts them
	losses
}

// share is the part of the calls that were answered within, in percent.
func (h *held) share() float64 { return 100 * h.fast / h.calls }

// measureHeld creates pods at littleRate behind ours, and reads from the API
// server how long its calls took.
func (a *author) measureHeld(ctx context.Context, ours *process, seconds int) (h *held, err error) {
	h = &held{}
	release, err := ours.HoldCPU(little)
	if err != nil {
		h.not = err
		if os.Getuid() == 0 {
			return h, err
		}
	} else {
		defer func() { err = errors.Join(err, release()) }()
	}
	before, err := a.scrape(ctx)
	if err != nil {
		return h, err
	}
	openloop.Run(ctx, seconds*littleRate, time.Second/littleRate, a.creator(contender.Ours), func(_ time.Duration, err error) { h.add(err) })
	after, err := a.scrape(ctx)
	if err := errors.Join(err, ctx.Err()); err != nil {
		return h, err
	}
	const metric, name = "apiserver_admission_webhook_admission_duration_seconds_", `name="` + contender.Ours + `.bench.example"`
	bound := fmt.Sprintf(`le="%g"`, within.Seconds())
	h.calls = after.sum(metric+"count", name) - before.sum(metric+"count", name)
	h.fast = after.sum(metric+"bucket", name, bound) - before.sum(metric+"bucket", name, bound)
	return h, nil
}

// many is what one CPU has to be enough for, in calls a second.
const many = 1000

// busy is how ours does at many calls a second.
type busy struct {
	P999 sample.Rounds // ns
	losses
}

// measureMany calls ours, held to one CPU, at even intervals over TLS.
func measureMany(ctx context.Context, o options) (s *busy, err error) {
	body, err := reviews.Usual(creationInput)
	if err != nil {
		return nil, err
	}
	c, err := contender.Named(contender.Ours)
	if err != nil {
		return nil, err
	}
	t, err := startTarget(ctx, c, body)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	if release, not := t.HoldCPU(1); not == nil { // without root it has what there is
		defer func() { err = errors.Join(err, release()) }()
	}
	s = &busy{}
	for range o.rounds {
		var latencies []float64
		n := int(many * o.turn.Seconds())
		openloop.Run(ctx, n, time.Second/many, t.caller.call, func(took time.Duration, err error) {
			if s.add(err) {
				latencies = append(latencies, float64(took))
			}
		})
		s.P999 = append(s.P999, sample.Quantile(latencies, 0.999))
	}
	return s, ctx.Err()
}
