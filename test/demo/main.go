// Command demo shows the main job on this machine: a pod with nothing but an
// image name is created in a real API server, and what was missing for its
// image to be pulled is there. It needs no root and leaves nothing behind.
//
// With --keep it stays, as an installation to try things on: a release of Helm, on
// a cluster whose nodes it plays as far as its own replicas go. `demo pull` pulls
// the images of a pod there, which no kubelet does.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	if len(args) > 0 && args[0] == "pull" {
		return pull(ctx, args[1:], out)
	}
	flags := pflag.NewFlagSet("demo", pflag.ContinueOnError)
	keep := flags.Bool("keep", false, "leave everything up until Ctrl-C")
	env := flags.String("env", "bin/demo.env", "with --keep, the file that other terminals are to read; taken by another demo, it is one in the folder of this")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil
		}
		return err
	}
	started := time.Now()
	binaries, err := cluster.Binaries(ctx, out)
	if err != nil {
		return err
	}
	bin := filepath.Dir(binaries)
	if os.Getenv("KUBEBUILDER_ASSETS") != "" {
		bin = "bin"
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(bin, "demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d := &demo{out: out, started: started, dir: dir, kubectl: filepath.Join(binaries, "kubectl")}
	if err := d.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stack.Stop()) }()
	if err := d.show(ctx); err != nil {
		return err
	}
	if *keep {
		return d.keep(ctx, *env)
	}
	return nil
}

// demo is one run.
type demo struct {
	out     io.Writer
	started time.Time
	dir     string
	kubectl string
	stack   *stack.Stack
}

func (d *demo) say(format string, args ...any) {
	_, _ = fmt.Fprintf(d.out, "[%5.1fs] %s\n", time.Since(d.started).Seconds(), fmt.Sprintf(format, args...))
}

func (d *demo) title(text string) { _, _ = fmt.Fprintf(d.out, "\n=== %s\n", text) }

func (d *demo) print(format string, args ...any) { _, _ = fmt.Fprintf(d.out, format+"\n", args...) }

// progress stamps each line that the parts report.
type progress struct{ d *demo }

func (p progress) Write(b []byte) (int, error) {
	p.d.say("%s", trim(b))
	return len(b), nil
}

func (d *demo) start(ctx context.Context) error {
	d.say("building tcr-webhook")
	binary, err := stack.Build(ctx, d.dir)
	if err != nil {
		return err
	}
	d.stack, err = stack.Start(ctx, stack.Options{Dir: d.dir, Binary: binary, Replicas: 2, Progress: progress{d}})
	return err
}
