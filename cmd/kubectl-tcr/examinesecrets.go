package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/doctor"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/health"
	"github.com/tcr-webhook/tcr-webhook/credentials/mark"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// atSecrets looks at who has a Secret of our name, by its metadata alone.
func (e *examination) atSecrets(ctx context.Context) {
	if d := e.facts.Document; e.directory == nil {
		if d != nil && d.Secrets["leftover"] > 0 {
			e.add("TCR407", health.Warning, count(d.Secrets["leftover"], "pull Secret")+" of namespaces that the configuration does not select", leftoversNext)
		}
		e.skip(doctor.ThingOurs, "the configuration cannot be read")
		return
	}
	m, err := e.newMigration()
	if err != nil {
		e.skip(doctor.ThingOurs, err.Error())
		return
	}
	namespaces := map[string]registry.Namespace{}
	err = list(ctx, m.lister(), resource{"", "v1", "Namespace", "namespaces"}, func(ns *corev1.Namespace) {
		namespaces[ns.Name] = registry.Namespace{Name: ns.Name, Labels: ns.Labels}
	})
	var foreign, leftover []string
	there := map[string]bool{}
	if err == nil {
		err = m.eachSecret(ctx, fields.OneTermEqualSelector("metadata.name", e.pullSecret()).String(), func(s *metav1.PartialObjectMetadata) {
			there[s.Namespace] = true
			ns, known := namespaces[s.Namespace]
			served := known && e.gives(ns)
			switch {
			case s.Namespace == e.install.namespace:
			case mark.Ours(s) && !served:
				leftover = append(leftover, s.Namespace)
			case !mark.Ours(s) && served:
				foreign = append(foreign, s.Namespace)
			}
		})
	}
	if err != nil {
		e.skip(doctor.ThingOurs, err.Error())
		return
	}
	e.lacking = map[string]bool{}
	for name, ns := range namespaces {
		e.lacking[name] = !there[name] && e.gives(ns)
	}
	if len(foreign) > 0 {
		e.add("TCR409", health.Warning, fmt.Sprintf("Secret %s is somebody else's in namespace %s", e.pullSecret(), someOf(foreign)),
			"If it is wanted, leave it: it is never overwritten. Otherwise delete it, and ours is there in a moment; or choose another name by pullSecret.name.")
	}
	if len(leftover) > 0 {
		e.add("TCR407", health.Warning, fmt.Sprintf("Secret %s is left in namespace %s, which the configuration does not select", e.pullSecret(), someOf(leftover)), leftoversNext)
	}
}

// gives tells whether pods of a namespace get a login.
func (e *examination) gives(ns registry.Namespace) bool {
	return ns.Name != e.install.namespace && ns.Labels[registry.InjectLabel] != registry.InjectDisabled && len(e.directory.Serving(ns)) > 0
}

const leftoversNext = "They are removed after ten minutes; where they are not, see the Events of their namespaces."

// someOf is a list of names that fits on a line.
func someOf(names []string) string {
	const most = 5
	slices.Sort(names)
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// atLogin asks whether the API server would take our Secret in a namespace that
// has none: whatever refuses it from anybody, refuses it from us.
func (e *examination) atLogin(ctx context.Context, namespace string) {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: e.pullSecret(), Labels: map[string]string{mark.ManagedByLabel: mark.ManagedBy}},
		Type:       corev1.SecretTypeDockerConfigJson,
		Data:       map[string][]byte{corev1.DockerConfigJsonKey: []byte(`{"auths":{}}`)},
	}
	_, err := e.watcher.client.CoreV1().Secrets(namespace).Create(ctx, secret, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	switch {
	case err == nil, apierrors.IsAlreadyExists(err), apierrors.IsNotFound(err):
	case refusesAnybody(err.Error()):
		e.add("TCR408", health.Error, fmt.Sprintf("namespace %s does not take the pull Secret: %v", namespace, err), "Raise the quota, or have the webhook or the policy leave Secret "+e.pullSecret()+" alone.")
	case e.looked(doctor.ThingLogin):
		e.skip(doctor.ThingLogin, err.Error())
	}
}

// refusesAnybody tells refusals that are not for who asks.
func refusesAnybody(refusal string) bool {
	return strings.Contains(refusal, "exceeded quota") || strings.Contains(refusal, "denied the request") || strings.Contains(refusal, "denied request") ||
		strings.Contains(refusal, "failed calling webhook") || strings.Contains(refusal, "failed quota")
}
