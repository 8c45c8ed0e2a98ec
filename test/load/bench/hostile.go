package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/reviews"
)

// attack is a hostile review and what it did.
type attack struct {
	reviews.Hostile
	costs map[string]*cost // by contender
	// disqualified is how what typed makes of the pod differs from what ours
	// does; nil if it does not.
	disqualified error
}

// hostileRounds are enough where a single call takes milliseconds.
const hostileRounds = 5

// measureHostile has ours and the usual handler answer the hostile reviews.
func measureHostile(ctx context.Context) ([]attack, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var attacks []attack
	for _, h := range reviews.HostileCorpus() {
		a := attack{Hostile: h, costs: map[string]*cost{contender.Ours: {}, contender.Typed: {}}}
		if err := a.measure(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", h.Name, err)
		}
		attacks = append(attacks, a)
	}
	return attacks, nil
}

func (a *attack) measure(ctx context.Context) error {
	outcomes := map[string][]byte{}
	for _, name := range []string{contender.Ours, contender.Typed} {
		c, err := contender.Named(name)
		if err != nil {
			return err
		}
		handler, err := c.New()
		if err != nil {
			return err
		}
		if outcomes[name], err = contender.Outcome(handler, a.Body); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for range hostileRounds {
			if err := a.costs[name].add(ctx, handler, a.Body, 50*time.Millisecond); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	a.disqualified = contender.Same(outcomes[contender.Ours], outcomes[contender.Typed])
	return nil
}
