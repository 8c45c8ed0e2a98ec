package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/addon"
)

// migrateOptions are the flags of migrate.
type migrateOptions struct {
	from, format         string
	apply, deleteSecrets bool
}

// fromAddon is what there is to migrate from.
const fromAddon = "tcr-addon"

func (c *command) migrateCommand() *cobra.Command {
	var o migrateOptions
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Plan the way from the TCR add-on, and go it",
		Long: `Plan the way from the TCR add-on of TKE: what it left in the cluster, which
steps are done, which can be done here, and which are yours. Both work side by
side until the add-on is uninstalled, and no step leaves a pod without a login.

Nothing is changed unless --apply is given, and then only what the plan marks:
namespaces that have a Secret of the add-on get the annotation that has ours
delivered at once, and, when the add-on is gone, ServiceAccounts lose its names.
Its Secrets are deleted with --delete-secrets alone, which cannot be undone. The
contents of Secrets are never read.

Ends with 0 if nothing is left to do, 1 if there is, and 2 if it could not be
found out.`,
		Example: `  kubectl tcr migrate --from tcr-addon
  kubectl tcr migrate --from tcr-addon --apply`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.migrate(cmd.Context(), o) },
	}
	cmd.Flags().StringVar(&o.from, "from", fromAddon, "what to migrate from: "+fromAddon)
	cmd.Flags().StringVarP(&o.format, "output", "o", "table", "table, json or yaml")
	cmd.Flags().BoolVar(&o.apply, "apply", false, "do what can be done here")
	cmd.Flags().BoolVar(&o.deleteSecrets, "delete-secrets", false, "with --apply, and as the last step: delete the add-on's Secrets")
	return cmd
}

func (c *command) migrate(ctx context.Context, o migrateOptions) error {
	if err := checkFormat(o.format, "table", "json", "yaml"); err != nil {
		return err
	}
	if o.from != fromAddon {
		return fmt.Errorf("--from %s: want %s", o.from, fromAddon)
	}
	if o.deleteSecrets && !o.apply {
		return errors.New("--delete-secrets wants --apply as well")
	}
	m, err := c.newMigration()
	if err != nil {
		return err
	}
	found, err := m.find(ctx)
	if err != nil {
		return err
	}
	steps := addon.Plan(found)
	if o.apply {
		if err := m.act(ctx, steps, o.deleteSecrets); err != nil {
			return err
		}
		if found, err = m.find(ctx); err != nil {
			return err
		}
		steps = addon.Plan(found)
	}
	if err := c.printPlan(o, found, steps); err != nil {
		return err
	}
	if len(steps) > 0 {
		return errFindings
	}
	return nil
}

// migrationPlan is the plan in the formats for programs.
type migrationPlan struct {
	APIVersion string       `json:"apiVersion"`
	Kind       string       `json:"kind"`
	Found      *addon.Found `json:"found"`
	Steps      []addon.Step `json:"steps"`
}

func (c *command) printPlan(o migrateOptions, found *addon.Found, steps []addon.Step) error {
	if o.format != "table" {
		return printObject(c.streams.Out, o.format, migrationPlan{"tcr-webhook.io/v1alpha1", "MigrationPlan", found, steps})
	}
	if len(steps) == 0 {
		c.say("%s nothing of the TCR add-on is in this cluster", c.symbols.fine)
		return nil
	}
	fmt.Fprintf(c.streams.Out, "found  %s, %s, %s that name them, %s that name them; hosts-updater on %s\n",
		count(len(found.Logins), "ImagePullSecret"), count(len(found.Secrets), "Secret"), count(len(found.Accounts), "ServiceAccount"),
		count(len(found.Workloads), "workload"), count(found.Nodes, "node"))
	w := printers.GetNewTabWriter(c.streams.Out)
	for i, s := range steps {
		fmt.Fprintf(w, "%d\t%s\t%s\n", i+1, c.mark(s.State), s.Do)
		printAbout(w, s)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	c.sayNext(o, steps)
	return nil
}

// maxAbout is how much of one step is listed; -o json has all of it.
const maxAbout = 10

func printAbout(w io.Writer, s addon.Step) {
	for i, line := range s.About {
		if i == maxAbout {
			fmt.Fprintf(w, "\t\t  and %d more\n", len(s.About)-maxAbout)
			return
		}
		fmt.Fprintf(w, "\t\t  %s\n", line)
	}
}

// mark says in a word and a symbol how it stands with a step.
func (c *command) mark(s addon.State) string {
	switch s {
	case addon.Done:
		return c.symbols.fine + " done"
	case addon.Ready:
		return c.symbols.warning + " with --apply"
	case addon.Manual:
		return c.symbols.failure + " yours"
	}
	return "  later"
}

func (c *command) sayNext(o migrateOptions, steps []addon.Step) {
	if !o.apply {
		c.say("Nothing was changed.")
	}
	for i, s := range steps {
		switch s.State {
		case addon.Ready:
			c.say("Next: step %d, by kubectl tcr migrate --apply%s.", i+1, map[bool]string{true: " --delete-secrets"}[s.Action.Delete != nil])
			return
		case addon.Manual:
			c.say("Next: step %d; then run this again.", i+1)
			return
		}
	}
}
