// Command rollout has Deployments make twenty thousand pods on two thousand
// nodes, with ten thousand namespaces, three times on a fresh cluster: without
// tcr-webhook, with one replica and with three. It writes down what each costs:
// calls and watches of the API server, memory, CPU, goroutines, and the time
// until all pods run. API server, controllers, scheduler and tcr-webhook are the
// real ones; KWOK plays kubelet to nodes that are not there. It writes rollout.md
// with its plot, and ends with an error where a goal that binds is missed. It
// takes about twenty-five minutes. Linux only.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"k8s.io/klog/v2"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/load/machine"
	"github.com/tcr-webhook/tcr-webhook/test/load/result"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	klog.SetLogger(logr.Discard()) // what client-go thinks of clusters that end
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "rollout:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	dir, binary             string
	nodes, namespaces, pods int
	each                    int
	rest, limit             time.Duration

	kubernetes, kwok string // folders of binaries
}

func (o *options) flags() *pflag.FlagSet {
	f := pflag.NewFlagSet("rollout", pflag.ContinueOnError)
	f.StringVar(&o.dir, "dir", ".", "folder to write rollout.md, its plot and results/rollout.json into")
	f.StringVar(&o.binary, "binary", "../../bin/tcr-webhook", "what to measure, as make build leaves it")
	f.IntVar(&o.nodes, "nodes", 2000, "nodes that KWOK plays")
	f.IntVar(&o.namespaces, "namespaces", 10_000, "namespaces; the first of them have a Deployment each")
	f.IntVar(&o.pods, "pods", 20_000, "pods of all Deployments")
	f.IntVar(&o.each, "each", 10, "pods of one Deployment")
	f.DurationVar(&o.rest, "rest", 20*time.Second, "how long nothing is done before the roll-out, and after it")
	f.DurationVar(&o.limit, "limit", 20*time.Minute, "when a phase of a run counts as stuck")
	return f
}

// deployments is how many there are.
func (o *options) deployments() int { return o.pods / o.each }

func (o *options) check() error {
	switch {
	case min(o.nodes, o.namespaces, o.pods, o.each) < 1:
		return errors.New("--nodes, --namespaces, --pods and --each must be 1 at least")
	case o.pods%o.each != 0:
		return fmt.Errorf("--pods=%d must be a multiple of --each=%d", o.pods, o.each)
	case o.deployments() > o.namespaces:
		return fmt.Errorf("--namespaces=%d is too few: each of %d Deployments has one of its own", o.namespaces, o.deployments())
	case o.pods > 100*o.nodes:
		return fmt.Errorf("--nodes=%d is too few for %d pods: a node has room for 110", o.nodes, o.pods)
	}
	return nil
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
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
	o.kubernetes, o.kwok, err = cluster.FleetBinaries(ctx, out)
	if err != nil {
		return err
	}
	r := &report{options: o, machine: machine.Describe(ctx), loadBefore: machine.LoadAverage()}
	for i, replicas := range sizes() {
		if r.runs[i], err = measure(ctx, o, replicas, out); err != nil {
			return fmt.Errorf("run with %d replicas: %w", replicas, err)
		}
	}
	r.loadAfter = machine.LoadAverage()
	if err := r.write(out); err != nil {
		return err
	}
	return result.Verdict(r.goals())
}

// The runs, by the replicas of tcr-webhook that they have.
const (
	none = iota
	one
	three
)

func sizes() [3]int { return [...]int{none: 0, one: 1, three: 3} }
