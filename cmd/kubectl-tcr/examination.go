package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/config"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/addon"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/doctor"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/health"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// examination is what doctor finds.
type examination struct {
	*command
	options doctorOptions
	watcher *watcher
	facts   *health.Facts
	found   []health.Finding
	unseen  []health.Unseen

	// The configuration that the server is given; nil where it cannot be read.
	parsed    *config.Config
	directory *registry.Directory
	// lacking has the namespaces that get the pull Secret and have none; nil where
	// that is not known.
	lacking map[string]bool
}

// pullSecret is what the pull Secret is called.
func (e *examination) pullSecret() string {
	if e.parsed == nil {
		return "tcr-pull"
	}
	return e.parsed.PullSecret.Name
}

// newExamination looks at the cluster. An error means that it cannot be reached.
func (c *command) newExamination(ctx context.Context, o doctorOptions) (*examination, error) {
	w, err := c.newWatcher(o.deployment)
	if err != nil {
		return nil, err
	}
	c.compareVersions(ctx, w.client, o.deployment)
	if o.from == "" {
		o.from = *c.flags.Namespace
	}
	if o.from == "" {
		if o.from, _, err = c.flags.ToRawKubeConfigLoader().Namespace(); err != nil {
			return nil, fmt.Errorf("find the namespace: %w", err)
		}
	}
	facts, err := w.gather(ctx)
	if err != nil {
		return nil, err
	}
	return &examination{command: c, options: o, watcher: w, facts: facts}, nil
}

func (e *examination) add(code string, s health.Severity, text, next string) {
	e.found = append(e.found, health.Finding{Code: code, Severity: s, Text: text, Next: next})
}

func (e *examination) skip(thing, why string) {
	e.unseen = append(e.unseen, health.Unseen{Thing: thing, Why: why})
}

// examine makes the checks.
func (e *examination) examine(ctx context.Context) {
	e.unseen = append(e.unseen, e.facts.Unseen...)
	e.atCluster()
	e.atAddon(ctx)
	if e.options.pre {
		e.atRightsToInstall(ctx)
		return
	}
	e.skip(doctor.ThingInstall, doctor.NotNeeded) // it is installed
	e.found = append(e.found, health.Judge(e.facts).Findings...)
	if e.facts.Document == nil {
		e.skip(health.ThingDocument, "there is no status of the server")
	}
	found, unseen := doctor.OfCloud(e.facts.Document)
	e.found, e.unseen = append(e.found, found...), append(e.unseen, unseen...)
	e.atRegistrations()
	e.atService(ctx)
	e.atRegistrationsAlone()
	e.atConfiguration(ctx)
	e.atDeployment(ctx)
	e.atPod(ctx)
	e.atSecrets(ctx)
	e.atPulls(ctx)
}

// atRegistrations adds what the server has not said of them, or not yet.
func (e *examination) atRegistrations() {
	if !e.looked(health.ThingRegistrations) {
		return
	}
	said := slices.ContainsFunc(e.found, func(f health.Finding) bool { return f.Code == "TCR104" })
	for _, f := range doctor.OfRegistrations(e.facts.Live, e.facts.Document, e.facts.Now) {
		if f.Code != "TCR104" || !said {
			e.found = append(e.found, f)
		}
	}
}

// atCluster compares with the first version that has matchConditions by default.
func (e *examination) atCluster() {
	v, err := version.ParseGeneric(e.facts.Kubernetes)
	if err != nil {
		e.skip(doctor.ThingCluster, "the API server says that it is "+e.facts.Kubernetes)
		return
	}
	if v.LessThan(version.MustParseGeneric("1.28.0")) {
		e.add("TCR111", health.Error, "the API server is "+e.facts.Kubernetes+", which is older than 1.28", "Upgrade the cluster.")
	}
}

