package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/health"
)

// statusOptions are the flags of status.
type statusOptions struct {
	deployment     string
	format, failOn string
	ignore         []string
	wait           time.Duration
}

// errWaited ends the command with exitWaited. How it stands is printed.
var errWaited = errors.New("waited in vain")

// waitsFor is how long --wait waits where it does not say.
const waitsFor = "2m"

func (c *command) statusCommand() *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how tcr-webhook is, the worst first",
		Long: `Show how tcr-webhook is, on one screen and the worst first: its replicas, how the
API server calls it, each instance with its route and its token, and what is
wrong with a code and what to do. It reads the status that the server keeps
(ConfigMap tcr-webhook-status) and the objects around it, and no Secret.

Ends with 0 if all is fine or only warned of, with 1 if something is wrong, with 2
if it could not be found out, as where nothing is installed, and with 124 if
--wait ran out before all was fine.`,
		Example: `  kubectl tcr status
  kubectl tcr status --wait=5m && kubectl apply -f app.yaml
  kubectl tcr status -o short    # nothing, if all is fine`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.showStatus(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.deployment, "deployment", defaultDeployment, "name of the Deployment")
	f.StringVarP(&o.format, "output", "o", "table", "table, short (what is wrong, and nothing if nothing is), json or yaml")
	f.StringVar(&o.failOn, "fail-on", "error", "what ends the command with 1: error, or warning as well")
	f.StringSliceVar(&o.ignore, "ignore", nil, "codes of findings to leave out, such as TCR304")
	f.DurationVar(&o.wait, "wait", 0, "wait until all is fine, at most this long")
	f.Lookup("wait").NoOptDefVal = waitsFor
	return cmd
}

func (c *command) showStatus(ctx context.Context, o statusOptions) error {
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
	w, err := c.newWatcher(o.deployment)
	if err != nil {
		return err
	}
	report, waited, err := c.await(ctx, w, o)
	if err != nil {
		return err
	}
	c.compareVersions(ctx, w.client, o.deployment)
	c.sayAge(report)
	if err := c.printStatus(o.format, paint, report); err != nil {
		return err
	}
	switch {
	case !bad(report, o.failOn):
		return nil
	case waited:
		return errWaited
	}
	return errFindings
}

// bad tells whether the command ends with 1.
func bad(r *health.Report, failOn string) bool {
	return r.Worst() == health.Error || failOn == "warning" && r.Worst() != ""
}

// lookAgain is how often is looked while waiting.
const lookAgain = time.Second

// await looks once, or until all is fine or the time is over.
func (c *command) await(ctx context.Context, w *watcher, o statusOptions) (report *health.Report, waited bool, err error) {
	if o.wait <= 0 {
		if report, err = w.look(ctx); err == nil {
			report.Ignore(o.ignore...)
		}
		return report, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.wait)
	defer cancel()
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	said := ""
	for {
		next, lookErr := w.look(ctx)
		if ctx.Err() == nil { // or it was cut off
			report, err = next, lookErr
			if report != nil {
				report.Ignore(o.ignore...)
			}
		}
		if err == nil && report != nil && !bad(report, o.failOn) {
			return report, true, nil
		}
		if text := waitsOn(report, err); text != said {
			said = text
			c.say("waiting: %s", text)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if err != nil {
				err = fmt.Errorf("%w: %w", errWaited, err)
			}
			return report, true, err
		}
	}
}

// waitsOn is the worst that is waited for to be over.
func waitsOn(r *health.Report, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case r == nil || len(r.Findings) == 0:
		return "no answer yet"
	}
	return r.Findings[0].Text
}
