package main

import (
	"context"
	"errors"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/reviews"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/sample"
	"github.com/tcr-webhook/tcr-webhook/test/load/openloop"
)

// many is what one CPU has to be enough for, in calls a second.
const many = 1000

// busy is how ours does at many calls a second.
type busy struct {
	P999 sample.Rounds // ns
	losses
}

// measureMany calls ours, held to one CPU, at even intervals over TLS.
func measureMany(ctx context.Context, o options) (s *busy, err error) {
	t, stop, err := startHeld(ctx, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
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

// startHeld starts ours, held to its CPU where this is root's process.
func startHeld(ctx context.Context, cpus float64) (t *target, stop func() error, err error) {
	body, err := reviews.Usual(creationInput)
	if err != nil {
		return nil, nil, err
	}
	c, err := contender.Named(contender.Ours)
	if err != nil {
		return nil, nil, err
	}
	if t, err = startTarget(ctx, c, body); err != nil {
		return nil, nil, err
	}
	release, not := t.HoldCPU(cpus)
	return t, func() error {
		if not != nil {
			return t.stop()
		}
		return errors.Join(release(), t.stop())
	}, nil
}

// crowdSize is how many call at once: the connections of five API servers.
const crowdSize = 100

// crowd is what became of calls by many at once while ours has little CPU, and
// of twice as many as it had answered.
type crowd struct {
	calls, lost           int
	offered, shed, failed int
}

// measureCrowd has a hundred call in a closed loop, and then calls at twice the
// rate that they got answers, whatever becomes of those before.
func measureCrowd(ctx context.Context, o options) (c *crowd, err error) {
	t, stop, err := startHeld(ctx, little)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	c = &crowd{}
	length := o.turn * time.Duration(o.rounds)
	latencies, lost := closedLoop(ctx, crowdSize, length, t.caller.call)
	c.lost = lost.Errors + lost.Unmutated
	c.calls = len(latencies) + c.lost
	c.offered = 2 * c.calls
	openloop.Run(ctx, c.offered, length/time.Duration(max(c.offered, 1)), t.caller.call, func(_ time.Duration, err error) {
		switch {
		case errors.Is(err, errShed):
			c.shed++
		case err != nil:
			c.failed++
		}
	})
	return c, ctx.Err()
}
