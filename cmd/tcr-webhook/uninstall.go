package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/uninstall"
)

// uninstallCommand takes the installation out of its cluster. The chart runs it
// as a Job before its objects are deleted.
func uninstallCommand(stderr io.Writer) *cobra.Command {
	var where options // of which it wants the place alone
	o := uninstall.Options{Say: func(format string, args ...any) { fmt.Fprintf(stderr, format+"\n", args...) }}
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Remove what tcr-webhook has written into the cluster",
		Long: `Remove what tcr-webhook has written into the cluster: its registrations, so that
pods are created without it; the pods of its Deployment; the pull Secrets of all
namespaces that are its own; and what it keeps in the namespace of the
installation. Run again, it goes on where it was stopped.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := where.findNamespace(); err != nil {
				return err
			}
			o.Namespace = where.namespace
			c, err := clusterConfig(where.kubeconfig)
			if err != nil {
				return fmt.Errorf("find the API server: %w", err)
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			u, err := uninstall.New(c, o)
			if err != nil {
				return err
			}
			if err := u.Run(ctx); err != nil {
				return fmt.Errorf("uninstall: %w; run it again to go on", err)
			}
			o.Say("nothing of tcr-webhook is left but what installed it")
			return nil
		},
	}
	f := cmd.Flags()
	where.addPlaceTo(f)
	f.StringVar(&o.Deployment, "deployment", "tcr-webhook", "name of the Deployment")
	f.StringVar(&o.PullSecret, "pull-secret", "tcr-pull", "name of the pull Secrets, pullSecret.name of the configuration")
	f.DurationVar(&timeout, "timeout", 10*time.Minute, "how long it may take")
	return cmd
}
