package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/sample"
	"github.com/tcr-webhook/tcr-webhook/test/load/openloop"
)

// hits is what admission takes to find a token in the cache, in each round.
type hits struct {
	// Mean is the CPU of a hit in ns, one after another, and Look that of a look
	// at the clock, which is part of it.
	Mean, Look sample.Rounds
	// Worst is the longest of worstOf hits while calls for tokens hang and are
	// asked for all the time, and Far the longest but one in ten thousand, in ns.
	Worst, Far sample.Rounds
	// Clock is the longest of as many looks at the clock and nothing else: what
	// the machine itself holds up, such as for another process.
	Clock sample.Rounds
}

const worstOf = 1_000_000

// cached and hanging are a key with a token and one whose calls never end.
func cached() registry.Key  { return registry.Key{ID: "tcr-m3ut3qxx"} }
func hanging() registry.Key { return registry.Key{ID: "tcr-h4ngs111"} }

// hangs issues tokens for the one key and hangs for the other.
type hangs struct{}

// Issue implements token.Issuer.
func (hangs) Issue(ctx context.Context, key registry.Key) (token.Token, error) {
	if key == hanging() {
		<-ctx.Done()
		return token.Token{}, ctx.Err()
	}
	now := time.Now().Round(0)
	return token.Token{Username: "100000000001", Password: "a password", IssuedAt: now, ExpiresAt: now.Add(time.Hour)}, nil
}

// measureHits finds a token over and over, alone, and then while the API hangs.
func measureHits(ctx context.Context, o options) (*hits, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cache := token.New(hangs{}, token.Options{})
	if _, err := cache.Get(ctx, cached()); err != nil {
		return nil, fmt.Errorf("fill the cache: %w", err)
	}
	h := &hits{}
	for range o.rounds {
		h.Mean = append(h.Mean, mean(func() bool { _, ok := cache.Peek(cached()); return ok }))
		h.Look = append(h.Look, mean(func() bool { return !time.Now().IsZero() }))
	}
	for range 4 {
		go func() {
			for openloop.Pause(ctx, time.Millisecond) == nil { // or it would be told at once, over and over, that the call before has failed
				_, _ = cache.Get(ctx, hanging()) // which is what is wanted
			}
		}()
	}
	for range o.rounds {
		latencies, err := each(func() bool { _, ok := cache.Peek(cached()); return ok })
		if err != nil {
			return nil, err
		}
		h.Worst = append(h.Worst, sample.Quantile(latencies, 1))
		h.Far = append(h.Far, sample.Quantile(latencies, 0.9999))
		if latencies, err = each(func() bool { return true }); err != nil {
			return nil, err
		}
		h.Clock = append(h.Clock, sample.Quantile(latencies, 1))
	}
	return h, ctx.Err()
}

// each is how long each of worstOf looks took, in ns.
func each(look func() bool) ([]float64, error) {
	latencies := make([]float64, worstOf)
	for i := range latencies {
		start := time.Now()
		if !look() {
			return nil, fmt.Errorf("find the token of %s: it is gone", cached())
		}
		latencies[i] = float64(time.Since(start))
	}
	return latencies, nil
}

// mean is what one of very many looks costs.
func mean(look func() bool) float64 {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const n = 2_000_000
	start := cpuTime()
	for range n {
		if !look() {
			return 0
		}
	}
	return float64(cpuTime()-start) / n
}
