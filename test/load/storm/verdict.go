package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tcr-webhook/tcr-webhook/test/load/machine"
	"github.com/tcr-webhook/tcr-webhook/test/load/result"
	"github.com/tcr-webhook/tcr-webhook/test/load/storm/schedule"
)

// lines writes whole lines, each with a prefix, one writer at a time.
type lines struct {
	mu     *sync.Mutex
	prefix string
	to     io.Writer
}

// Write implements io.Writer.
func (l lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := io.WriteString(l.to, l.prefix+string(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// weatherAll has all storms, some of them at once.
func weatherAll(ctx context.Context, o options, seeds []uint64) []verdict {
	verdicts := make([]verdict, len(seeds))
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(max(o.parallel, 1))
	for i, seed := range seeds {
		group.Go(func() error {
			out := lines{&mu, fmt.Sprintf("[%d] ", seed), os.Stdout}
			verdicts[i] = brave(ctx, o, schedule.New(seed, o.length, o.pace()), out)
			_, _ = io.WriteString(out, verdicts[i].text(o))
			return nil
		})
	}
	_ = group.Wait() // none of them returns an error
	return verdicts
}

func (o *options) pace() schedule.Pace {
	if o.soak {
		return schedule.Soak()
	}
	return schedule.Storm()
}

// broken tells whether the storm broke anything.
func (v *verdict) broken() bool { return v.err != nil || len(v.violations) > 0 }

// text says the verdict, and how to have the storm again.
func (v *verdict) text(o options) string {
	var t strings.Builder
	word := "nothing broke"
	if v.broken() {
		word = "BROKEN"
	}
	fmt.Fprintf(&t, "seed %d: %s: %d faults, tokens of %s: %d tokens and %d logins of namespaces, %d versions of Secrets, %d pods admitted, %d calls lost to faults, well again after %s; %.0f goroutines, %.0f descriptors and %.1f MiB more; the machine stood still for %s and was too busy by a factor of %.1f\n",
		v.plan.Seed, word, len(v.plan.Events), v.plan.Life, v.tokens, v.logins, v.versions, v.pods, v.lost, v.recovered.Round(100*time.Millisecond),
		v.growth.Goroutines, v.growth.Files, v.growth.Heap, v.stalled.Round(100*time.Millisecond), v.busy)
	for i, n := range v.notes {
		if i == 60 {
			break
		}
		fmt.Fprintf(&t, "  note: %s\n", n)
	}
	for i, violation := range v.violations {
		if i == 40 {
			fmt.Fprintf(&t, "  and %d more\n", len(v.violations)-i)
			break
		}
		fmt.Fprintf(&t, "  broken: %s\n", violation)
	}
	if v.err != nil {
		fmt.Fprintf(&t, "  error: %v\n", v.err)
	}
	if v.broken() {
		fmt.Fprintf(&t, "  again: %s\n", o.again(v.plan.Seed))
	}
	return t.String()
}

// again is the command that repeats a storm.
func (o *options) again(seed uint64) string {
	command := fmt.Sprintf("go -C test/load run ./storm --seed %d --for %s", seed, o.length)
	if o.soak {
		command += " --soak"
	}
	return command
}

// conclude saves the result of all storms, and is an error if one broke
// something.
func conclude(ctx context.Context, o options, verdicts []verdict, before string) error {
	var errs []error
	for i := range verdicts {
		if v := &verdicts[i]; v.broken() {
			errs = append(errs, fmt.Errorf("seed %d: %d violations: %w", v.plan.Seed, len(v.violations), errors.Join(errBroken, v.err)))
		}
	}
	if o.save != "" {
		r := result.Result{
			Name: "chaos", Command: "make chaos", Machine: machine.Describe(ctx),
			Load: before + " before, " + machine.LoadAverage() + " after", Goals: goals(o, verdicts),
		}
		if o.soak {
			r.Name, r.Command = "soak", "make soak"
		}
		errs = append(errs, r.Save(o.save))
	}
	return errors.Join(errs...)
}

var errBroken = errors.New("what must hold in any storm did not")

// goals are those of chaos, or of a soak.
func goals(o options, verdicts []verdict) []result.Goal {
	var violations, recovered, pods, tokens, logins, minutes float64
	worst, steepest := verdicts[0].growth, verdicts[0].slopes
	watched := 0
	for _, v := range verdicts {
		violations += float64(len(v.violations))
		if v.err != nil {
			violations++
		}
		recovered = max(recovered, v.recovered.Seconds())
		pods, tokens, logins = pods+float64(v.pods), tokens+float64(v.tokens), logins+float64(v.logins)
		minutes += v.plan.Length.Minutes()
		worst.Goroutines, worst.Files, worst.Heap = max(worst.Goroutines, v.growth.Goroutines), max(worst.Files, v.growth.Files), max(worst.Heap, v.growth.Heap)
		watched += v.watched
	}
	count := func(id, what string, want, got float64, atLeast bool, unit string) result.Goal {
		return result.Goal{ID: id, What: what, Want: want, Got: got, AtLeast: atLeast, Unit: unit, Low: got, High: got, Binding: true}
	}
	if o.soak {
		return []result.Goal{
			count("R20", "broken invariants in a soak: lost calls, pods without a login, logins in outputs, and the others", 0, violations, false, ""),
			count("R20", "length of the soak", 30, minutes, true, "min"),
			count("R20", "pods admitted in it", 1000, pods, true, ""),
			count("R20", "lives of tokens in it", 300, tokens, true, ""),
			count("R20", "processes that lived, in one part, for a fifth of it or longer", 1, float64(watched), true, ""),
			count("R20", "growth of goroutines over such a life but for those of connections, by the slope of its quiet looks", 10, steepest.Goroutines, false, ""),
			count("R20", "growth of descriptors, likewise", 6, steepest.Files, false, ""),
			count("R20", "growth of the heap in use, likewise", 4, steepest.Heap, false, "MiB"),
		}
	}
	return []result.Goal{
		count("chaos", "seeds", 20, float64(len(verdicts)), true, ""),
		count("chaos", "broken invariants under all of their faults", 0, violations, false, ""),
		count("chaos", "lives of tokens", 1000, tokens, true, ""),
		count("chaos", "lives of logins in namespaces", 10_000, logins, true, ""),
		count("chaos", "pods admitted", 5000, pods, true, ""),
		count("chaos", "longest time until all was well after the last fault", 45, recovered, false, "s"),
		count("chaos", "goroutines left behind but for those of connections, the most of any seed", 15, worst.Goroutines, false, ""),
		count("chaos", "descriptors left behind, likewise", 25, worst.Files, false, ""),
		count("chaos", "heap left behind, likewise", 8, worst.Heap, false, "MiB"),
	}
}
