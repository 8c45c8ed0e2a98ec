package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/load/machine"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "storm:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	seed     uint64
	seeds    string
	parallel int
	length   time.Duration
	soak     bool
	binary   string
	logs     string
	save     string
}

func (o *options) flags() *pflag.FlagSet {
	f := pflag.NewFlagSet("storm", pflag.ContinueOnError)
	f.Uint64Var(&o.seed, "seed", 1, "what the storm follows from")
	f.StringVar(&o.seeds, "seeds", "", "several storms, such as 1..20, in place of --seed")
	f.IntVar(&o.parallel, "parallel", 1, "how many storms at once; each wants most of a CPU")
	f.DurationVar(&o.length, "for", 2*time.Minute, "how long faults come; a minute and a half is added for the start and the calm after")
	f.BoolVar(&o.soak, "soak", false, "fewer faults, and calms in between in which memory, goroutines and descriptors are looked at")
	f.StringVar(&o.binary, "binary", "", "tcr-webhook to try, in place of what is built")
	f.StringVar(&o.logs, "logs", "", "folder for the logs of everything; without it they are kept only if something was broken")
	f.StringVar(&o.save, "save", "", "folder with REPORT.md, to save the result in")
	return f
}

func run(ctx context.Context, args []string) error {
	var o options
	if err := o.flags().Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil
		}
		return err
	}
	seeds, err := o.which()
	if err != nil {
		return err
	}
	log.SetLogger(logr.Discard()) // or controller-runtime complains that nobody chose one
	if _, err := cluster.Binaries(ctx, os.Stderr); err != nil {
		return err
	}
	if o.binary == "" {
		dir, err := os.MkdirTemp("", "tcr-webhook-storm-bin-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		if o.binary, err = stack.Build(ctx, dir); err != nil {
			return err
		}
	} else if o.binary, err = filepath.Abs(o.binary); err != nil {
		return err
	}
	before := machine.LoadAverage()
	verdicts := weatherAll(ctx, o, seeds)
	return conclude(ctx, o, verdicts, before)
}

// which are the seeds.
func (o *options) which() ([]uint64, error) {
	if o.seeds == "" {
		return []uint64{o.seed}, nil
	}
	first, last, is := strings.Cut(o.seeds, "..")
	from, err := strconv.ParseUint(first, 10, 64)
	to, err2 := strconv.ParseUint(last, 10, 64)
	if !is || err != nil || err2 != nil || from > to {
		return nil, fmt.Errorf("--seeds: %q is not a range such as 1..20", o.seeds)
	}
	var seeds []uint64
	for s := from; s <= to; s++ {
		seeds = append(seeds, s)
	}
	return seeds, nil
}
