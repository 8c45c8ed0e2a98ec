package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tcr-webhook/tcr-webhook/test/load/openloop"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
	"github.com/tcr-webhook/tcr-webhook/test/stack/ledger"
)

const (
	issue = "CreateInstanceToken"
	// shortLife and shortLives are how calls are counted: an hour takes too
	// long, and the share of its life at which a token is renewed is the same.
	shortLife  = 30 * time.Second
	shortLives = 5
	// waveLimit ends a wave that does not end.
	waveLimit = 20 * time.Minute
)

// measure runs it all, one phase after the other.
func (r *report) measure(ctx context.Context, o options, b *bed, out io.Writer) error {
	v := newVitals(b)
	watching, end := context.WithCancel(ctx)
	defer end()
	var group errgroup.Group
	group.Go(func() error { return v.watch(watching) })
	phases := []struct {
		name string
		run  func(context.Context, options, *bed, *vitals) error
	}{
		{"renewals", r.measureCalls}, {"first pods", r.measureFill}, {"idle", r.measureIdle},
		{"cloud hung", r.measureHung}, {"wave", r.measureWave}, {"after the wave", r.measureAfter}, {"restarts", r.measureRestarts},
	}
	for _, p := range phases {
		fmt.Fprintf(out, "%s %s\n", time.Now().Format(time.TimeOnly), p.name)
		begun := v.now()
		if err := p.run(ctx, o, b, v); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		r.phases = append(r.phases, phase{p.name, begun, v.now()})
	}
	end()
	err := group.Wait()
	r.looks, r.peak, r.anonPeak = v.looks, v.peak, v.anon
	r.violations = b.ledger.Violations(ledger.Bounds{PerSecond: maxWrites})
	return err
}

// measureCalls counts calls for tokens that live shortly, with no namespace to
// serve, and then has tokens live for an hour.
func (r *report) measureCalls(ctx context.Context, _ options, b *bed, _ *vitals) error {
	if _, err := b.AwaitLeader(ctx); err != nil {
		return err
	}
	before := b.issued()
	if err := openloop.Pause(ctx, shortLives*shortLife); err != nil {
		return err
	}
	now := b.issued()
	r.callsPerLife = float64(now-before) / shortLives
	b.Cloud.SetTokenLifetime(time.Hour)
	return until(ctx, shortLife, "a token of an hour", func() bool { return b.issued() > now })
}

// measureFill has every namespace get its Secret.
func (r *report) measureFill(ctx context.Context, o options, b *bed, _ *vitals) error {
	r.callsBefore = b.issued()
	begun := time.Now()
	err := b.fill(ctx, o.namespaces)
	if err != nil {
		return err
	}
	r.fill = time.Since(begun)
	err = until(ctx, time.Minute, "every Secret", func() bool { all, _ := b.secrets(2); return all >= o.namespaces })
	r.filled = time.Since(begun)
	return err
}

func (r *report) measureIdle(ctx context.Context, o options, b *bed, v *vitals) error {
	if err := openloop.Pause(ctx, 10*time.Second); err != nil { // what was begun ends
		return err
	}
	var err error
	r.idleCPU, err = v.cpu(func() error { return openloop.Pause(ctx, o.idle) })
	return errors.Join(err, r.note(ctx, b, v))
}

