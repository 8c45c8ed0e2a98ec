package main

import (
	"fmt"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/tcr-webhook/tcr-webhook/webhook/policy/render"
)

func (c *command) renderCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "render",
		Short: "Write what a configuration means for other parts of the cluster",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return fmt.Errorf("there is nothing called %q to render; see %s --help", args[0], cmd.CommandPath())
		},
	}
	cmd.AddCommand(c.renderPolicyCommand())
	return cmd
}

func (c *command) renderPolicyCommand() *cobra.Command {
	var file, candidate, format string
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Write the allow-list as ValidatingAdmissionPolicies",
		Long: fmt.Sprintf(`Write the rules of the allow-list as ValidatingAdmissionPolicies, one for each
rule, with their bindings: the API server evaluates them itself, so that they
hold when no webhook answers. They have the verdict of the webhook, on pods and
on what makes pods from templates. It needs Kubernetes 1.30.

A rule is refused, with the reason, if it has more than %d patterns, names an
instance whose hosts are not known, or would make an expression that the API
server does not take. An image of more than %d characters is never allowed by
what is written here.

Nothing is changed in the cluster. Before rendered rules are applied anew, those
of rules that no longer exist are to be deleted; all have the label
%s=%s.
`, render.MaxPatterns, render.MaxImage, render.Label, render.LabelValue) + exitHelp,
		Example: `  kubectl tcr render policy | kubectl apply -f -
  kubectl tcr render policy --config config.yaml > policies.yaml
  kubectl delete validatingadmissionpolicies,validatingadmissionpolicybindings -l ` + render.Label + "=" + render.LabelValue,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(format, "yaml", "json"); err != nil {
				return err
			}
			r, err := c.compile(cmd.Context(), file, candidate)
			if err != nil {
				return err
			}
			rendered, err := render.Policies(r.Rules(), r.Aliases(), c.install.namespace)
			if err != nil {
				return fmt.Errorf("%s: %w", r.from, err)
			}
			return c.printRendered(rendered, r.from, format)
		},
	}
	addRulesFlags(cmd, &file, &candidate)
	cmd.Flags().StringVarP(&format, "output", "o", "yaml", "yaml or json")
	return cmd
}

// addRulesFlags adds those that say which allow-list is meant.
func addRulesFlags(cmd *cobra.Command, file, candidate *string) {
	cmd.Flags().StringVar(file, "config", "", "file with the configuration, in place of the one in force; - is standard input")
	cmd.Flags().StringVar(candidate, "policy", "", "file with the rules to use in place of those of the configuration: its policy, or a whole configuration")
}

// printRendered writes the objects without what the API server fills in.
func (c *command) printRendered(rendered []render.Rendered, from, format string) error {
	var objects []unstructured.Unstructured
	add := func(o metav1.Object) error {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
		delete(content, "status")
		objects = append(objects, unstructured.Unstructured{Object: content})
		return err
	}
	for _, r := range rendered {
		if err := add(r.Policy); err != nil {
			return err
		}
		for _, b := range r.Bindings {
			if err := add(b); err != nil {
				return err
			}
		}
	}
	if format == "json" {
		return printObject(c.streams.Out, format, &unstructured.UnstructuredList{
			Object: map[string]any{"apiVersion": "v1", "kind": "List"}, Items: objects,
		})
	}
	fmt.Fprintf(c.streams.Out, "# Rendered by kubectl tcr render policy from %s.\n", from)
	for i := range objects {
		fmt.Fprintln(c.streams.Out, "---")
		if err := printObject(c.streams.Out, format, objects[i].Object); err != nil {
			return err
		}
	}
	return nil
}
