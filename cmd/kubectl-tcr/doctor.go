package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/doctor"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/health"
)

// doctorOptions are the flags of doctor.
type doctorOptions struct {
	deployment, from, image string
	pre                     bool
	ignore                  []string
	format, failOn          string
}

func (c *command) doctorCommand() *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out why something does not work",
		Long: `Find out why something does not work: each check with a verdict, why it matters
and what to do, causes before what comes of them. A pod is created for that, by a
dry run that leaves nothing behind; what the cloud says is as the server has seen
it, so that no key is needed here. What cannot be checked is said to be so.
` + exitHelp,
		Example: `  kubectl tcr doctor
  kubectl tcr doctor --from-namespace shop
  kubectl tcr doctor --pre     # before an installation`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.doctor(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.deployment, "deployment", defaultDeployment, "name of the Deployment")
	f.StringVar(&o.from, "from-namespace", "", "namespace that the pod of the dry run is in (default: that of -n, or of the current context)")
	f.StringVar(&o.image, "image", "", "image of that pod (default: one of the first instance)")
	f.BoolVar(&o.pre, "pre", false, "only what has to hold before an installation")
	f.StringSliceVar(&o.ignore, "ignore", nil, "codes of findings to leave out, such as TCR304")
	f.StringVarP(&o.format, "output", "o", "table", "table, short (what is not fine, and nothing if all is), json or yaml")
	f.StringVar(&o.failOn, "fail-on", "error", "what ends the command with 1: error, or warning as well")
	return cmd
}

func (c *command) doctor(ctx context.Context, o doctorOptions) error {
	if err := checkFormat(o.format, "table", "short", "json", "yaml"); err != nil {
		return err
	}
	if o.failOn != "error" && o.failOn != "warning" {
		return fmt.Errorf("--fail-on %s: want error or warning", o.failOn)
	}
	paint, err := c.painter()
	if err != nil {
		return err
	}
	e, err := c.newExamination(ctx, o)
	if err != nil {
		return err
	}
	var groups []string
	if o.pre {
		groups = []string{"kubernetes", "leftovers"}
	}
	e.examine(ctx)
	e.found = slices.DeleteFunc(e.found, func(f health.Finding) bool { return slices.Contains(o.ignore, f.Code) })
	checks := doctor.Examine(e.found, e.unseen, groups...)
	if err := c.printChecks(o.format, paint, checks); err != nil {
		return err
	}
	for _, one := range checks {
		if one.Verdict == doctor.Failed || o.failOn == "warning" && one.Verdict == doctor.Warned {
			return errFindings
		}
	}
	return nil
}

// diagnosis is what doctor prints as JSON and YAML.
type diagnosis struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Checks     []doctor.Check `json:"checks"`
}

func (c *command) printChecks(format string, p painter, checks []doctor.Check) error {
	if format == "json" || format == "yaml" {
		return printObject(c.streams.Out, format, diagnosis{"tcr-webhook.io/v1alpha1", "Diagnosis", checks})
	}
	n := map[doctor.Verdict]int{}
	var fine []doctor.Check
	for _, one := range checks {
		n[one.Verdict]++
		switch {
		case one.Verdict == doctor.Fine:
			fine = append(fine, one)
		case one.Verdict == doctor.Skipped && format == "short":
		default:
			c.printCheck(p, one)
		}
	}
	if format == "short" {
		return nil
	}
	c.printFine(p, fine)
	worst := health.Severity("")
	if len(checks) > 0 {
		worst = severityOf(checks[0].Verdict)
	}
	fmt.Fprintln(c.streams.Out, p.paint(inkOf(worst), fmt.Sprintf("%s %d failed, %s, %d not checked, %d fine", c.symbolOf(checks[0].Verdict),
		n[doctor.Failed], count(n[doctor.Warned], "warning"), n[doctor.Skipped], n[doctor.Fine])))
	return nil
}

func severityOf(v doctor.Verdict) health.Severity {
	return map[doctor.Verdict]health.Severity{doctor.Failed: health.Error, doctor.Warned: health.Warning}[v]
}

func (c *command) symbolOf(v doctor.Verdict) string {
	return map[doctor.Verdict]string{
		doctor.Failed: c.symbols.failure, doctor.Warned: c.symbols.warning, doctor.Skipped: c.symbols.skipped, doctor.Fine: c.symbols.fine,
	}[v]
}

func (c *command) printCheck(p painter, one doctor.Check) {
	head := fmt.Sprintf("%s %s: %s", c.symbolOf(one.Verdict), one.Group, one.Name)
	if one.Verdict == doctor.Skipped {
		fmt.Fprintln(c.streams.Out, p.paint(faint, head+": not checked, "+one.Reason))
		return
	}
	fmt.Fprintln(c.streams.Out, p.paint(inkOf(severityOf(one.Verdict)), head))
	for _, f := range one.Findings {
		fmt.Fprintf(c.streams.Out, "    %s   [%s]\n    %s\n    %s\n", f.Text, f.Code, f.Next, p.paint(faint, f.Link))
	}
	fmt.Fprintln(c.streams.Out, p.paint(faint, "    It matters, since "+one.Why+"."))
}

// printFine names what is fine, a group on each line.
func (c *command) printFine(p painter, fine []doctor.Check) {
	var groups []string
	for _, one := range fine {
		if !slices.Contains(groups, one.Group) {
			groups = append(groups, one.Group)
		}
	}
	for _, group := range groups {
		line := fmt.Sprintf("%-14s", group)
		for _, one := range fine {
			if one.Group == group {
				line += "  " + p.paint(green, c.symbols.fine) + " " + one.Name
			}
		}
		fmt.Fprintln(c.streams.Out, line)
	}
}
