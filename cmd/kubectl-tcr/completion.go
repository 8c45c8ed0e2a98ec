package main

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/config"
)

// completionTime bounds what somebody who presses a key waits for.
const completionTime = 3 * time.Second

// complete has the shell propose values of the flags that cmd has, and of those of
// its subcommands.
func (c *command) completeFlags(cmd *cobra.Command) {
	for name, values := range map[string]func(context.Context) []string{
		"namespace": c.namespaceNames, "from-namespace": c.namespaceNames, "install-namespace": c.namespaceNames,
		"context": c.contextNames, "rule": c.ruleNames, "ignore": func(context.Context) []string { return codes() },
		"color": fixed("auto", "always", "never"), "fail-on": fixed("error", "warning"), "output": outputsOf(cmd.Name()),
	} {
		if cmd.Flag(name) == nil {
			continue
		}
		_ = cmd.RegisterFlagCompletionFunc(name, func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
			defer cancel()
			return values(ctx), cobra.ShellCompDirectiveNoFileComp
		}) // an error means that a flag of the root was taken care of already
	}
	for _, sub := range cmd.Commands() {
		c.completeFlags(sub)
	}
}

func fixed(values ...string) func(context.Context) []string {
	return func(context.Context) []string { return values }
}

// outputsOf are the formats of a subcommand.
func outputsOf(name string) func(context.Context) []string {
	switch name {
	case "explain":
		return fixed("diff", "short", "yaml", "json", "patch")
	case "audit":
		return fixed("table", "short", "json", "yaml", "policyreport")
	case "policy":
		return fixed("yaml", "json")
	}
	return fixed("table", "short", "json", "yaml")
}

func (c *command) namespaceNames(ctx context.Context) (names []string) {
	client, err := c.client()
	if err != nil {
		return nil
	}
	list, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil
	}
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	return names
}

func (c *command) contextNames(context.Context) []string {
	raw, err := c.flags.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(raw.Contexts))
}

// ruleNames are those of the configuration in force.
func (c *command) ruleNames(ctx context.Context) (names []string) {
	s, err := c.inForce(ctx)
	if err != nil {
		return nil
	}
	parsed, err := config.Decode(s.name, s.text)
	if err != nil || parsed.Policy == nil {
		return nil
	}
	for _, r := range parsed.Policy.Rules {
		names = append(names, r.Name)
	}
	return names
}
