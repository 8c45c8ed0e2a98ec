package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/uninstall"
)

// uninstallOptions are the flags of uninstall.
type uninstallOptions struct {
	deployment, pullSecret string
	yes, dryRun            bool
	timeout                time.Duration
}

func (c *command) uninstallCommand() *cobra.Command {
	var o uninstallOptions
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Take tcr-webhook out of the cluster",
		Long: `Take out of the cluster what tcr-webhook has written, in the order in which pods
can be created at every moment: its registrations; then the pods of its
Deployment; then the pull Secrets of all namespaces, those that are its own; then
what it keeps in the namespace of the installation. Secrets of others are left,
and so is what installed it, which helm or kubectl delete removes.

It asks first, unless --yes is given. Run again, it goes on where it was stopped.

Ends with 0 if all is gone or, with --dry-run, if it is known what would go, with
1 if something is left, and with 2 if nothing was done: a mistake in the flags, a
cluster that does not answer, an answer that is not yes.`,
		Example: `  kubectl tcr uninstall --dry-run
  kubectl tcr uninstall --yes && helm uninstall tcr-webhook -n tcr-webhook`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.uninstall(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.deployment, "deployment", defaultDeployment, "name of the Deployment")
	f.StringVar(&o.pullSecret, "pull-secret", "", "name of the pull Secrets (default: that of the configuration in force, or tcr-pull)")
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be done, and do nothing")
	f.DurationVar(&o.timeout, "timeout", 30*time.Minute, "how long it may take")
	return cmd
}

// defaultDeployment is the name of the Deployment that the chart makes.
const defaultDeployment = "tcr-webhook"

func (c *command) uninstall(ctx context.Context, o uninstallOptions) error {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	if o.pullSecret == "" {
		var err error
		if o.pullSecret, err = c.pullSecretName(ctx); err != nil {
			return err
		}
	}
	rest, err := c.flags.ToRESTConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	rest.UserAgent = userAgent
	u, err := uninstall.New(rest, uninstall.Options{Namespace: c.install.namespace, Deployment: o.deployment, PullSecret: o.pullSecret, Say: c.say})
	if err != nil {
		return err
	}
	plan, err := u.Plan(ctx)
	if err != nil {
		return fmt.Errorf("see what there is: %w", err)
	}
	for _, line := range plan {
		fmt.Fprintln(c.streams.Out, line)
	}
	if o.dryRun || len(plan) == 0 {
		c.sayNothing(plan)
		return nil
	}
	if !o.yes && !c.agreed(fmt.Sprintf("Take tcr-webhook out of %s? [y/N] ", rest.Host)) {
		return errors.New("nothing was changed, since the answer was not yes")
	}
	if err := u.Run(ctx); err != nil {
		c.say("%s %v", c.symbols.failure, err)
		c.say("  Next: mend that, and run this again. It goes on where it was stopped.")
		return errFindings
	}
	c.say("%s nothing of tcr-webhook is left but what installed it", c.symbols.fine)
	c.say("  Next: %s", c.installer(ctx, o.deployment))
	return nil
}

func (c *command) sayNothing(plan []string) {
	if len(plan) == 0 {
		c.say("%s nothing of tcr-webhook is there to be removed", c.symbols.fine)
		return
	}
	c.say("Nothing was changed.")
}

// pullSecretName is that of the configuration in force, or the default.
func (c *command) pullSecretName(ctx context.Context) (string, error) {
	const usual = "tcr-pull"
	s, err := c.inForce(ctx)
	if errors.Is(err, errNotInstalled) {
		return usual, nil
	}
	if err != nil {
		return "", err
	}
	parsed, err := s.decode()
	if err != nil {
		return "", fmt.Errorf("%w\ngive --pull-secret", err)
	}
	return parsed.PullSecret.Name, nil
}

// agreed asks a question. Without anybody to answer it the answer is no.
func (c *command) agreed(question string) bool {
	fmt.Fprint(c.streams.ErrOut, question)
	answer, err := bufio.NewReader(c.streams.In).ReadString('\n')
	if err != nil && answer == "" {
		fmt.Fprintln(c.streams.ErrOut)
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

// installer is the command that removes what installed tcr-webhook.
func (c *command) installer(ctx context.Context, deployment string) string {
	client, err := c.client()
	if err != nil {
		return "remove it as it was installed"
	}
	d, err := client.AppsV1().Deployments(c.install.namespace).Get(ctx, deployment, metav1.GetOptions{})
	switch release := d.GetAnnotations()["meta.helm.sh/release-name"]; {
	case apierrors.IsNotFound(err):
		return "kubectl delete namespace " + c.install.namespace + ", if nothing else is in it"
	case err == nil && release != "":
		return fmt.Sprintf("helm uninstall %s -n %s", release, c.install.namespace)
	}
	return "kubectl delete -f with the manifest that it was installed from"
}
