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

	"github.com/spf13/cobra"
	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	runtime.MemProfileRate = 0 // nobody can ask for the profile, and its tables take 2 MiB
	ctx := ctrl.SetupSignalHandler()
	go followMemory(ctx)
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil {
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
