package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/load/storm/judge"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// look takes down what each replica has now. One that does not answer is left
// out.
func (b *bed) look(ctx context.Context) (looks []judge.Look) {
	for i, s := range b.Servers {
		if !s.Running() {
			continue
		}
		pid := s.PID()
		text, err := s.Scrape(ctx)
		if err != nil || s.PID() != pid {
			continue
		}
		l := judge.Look{At: time.Now(), Replica: i, Who: judge.Who{PID: pid, Leads: strings.Contains(text, stack.Leads)}}
		if err := read(text, &l); err != nil {
			b.record.note("metrics of replica %d: %v", i, err)
			continue
		}
		looks = append(looks, l)
	}
	return looks
}

// looks takes down n looks, a second apart.
func (b *bed) looks(ctx context.Context, n int) (all []judge.Look) {
	for range n {
		all = append(all, b.look(ctx)...)
		wait(ctx, time.Second)
	}
	return all
}

func read(metrics string, l *judge.Look) error {
	for name, to := range map[string]*float64{
		"go_goroutines": &l.Goroutines, "process_open_fds": &l.Files, "go_memstats_heap_inuse_bytes": &l.Heap,
	} {
		_, rest, found := strings.Cut(metrics, "\n"+name+" ")
		if !found {
			return fmt.Errorf("there is no %s", name)
		}
		value, _, _ := strings.Cut(rest, "\n")
		var err error
		if *to, err = strconv.ParseFloat(value, 64); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	l.Heap /= 1 << 20
	return nil
}

// wait lets time go by, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
