// Command tcr-webhook is the server: it changes pods as they are created, so
// that their images come from TCR by the private route with a login that
// works, and it keeps those logins fresh in every namespace.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
	ctrl "sigs.k8s.io/controller-runtime"
)

// collectAt is how much the heap may grow, in per cent of what is in use, before
// it is collected. What is in use is caches that hardly change, so that room for
// as much again, Go's default, is the larger part of the process and seldom
// used. GOGC overrides it.
const collectAt = 25

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	runtime.MemProfileRate = 0 // nobody can ask for the profile, and its tables take 2 MiB
	if err := run(ctrl.SetupSignalHandler(), os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "tcr-webhook:", err)
		os.Exit(1)
	}
}

// run is the whole command: it ends when ctx does, or with what kept it from
// serving.
func run(ctx context.Context, args []string, stderr io.Writer) error {
	var opts options
	cmd := &cobra.Command{
		Use:   "tcr-webhook",
		Short: "Pull private images from Tencent Container Registry with nothing in the pod's manifest",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := opts.check(); err != nil {
				return err
			}
			return serve(ctx, opts, stderr)
		},
		SilenceUsage:  true,
		SilenceErrors: true, // main prints it, once
	}
	opts.addTo(cmd.Flags())
	cmd.AddCommand(uninstallCommand(stderr))
	cmd.CompletionOptions.DisableDefaultCmd = true // nobody types this
	cmd.SetArgs(args)
	cmd.SetOut(stderr)
	cmd.SetErr(stderr)
	return cmd.ExecuteContext(ctx)
}