// atAddon looks for what the TCR add-on left.
func (e *examination) atAddon(ctx context.Context) {
	m, err := e.newMigration()
	if err != nil {
		e.skip(doctor.ThingAddon, err.Error())
		return
	}
	quiet := *e.command
	quiet.streams.ErrOut = nobody{}
	m.command = &quiet
	f, err := m.find(ctx)
	if err != nil {
		e.skip(doctor.ThingAddon, err.Error())
		return
	}
	there := slices.ContainsFunc(f.Namespaces, func(ns registry.Namespace) bool { return ns.Name == addon.Namespace })
	if there || f.Running || f.Nodes > 0 || len(f.Logins)+len(f.Secrets)+len(f.Accounts) > 0 {
		where := ""
		if there {
			where = " its namespace " + addon.Namespace + ","
		}
		e.add("TCR701", health.Warning, fmt.Sprintf("the TCR add-on left%s %s, %s and %s that name them; its hosts-updater is on %s", where,
			count(len(f.Logins), "ImagePullSecret"), count(len(f.Secrets), "Secret"), count(len(f.Accounts), "ServiceAccount"), count(f.Nodes, "node")), "kubectl tcr migrate shows the way from the add-on.")
	}
}

// nobody reads what is written to it.
type nobody struct{}

func (nobody) Write(p []byte) (int, error) { return len(p), nil }

// atService looks for the Service that the API server is told to call.
func (e *examination) atService(ctx context.Context) {
	if m := e.facts.Live.Mutating; m != nil {
		for i := range m.Webhooks {
			s := m.Webhooks[i].ClientConfig.Service
			if s == nil {
				continue
			}
			_, err := e.watcher.client.CoreV1().Services(s.Namespace).Get(ctx, s.Name, metav1.GetOptions{})
			switch {
			case apierrors.IsNotFound(err):
				e.add("TCR124", health.Error, fmt.Sprintf("there is no Service %s/%s, which %s has the API server call", s.Namespace, s.Name, m.Webhooks[i].Name), "Apply the chart again: helm upgrade; if it was uninstalled, delete what is left: kubectl tcr uninstall.")
				return
			case err != nil:
				e.skip(doctor.ThingService, err.Error())
				return
			}
		}
	}
}

// atRegistrationsAlone finds registrations that nobody answers.
func (e *examination) atRegistrationsAlone() {
	d := e.facts.Deployment
	if e.facts.Live.Mutating == nil || d != nil && d.Want > 0 || d == nil && !e.looked(health.ThingDeployment) {
		return
	}
	e.add("TCR110", health.Error, "pods are registered with a webhook that is not there, so that those with images of yours are not created",
		"Install the chart again, or take the rest out: kubectl tcr uninstall.")
}

func (e *examination) looked(thing string) bool {
	for _, u := range e.unseen {
		if u.Thing == thing {
			return false
		}
	}
	return true
}

// atConfiguration reads the configuration that the server is given.
func (e *examination) atConfiguration(ctx context.Context) {
	s, err := e.inForce(ctx)
	if errors.Is(err, errNotInstalled) && e.facts.Deployment != nil {
		e.add("TCR603", health.Error, fmt.Sprintf("there is no configuration in ConfigMap %s/%s, and a pod of tcr-webhook does not start without", e.install.namespace, e.install.configMap),
			"Apply the chart again: helm upgrade; or say where it is by --install-config.")
	}
	if err != nil {
		e.skip(doctor.ThingMistakes, err.Error())
		e.skip(health.ThingConfiguration, err.Error())
		return
	}
	parsed, err := s.decode()
	if err != nil {
		e.add("TCR603", health.Error, strings.ReplaceAll(err.Error(), "\n", "; "), "Mend it, and apply the chart again.")
		e.skip(doctor.ThingMistakes, "it cannot be read")
		return
	}
	e.parsed = parsed
	if entries, err := parsed.Entries(); err == nil {
		quiet := *e.command
		quiet.streams.ErrOut = nobody{}
		quiet.complete(ctx, entries)
		e.directory, _ = registry.NewDirectory(entries)
	}
	for _, w := range config.Lint(parsed) {
		e.add("TCR610", health.Warning, fmt.Sprintf("%s: %s", w.Path, w.Text), "Change it, or leave it with --ignore TCR610.")
	}
}
