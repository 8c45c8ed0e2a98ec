package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/explain"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/manifest"
)

// explainOptions are the flags of explain.
type explainOptions struct {
	files          []string
	recursive      bool
	config         string
	offline        bool
	labels         map[string]string
	everyPod       bool
	format, failOn string
	exitCode       bool
}

func (c *command) explainCommand() *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:   "explain -f FILE",
		Short: "Show what becomes of a pod, and why",
		Long: `Show what becomes of a Pod, or of the pods that a Deployment, StatefulSet,
DaemonSet, ReplicaSet, Job, CronJob, ReplicationController or PodTemplate makes:
its images, its pull secrets, and what the allow-list has against it. It is
decided by the code of the webhook itself, by the configuration in force or one
in a file, and nothing is sent to the webhook or changed in the cluster.

With --offline nothing is asked: the configuration is a file, routes are those
that it has, and namespaces have the labels of a Namespace among the manifests,
or those of --namespace-labels.
` + exitHelp,
		Example: `  kubectl tcr explain -f deployment.yaml -n shop
  kustomize build . | kubectl tcr explain -f -
  kubectl tcr explain -f manifests/ --config config.yaml --offline --exit-code
  kubectl tcr explain -f pod.yaml -o yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.explain(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.files, "filename", "f", nil, "manifest, folder of manifests, or - for standard input; may be repeated")
	f.BoolVarP(&o.recursive, "recursive", "R", false, "look into the folders of folders")
	f.StringVar(&o.config, "config", "", "configuration file, in place of the configuration in force")
	f.BoolVar(&o.offline, "offline", false, "ask no cluster; wants --config")
	f.StringToStringVar(&o.labels, "namespace-labels", nil, "labels of the namespace, with --offline")
	f.BoolVar(&o.everyPod, "every-pod", false, "as with inject: Always of the chart, which gives the pull secret to every pod")
	f.StringVarP(&o.format, "output", "o", "diff", "diff; yaml, the pod as it is admitted; json, patch and reasons; or patch, the JSON patch, one pod a line")
	f.StringVar(&o.failOn, "fail-on", "error", "what ends the command with 1: error, a pod that is denied; or warning, what somebody is warned of as well")
	f.BoolVar(&o.exitCode, "exit-code", false, "end with 1 as well if anything is changed")
	return cmd
}

func (o *explainOptions) check() error {
	if err := checkFormat(o.format, "diff", "yaml", "json", "patch"); err != nil {
		return err
	}
	switch {
	case len(o.files) == 0:
		return errors.New("-f is missing: give a manifest, a folder, or - for standard input")
	case o.failOn != "error" && o.failOn != "warning":
		return fmt.Errorf("--fail-on %s: want error or warning", o.failOn)
	case o.offline && o.config == "":
		return errors.New("--offline wants --config, since no cluster is asked for its configuration")
	case len(o.labels) > 0 && !o.offline:
		return errors.New("--namespace-labels is for --offline: the cluster has the labels of its namespaces")
	}
	return nil
}

func (c *command) explain(ctx context.Context, o explainOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	paint, err := c.painter()
	if err != nil {
		return err
	}
	objects, err := c.manifests(o.files, o.recursive)
	if err != nil {
		return err
	}
	s, err := c.situate(ctx, o, objects)
	if err != nil {
		return err
	}
	all, err := c.explainAll(ctx, s, objects)
	if err != nil {
		return err
	}
	if err := c.printExplained(o, s, paint, all); err != nil {
		return err
	}
	for _, e := range all {
		if e.Denied || o.failOn == "warning" && e.Concerns() > 0 || o.exitCode && e.Changes() {
			return errFindings
		}
	}
	return nil
}

// explainAll explains those of objects that are pods, or make pods.
func (c *command) explainAll(ctx context.Context, s *situation, objects []manifest.Object) ([]*explain.Explanation, error) {
	var all []*explain.Explanation
	for i := range objects {
		o := &objects[i]
		if !explain.Known(o) {
			continue
		}
		in, err := s.of(ctx, o)
		if err != nil {
			return nil, err
		}
		e, err := explain.Explain(o, in)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	if len(all) == 0 {
		c.say("%s none of %s is a pod, or makes pods", c.symbols.skipped, count(len(objects), "object"))
	}
	return all, nil
}

// instanceOf finds how it stands with an instance.
func instanceOf(d *status.Document, id string) *status.Instance {
	if d == nil {
		return nil
	}
	for i := range d.Instances {
		if d.Instances[i].ID == id {
			return &d.Instances[i]
		}
	}
	return nil
}
