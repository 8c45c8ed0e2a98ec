package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

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

// held is how a webhook does while it is held to little CPU.
type held struct {
	// not is why it was not held, such as that this takes root; nil if it was.
	not         error
	calls, fast float64 // as the API server counts them
	losses
}

// share is the part of the calls that were answered within, in percent.
func (h *held) share() float64 { return 100 * h.fast / h.calls }

// measureHeld creates pods at littleRate behind a webhook, and reads from the
// API server how long its calls took.
func (a *author) measureHeld(ctx context.Context, webhook string, p *process, seconds int) (h *held, err error) {
	h = &held{}
	release, err := p.HoldCPU(little)
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
	openloop.Run(ctx, seconds*littleRate, time.Second/littleRate, a.creator(webhook), func(_ time.Duration, err error) { h.add(err) })
	after, err := a.scrape(ctx)
	if err := errors.Join(err, ctx.Err()); err != nil {
		return h, err
	}
	const metric = "apiserver_admission_webhook_admission_duration_seconds_"
	name, bound := fmt.Sprintf("name=%q", webhook+".bench.example"), fmt.Sprintf(`le="%g"`, within.Seconds())
	h.calls = after.sum(metric+"count", name) - before.sum(metric+"count", name)
	h.fast = after.sum(metric+"bucket", name, bound) - before.sum(metric+"bucket", name, bound)
	return h, nil
}
