//go:build linux

// Command tcr-hosts is the node agent: it keeps the names of TCR instances in
// the node's hosts file, as tcr-webhook publishes them in hosts.yaml, for VPCs
// where no DNS record leads to the private link. It has no cloud credentials and
// speaks to no API; the file that is mounted is all it knows.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"

	"github.com/tcr-webhook/tcr-webhook/cmd/tcr-hosts/nodefile"
)

// memoryLimit makes the runtime collect rather than grow, in bytes. A hosts file
// of the usual size needs a fraction of it.
const memoryLimit = 24 << 20

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := run(ctx, os.Args[1:], os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "tcr-hosts:", err)
		os.Exit(1)
	}
}

// run is the whole command: it ends when ctx does, or with what keeps it from
// going on.
func run(ctx context.Context, args []string, stderr io.Writer) error {
	var opts options
	cmd := &cobra.Command{
		Use:   "tcr-hosts",
		Short: "Keep the names of TCR instances in this node's hosts file",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			agent, ctx, err := opts.agent(cmd.Context(), stderr)
			if err != nil {
				return err
			}
			return serve(ctx, opts.listen, agent)
		},
		SilenceUsage:      true,
		SilenceErrors:     true, // main prints it, once
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	remove := &cobra.Command{
		Use:   "remove",
		Short: "Take our block out of the hosts file, and end",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			agent, ctx, err := opts.agent(cmd.Context(), stderr)
			if err != nil {
				return err
			}
			return agent.remove(ctx)
		},
	}
	cmd.AddCommand(remove)
	opts.addCommon(cmd.PersistentFlags())
	opts.addTo(cmd.Flags())
	cmd.SetArgs(args)
	cmd.SetOut(stderr)
	cmd.SetErr(stderr)
	return cmd.ExecuteContext(ctx)
}

// agent makes the agent that the flags describe, and the context it logs by.
func (o *options) agent(ctx context.Context, stderr io.Writer) (*agent, context.Context, error) {
	domains, err := o.check()
	if err != nil {
		return nil, nil, err
	}
	file, err := nodefile.New(o.file, o.stateDir)
	if err != nil {
		return nil, nil, err
	}
	level, err := o.level()
	if err != nil {
		return nil, nil, err
	}
	log := logr.FromSlogHandler(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: level}))
	a := &agent{
		source:       source{name: o.hosts, domains: domains},
		file:         file,
		domains:      domains,
		interval:     o.interval,
		removeOnExit: o.removeOnExit,
	}
	return a, logr.NewContext(ctx, log), nil
}

// serve runs the agent, and beside it what tells of it, until ctx ends or the
// agent cannot go on.
func serve(ctx context.Context, address string, a *agent) error {
	if address == "0" {
		return a.Start(ctx)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	logr.FromContextOrDiscard(ctx).Info("answers", "address", listener.Addr().String())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	told := make(chan error, 1)
	go func() { told <- answer(ctx, listener, a) }()
	err = a.Start(ctx)
	cancel()
	return errors.Join(err, <-told)
}
