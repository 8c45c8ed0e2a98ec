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
	"net/url"
	"os"
	"os/signal"
	"slices"
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
		t, err := parseTarget(arg)
		if err != nil {
			return o, err
		}
		if slices.ContainsFunc(o.targets, func(other target) bool { return other.name == t.name }) {
			return o, fmt.Errorf("two endpoints are named %s", t.name)
		}
		o.targets = append(o.targets, t)
	}
	return o, o.check()
}

func parseTarget(arg string) (target, error) {
	name, address, _ := strings.Cut(arg, "=")
	u, err := url.Parse(address)
	if err != nil {
		return target{}, fmt.Errorf("read endpoint %s: %w", name, err)
	}
	if name == "" || u.Scheme != "https" || u.Host == "" {
		return target{}, fmt.Errorf("%q is not NAME=https://…", arg)
	}
	return target{name, address}, nil
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
	err = rounds(ctx, &o, endpoints)
	if len(endpoints[0].turns) == 0 {
		return err
	}
	return errors.Join(write(out, &o, where, endpoints), err)
}

// rounds gives every endpoint its turns, after a call that does not count, by
// which a mistake in the flags is found. The turn that ctx ends in does not count
// either.
func rounds(ctx context.Context, o *options, endpoints []*endpoint) error {
	for _, e := range endpoints {
		if _, err := e.ask(ctx); err != nil && !errors.Is(err, errDenied) {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	for range o.rounds {
		for _, e := range endpoints {
			t := e.turn(ctx, o)
			if err := context.Cause(ctx); err != nil {
				return err
			}
			e.turns = append(e.turns, t)
		}
	}
	return nil
}
