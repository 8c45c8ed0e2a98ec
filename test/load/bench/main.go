// Command bench measures our webhook against others that do the same job or
// less, all in one run and by turns: as handlers in this process, as servers of
// their own over TLS, on hostile input, while replicas restart, and with
// --api-server behind a real kube-apiserver. It writes bench.md and its plots, and ends with an error
// where a goal is missed.
//
// Goals fail by ratio, count or bytes, which are the same on every machine;
// times are only reported. CPU time is counted instead of elapsed time wherever
// possible, since it does not depend on who else uses the machine. Linux only.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tcr-webhook/tcr-webhook/test/load/machine"
	"github.com/tcr-webhook/tcr-webhook/test/load/result"
)

// serveCommand, before a contender's name, has this binary be its server.
const serveCommand = "serve"

func main() {
	log.SetLogger(logr.Discard()) // or controller-runtime complains that nobody chose one
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	dir       string
	rounds    int
	turn      time.Duration
	apiServer bool
	rate      int
	seconds   int
	record    string
	restarts  int
	calls     int
}

func (o *options) flags() *pflag.FlagSet {
	f := pflag.NewFlagSet("bench", pflag.ContinueOnError)
	f.StringVar(&o.dir, "dir", ".", "folder to write bench.md and its plots into")
	f.IntVar(&o.rounds, "rounds", 7, "turns of each contender in each measurement")
	f.DurationVar(&o.turn, "turn", time.Second, "length of a server's turn; a handler's takes a quarter")
	f.BoolVar(&o.apiServer, "api-server", false, "measure behind a real API server, too")
	f.IntVar(&o.rate, "rate", 100, "pods created per second with --api-server")
	f.IntVar(&o.seconds, "seconds", 30, "how long they are, with each webhook")
	f.IntVar(&o.restarts, "restarts", 100, "replicas restarted under calls")
	f.IntVar(&o.calls, "calls", 1_000_000, "calls that are made meanwhile, at least")
	f.StringVar(&o.record, "record", "", "only record the usual reviews anew, into this folder, from a real API server")
	return f
}

func (o *options) check() error {
	if o.rounds < 1 || o.rate < 1 || o.seconds < 1 || o.turn <= 0 {
		return errors.New("--rounds, --rate, --seconds and --turn have to be positive")
	}
	return nil
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	if len(args) > 1 && args[0] == serveCommand {
		return serve(ctx, args[1:], in, out)
	}
	var o options
	if err := o.flags().Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil
		}
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	if o.record != "" {
		return recordReviews(ctx, o.record, out)
	}
	return bench(ctx, o, strings.Join(args, " "), out)
}

// bench measures everything there is to measure and reports it.
func bench(ctx context.Context, o options, args string, out io.Writer) error {
	say := func(what string) { fmt.Fprintf(out, "%s %s\n", time.Now().Format(time.TimeOnly), what) }
	r := report{options: o, args: args, machine: machine.Describe(ctx), loadBefore: machine.LoadAverage()}
	var err error
	for _, m := range []struct {
		what    string
		skipped bool
		measure func() error
	}{
		{"the image", false, func() error { r.image, err = measureImage(ctx); return err }},
		{"handlers in this process", false, func() error { r.handlers, err = measureHandlers(ctx, o); return err }},
		{"hostile reviews", false, func() error { r.hostile, err = measureHostile(ctx); return err }},
		{"the token cache", false, func() error { r.hits, err = measureHits(ctx, o); return err }},
		{"conditions", false, func() error { r.conditions, err = measureConditions(ctx, o); return err }},
		{"servers over TLS", false, func() error { r.servers, err = measureServers(ctx, o); return err }},
		{"one CPU", false, func() error { r.many, err = measureMany(ctx, o); return err }},
		{"a tenth of a CPU", false, func() error { r.crowd, err = measureCrowd(ctx, o); return err }},
		{"restarts", o.restarts == 0, func() error { r.restarted, err = measureRestarts(ctx, o); return err }},
		{"behind a real API server", !o.apiServer, func() error { r.creations, err = measureCreations(ctx, o, out); return err }},
	} {
		if m.skipped {
			continue
		}
		say(m.what)
		if err := m.measure(); err != nil {
			return fmt.Errorf("%s: %w", m.what, err)
		}
	}
	r.loadAfter = machine.LoadAverage()
	if err := r.write(out); err != nil {
		return err
	}
	return result.Verdict(r.goals())
}
