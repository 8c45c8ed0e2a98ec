// Command generate sends one AdmissionReview over and over to one endpoint or
// several, by turns, and tells what share of the calls was answered how fast. An
// endpoint is any webhook that an API server could call, ours or another's.
//
// Calls come at even intervals whether or not earlier ones are answered, and a
// latency counts from when its call was due. Percentiles are exact: every
// latency is kept. A round of each endpoint follows a round of the other, and
// ratios are taken round by round, so that what else the machine does weighs on
// all of them.
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

	"github.com/spf13/pflag"

	"github.com/tcr-webhook/tcr-webhook/test/load/machine"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	body     string
	ca       string
	insecure bool
	http2    bool
	rounds   int
	rate     int
	length   time.Duration
	timeout  time.Duration
	format   string
	targets  []target
}

// target is an endpoint under the name that the report has for it.
type target struct{ name, url string }

const usage = `generate --body review.json [flags] NAME=URL [NAME=URL …]

Sends the AdmissionReview of a file to each endpoint by turns and tells how fast
it was answered. The ratios are to the first endpoint.

`

func parse(args []string, out io.Writer) (o options, err error) {
	f := pflag.NewFlagSet("generate", pflag.ContinueOnError)
	f.SetOutput(out)
	f.Usage = func() { fmt.Fprint(out, usage+f.FlagUsages()) }
	f.StringVar(&o.body, "body", "", "file with an AdmissionReview as JSON (required)")
	f.StringVar(&o.ca, "ca", "", "file with the certificates to trust, as PEM; the system's by default")
	f.BoolVar(&o.insecure, "insecure", false, "trust whatever certificate there is")
	f.BoolVar(&o.http2, "http2", false, "speak HTTP/2 as API servers do to loopback, instead of HTTP/1.1 as they do to Services")
	f.IntVar(&o.rounds, "rounds", 5, "turns of each endpoint")
	f.IntVar(&o.rate, "rate", 200, "calls a second")
	f.DurationVar(&o.length, "length", 5*time.Second, "length of a turn")
	f.DurationVar(&o.timeout, "timeout", 3*time.Second, "how long a call may take")
	f.StringVarP(&o.format, "output", "o", "table", "table or json")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	for _, arg := range f.Args() {
		name, url, ok := strings.Cut(arg, "=")
		if !ok || !strings.HasPrefix(url, "https://") {
			return o, fmt.Errorf("%q is not NAME=https://…", arg)
		}
		o.targets = append(o.targets, target{name, url})
	}
	return o, o.check()
}

func (o *options) check() error {
	switch {
	case len(o.targets) == 0:
		return errors.New("give at least one endpoint, as NAME=https://…")
	case o.body == "":
		return errors.New("give --body a file with an AdmissionReview")
	case o.rounds < 1 || o.rate < 1 || o.length <= 0 || o.timeout <= 0:
		return errors.New("--rounds, --rate, --length and --timeout have to be positive")
	case o.calls() < 1:
		return errors.New("--length is too short for a single call at this --rate")
	case o.format != "table" && o.format != "json":
		return fmt.Errorf("-o %s: want table or json", o.format)
	}
	return nil
}

// calls is how many there are in one turn.
func (o *options) calls() int { return int(o.length.Seconds() * float64(o.rate)) }

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args, out)
	if err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil
		}
		return err
	}
	body, err := os.ReadFile(o.body)
	if err != nil {
		return err
	}
	var endpoints []*endpoint
	for _, t := range o.targets {
		e, err := newEndpoint(t, body, &o)
		if err != nil {
			return err
		}
		defer e.close()
		endpoints = append(endpoints, e)
	}
	where := machine.Describe(ctx)
	if err := rounds(ctx, &o, endpoints); err != nil {
		return err
	}
	return write(out, &o, where, endpoints)
}

// rounds gives every endpoint its turns, after one that does not count, in which
// connections are made.
func rounds(ctx context.Context, o *options, endpoints []*endpoint) error {
	for _, e := range endpoints {
		if err := e.call(ctx); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	for range o.rounds {
		for _, e := range endpoints {
			e.turn(ctx, o)
			if err := context.Cause(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}
