// Command scale runs three replicas for ten thousand namespaces on a real API
// server and writes down what that costs: calls of the cloud, the length of a
// wave that changes every Secret, memory and CPU of the leader and of the
// others, how long a replica takes from its start until it is ready, and whether
// admissions take longer while the cloud hangs or a wave is under way. It writes
// credentials.md, its plots and results/scale.json, and ends with an error where
// a goal is missed. It takes about twenty minutes. Linux only.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tcr-webhook/tcr-webhook/test/load/machine"
	"github.com/tcr-webhook/tcr-webhook/test/load/result"
)

func main() {
	log.SetLogger(logr.Discard()) // or controller-runtime complains that nobody chose one
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	dir        string
	namespaces int
	idle       time.Duration
	binary     string
}

func (o *options) flags() *pflag.FlagSet {
	f := pflag.NewFlagSet("scale", pflag.ContinueOnError)
	f.StringVar(&o.dir, "dir", ".", "folder to write credentials.md and its plots into")
	f.IntVar(&o.namespaces, "namespaces", 10_000, "namespaces, with a pod and two ServiceAccounts each")
	f.DurationVar(&o.idle, "idle", time.Minute, "how long the CPU is measured while nothing is to be done")
	f.StringVar(&o.binary, "binary", "../../bin/tcr-webhook", "what to measure, as make build leaves it")
	return f
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	switch {
	case slices.Equal(args, []string{callCommand}):
		return call(ctx, in, out)
	case slices.Equal(args, []string{echoCommand}):
		return echo(ctx, in, out)
	}
	var o options
	if err := o.flags().Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil
		}
		return err
	}
	b, err := startBed(ctx, o, out)
	if err != nil {
		return err
	}
	return errors.Join(measured(ctx, o, b, out), b.stop())
}

// measured measures, and writes down what came of it.
func measured(ctx context.Context, o options, b *bed, out io.Writer) error {
	r := &report{options: o, machine: machine.Describe(ctx), loadBefore: machine.LoadAverage()}
	if err := r.measure(ctx, o, b, out); err != nil {
		return err
	}
	r.loadAfter = machine.LoadAverage()
	if err := r.write(out); err != nil {
		return err
	}
	return result.Verdict(r.goals())
}
