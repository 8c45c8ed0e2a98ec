package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/audit"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
)

// auditOptions are the flags of audit.
type auditOptions struct {
	file, candidate, rule string
	format, failOn        string
	all, writeReports     bool
	ignore                []string
}

func (c *command) auditCommand() *cobra.Command {
	var o auditOptions
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "List what runs and the allow-list would refuse",
		Long: `List what runs in the cluster and the allow-list would refuse if it enforced
today, whatever the action of its rules is now: by namespace and workload, as a
pod is found to be of a Deployment, a CronJob or whatever made it in the end.
Judged are pods that have not ended, and the templates of workloads, whether
they have pods or not.

It is about all namespaces, unless -n names one. Rules are those of the
configuration in force, unless a file is given. Nothing is changed in the
cluster, but with --write-reports: then each namespace gets a PolicyReport
(` + audit.ReportVersion + `), if the cluster has a CRD for those.
` + exitHelp,
		Example: `  kubectl tcr audit
  kubectl tcr audit --policy candidate.yaml -n shop
  kubectl tcr audit --rule only-ours -o json
  kubectl tcr audit --write-reports`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.audit(cmd.Context(), o) },
	}
	addRulesFlags(cmd, &o.file, &o.candidate)
	cmd.Flags().StringVar(&o.rule, "rule", "", "only what this rule objects to")
	cmd.Flags().BoolVarP(&o.all, "all-namespaces", "A", false, "all namespaces, as without -n")
	cmd.Flags().StringVarP(&o.format, "output", "o", "table", "table, short (what would be refused, and nothing if nothing would), json, yaml or policyreport")
	cmd.Flags().StringVar(&o.failOn, "fail-on", "error", "what ends the command with 1: error, what would be refused; or warning, what cannot be judged as well")
	cmd.Flags().StringSliceVar(&o.ignore, "ignore", nil, "codes of findings to leave out, such as TCR503")
	cmd.Flags().BoolVar(&o.writeReports, "write-reports", false, "write PolicyReports into the cluster")
	return cmd
}

func (c *command) audit(ctx context.Context, o auditOptions) error {
	if err := checkFormat(o.format, "table", "short", "json", "yaml", "policyreport"); err != nil {
		return err
	}
	if o.failOn != "error" && o.failOn != "warning" {
		return fmt.Errorf("--fail-on %s: want error or warning", o.failOn)
	}
	namespace := *c.flags.Namespace
	if o.all && namespace != "" {
		return errors.New("-A means all namespaces, and -n one; give one of them")
	}
	r, err := c.compile(ctx, o.file, o.candidate)
	if err != nil {
		return err
	}
	if o.rule != "" && !slices.ContainsFunc(r.Rules(), func(one policy.CanonicalRule) bool { return one.Name == o.rule }) {
		return fmt.Errorf("--rule %s: %s has no rule of this name", o.rule, r.from)
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	if o.writeReports {
		if err := reportsThere(ctx, client); err != nil {
			return err
		}
	}
	tally := audit.NewTally(r.Policy, o.rule, o.ignore...)
	if err := (&lister{client: client.CoreV1().RESTClient(), namespace: namespace}).tell(ctx, tally); err != nil {
		return err
	}
	report := tally.Report()
	if o.writeReports {
		if err := c.writeReports(ctx, report, namespace); err != nil {
			return err
		}
	}
	if err := c.printAudit(report, o.format, r.from); err != nil {
		return err
	}
	if report.Summary.Refused > 0 || report.Summary.Open > 0 && o.failOn == "warning" {
		return errFindings
	}
	return nil
}

func (c *command) printAudit(report *audit.Report, format, from string) error {
	switch format {
	case "json", "yaml":
		return printObject(c.streams.Out, format, report)
	case "policyreport":
		for i, u := range report.PolicyReports() {
			if i > 0 {
				fmt.Fprintln(c.streams.Out, "---")
			}
			if err := printObject(c.streams.Out, "yaml", u.Object); err != nil {
				return err
			}
		}
		return nil
	}
	if len(report.Findings) > 0 {
		c.printTable(report.Findings)
	}
	if format == "table" {
		c.sum(report.Summary, from)
	}
	return nil
}

func (c *command) printTable(findings []audit.Finding) {
	w := printers.GetNewTabWriter(c.streams.Out)
	defer func() { _ = w.Flush() }() // its errors are those of the terminal
	fmt.Fprintln(w, "NAMESPACE\tWORKLOAD\tCONTAINER\tIMAGE\tPODS\tRULE\tVERDICT")
	for _, f := range findings {
		verdict := c.symbols.failure + " would be refused: " + reasonWords()[f.Reason]
		if f.Open() {
			verdict = c.symbols.warning + " cannot be judged yet: hosts are not known"
		}
		fmt.Fprintf(w, "%s\t%s/%s\t%s\t%s\t%d\t%s (%s)\t%s [%s]\n", f.Workload.Namespace, strings.ToLower(f.Workload.Kind), f.Workload.Name,
			strings.TrimPrefix(f.Site, "containers/"), printable(f.Image), f.Pods, f.Rule, f.Action, verdict, f.Code)
	}
}

// reasonWords say the reason in a table.
func reasonWords() map[policy.Reason]string {
	return map[policy.Reason]string{
		policy.NotAllowed: "not allowed", policy.Denied: "denied", policy.NoDigest: "no digest", policy.Unparsable: "not an image reference",
	}
}

// printable is an image that keeps to its column, and to the terminal.
func printable(image string) string {
	if strings.ContainsFunc(image, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Sprintf("%q", image)
	}
	return image
}

// sum says how it stands, and what to do next.
func (c *command) sum(s audit.Summary, from string) {
	free := ""
	if s.Free > 0 {
		free = fmt.Sprintf("; %d more are in namespaces that no rule is for", s.Free)
	}
	if s.Refused == 0 && s.Open == 0 {
		c.say("%s nothing of %s (%s) would be refused by %s%s", c.symbols.fine, count(s.Workloads, "workload"), count(s.Pods, "pod"), from, free)
		return
	}
	open := ""
	if s.Open > 0 {
		open = fmt.Sprintf("; %d cannot be judged yet", s.Open)
	}
	symbol := c.symbols.failure
	if s.Refused == 0 {
		symbol = c.symbols.warning
	}
	c.say("%s %d of %s (%s) would be refused by %s%s%s", symbol, s.Refused, count(s.Workloads, "workload"), count(s.Pods, "pod"), from, open, free)
	c.say("  Next: change the images, or allow them; then set action: Enforce. Run this again until it begins with %s.", c.symbols.fine)
}