// note takes down who leads, and the memory while nothing is to be done.
func (r *report) note(ctx context.Context, b *bed, v *vitals) error {
	leader, err := b.Leader(ctx)
	if err != nil {
		return err
	}
	for i, s := range b.Servers {
		if s == leader {
			r.leader = i
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	last := v.looks[len(v.looks)-1]
	r.idleRSS, r.idleAnon = last.rss, last.anon
	return nil
}

// secondLife is that of the tokens of the second instance: they are due in the
// middle of a block of slices, and the next one is mostly one in which the cloud
// hangs.
const secondLife = time.Minute

// measureHung asks for admissions while the cloud hangs, and while it does not.
func (r *report) measureHung(ctx context.Context, o options, b *bed, _ *vitals) (err error) {
	b.Cloud.SetTokenLifetime(secondLife)
	if err := b.WriteConfig(twoHosts + second); err != nil {
		return err
	}
	if err := b.awaitSecond(ctx); err != nil {
		return err
	}
	if r.answers, err = startAnswers(ctx, b, o.namespaces); err != nil {
		return err
	}
	return r.answers.warmly(ctx, quiet, hung, blocks(2*quietBlocks))
}

// measureAfter asks as measureHung does, once more, and for first pods.
func (r *report) measureAfter(ctx context.Context, _ options, b *bed, _ *vitals) error {
	err := r.answers.warmly(ctx, quiet, hung, blocks(2*quietBlocks))
	if err == nil {
		err = r.answers.coldly(ctx)
	}
	if err := errors.Join(err, r.answers.stop()); err != nil {
		return err
	}
	b.Cloud.SetTokenLifetime(time.Hour)
	return b.WriteConfig(threeHosts)
}

// measureWave changes what every Secret has to hold, and asks for admissions
// meanwhile.
func (r *report) measureWave(ctx context.Context, o options, b *bed, v *vitals) error {
	before := b.ledger.Writes()[ledger.Changed]
	if err := b.WriteConfig(threeHosts + second); err != nil {
		return err
	}
	begun := time.Now()
	waving, over := context.WithCancel(ctx)
	defer over()
	var asking errgroup.Group
	asking.Go(func() error {
		return r.answers.warmly(ctx, wave, waveHung, func() bool { return waving.Err() != nil })
	})
	var err error
	r.waveCPU, err = v.cpu(func() error {
		return until(ctx, waveLimit, "the end of the wave", func() bool { _, with := b.secrets(3); return with >= o.namespaces })
	})
	r.wave = time.Since(begun)
	over()
	if err := errors.Join(err, asking.Wait()); err != nil {
		return err
	}
	if err := openloop.Pause(ctx, 10*time.Second); err != nil { // for writes too many
		return err
	}
	r.waveWrites = b.ledger.Writes()[ledger.Changed] - before
	r.mostWrites = b.ledger.MostWithin(10 * time.Second)
	v.mu.Lock()
	r.wavePeak = v.peak
	v.mu.Unlock()
	return nil
}

// measureRestarts kills one replica after another, the leader first.
func (r *report) measureRestarts(ctx context.Context, _ options, b *bed, v *vitals) error {
	writes := b.ledger.Writes()
	leader, err := b.Leader(ctx)
	if err != nil {
		return err
	}
	leader.Kill()
	killed := time.Now()
	if err := r.restart(ctx, leader, v); err != nil {
		return err
	}
	if _, err := b.AwaitLeader(ctx); err != nil {
		return err
	}
	r.takeover = time.Since(killed)
	for _, s := range b.Servers {
		if s == leader {
			continue
		}
		s.Kill()
		if err := r.restart(ctx, s, v); err != nil {
			return err
		}
	}
	if err := openloop.Pause(ctx, 30*time.Second); err != nil { // another lease
		return err
	}
	now := b.ledger.Writes()
	r.restartWrites = now[ledger.Changed] + now[ledger.Created] - writes[ledger.Changed] - writes[ledger.Created]
	r.callsAfter = b.issued()
	return nil
}

func (r *report) restart(ctx context.Context, s *stack.Server, v *vitals) error {
	begun := time.Now()
	if err := s.Restart(ctx); err != nil {
		return err
	}
	r.starts = append(r.starts, time.Since(begun))
	v.look()
	return nil
}

// until returns when done is true.
func until(ctx context.Context, limit time.Duration, what string, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(time.Second / 2)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, context.Cause(ctx))
		case <-tick.C:
		}
	}
	return nil
}
