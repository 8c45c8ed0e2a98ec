package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/config"
	"github.com/tcr-webhook/tcr-webhook/cmd/internal/registration"
	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/explain"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/manifest"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook"
)

// situation is what manifests are explained in.
type situation struct {
	state    *webhook.State
	own      string           // namespace of the installation
	from     string           // where the configuration is from
	status   *status.Document // nil offline, and where there is none
	everyPod bool
	offline  bool // nobody is asked

	named   string               // -n, or empty
	usual   string               // where objects go that name no namespace
	client  kubernetes.Interface // nil offline
	say     func(format string, args ...any)
	warning string // the symbol

	// What is known of namespaces and ServiceAccounts: as the manifests have
	// them, and what was asked before.
	labels   map[string]map[string]string
	accounts map[string]account
}

// situate gathers what there is to decide by.
func (c *command) situate(ctx context.Context, o explainOptions, objects []manifest.Object) (*situation, error) {
	s := &situation{
		own: c.install.namespace, everyPod: o.everyPod, offline: o.offline, named: *c.flags.Namespace, usual: corev1.NamespaceDefault,
		say: c.say, warning: c.symbols.warning, labels: map[string]map[string]string{}, accounts: map[string]account{},
	}
	parsed, err := c.configure(ctx, s, o)
	if err != nil {
		return nil, err
	}
	if err := s.decideBy(parsed); err != nil {
		return nil, err
	}
	if o.offline {
		s.labels[""] = o.labels
	} else {
		s.everyPod = o.everyPod || asksForEveryPod(ctx, s.client)
	}
	s.learn(objects)
	return s, nil
}

// asksForEveryPod tells whether pods without an image of ours get the pull secret
// as well. Without the right to look they are taken not to.
func asksForEveryPod(ctx context.Context, client kubernetes.Interface) bool {
	m, err := client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(ctx, registration.Name, metav1.GetOptions{})
	return err == nil && slices.ContainsFunc(m.Webhooks, func(w admissionregistrationv1.MutatingWebhook) bool {
		return w.Name == "every-pod.tcr-webhook.io" && len(w.Rules) > 0
	})
}

// decideBy makes the state that a configuration is, with what is known of its
// instances.
func (s *situation) decideBy(parsed *config.Config) error {
	entries, err := parsed.Entries()
	if err != nil {
		return fmt.Errorf("%s: %w", s.from, err)
	}
	for i := range entries {
		s.settle(&entries[i])
	}
	directory, _ := registry.NewDirectory(entries)
	s.state = &webhook.State{
		Directory: directory, PullSecretName: parsed.PullSecret.Name, SkipOwners: parsed.SkipOwners(),
		DenyWithoutPullSecret: parsed.PullSecret.Missing == config.MissingDeny,
		Policy:                parsed.PolicyRules().Compile(directory, s.own),
	}
	return nil
}

// configure reads the configuration, and with it what the cluster says of it.
func (c *command) configure(ctx context.Context, s *situation, o explainOptions) (*config.Config, error) {
	if o.offline {
		text, err := os.ReadFile(o.config)
		if err != nil {
			return nil, err // names the file
		}
		s.from = o.config
		return source{o.config, text}.decode()
	}
	if usual, _, err := c.flags.ToRawKubeConfigLoader().Namespace(); err == nil && usual != "" {
		s.usual = usual
	}
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	s.client = client
	src, err := c.read(ctx, o.config)
	if err != nil {
		return nil, err
	}
	s.from = src.name
	if s.status, err = c.status(ctx); err != nil {
		c.say("%s hosts and routes are not known: %v", c.symbols.warning, err)
	} else if s.status == nil {
		c.say("%s hosts and routes are not known: there is no ConfigMap %s/%s; is tcr-webhook running?", c.symbols.warning, s.own, status.ConfigMapName)
	}
	return src.decode()
}

// settle gives an entry the hosts and the route that are in force. Without
// anybody who knows them, images stay on the host that they name.
func (s *situation) settle(e *registry.Entry) {
	if len(e.Hosts.All()) == 0 {
		if e.Hosts = hostsIn(s.status, e.ID); len(e.Hosts.All()) == 0 {
			s.say("%s hosts of %s are not known: the configuration leaves them out; give registries[].hosts", s.warning, e.ID)
		}
	}
	if e.Route != registry.RouteAuto || s.offline {
		return
	}
	i := instanceOf(s.status, string(e.ID))
	if i == nil || i.Route == "" {
		e.Route, e.Reach = registry.RouteNone, registry.Reach{Reason: registry.RouteNotKnown}
		return
	}
	e.Route = registry.Route(i.Route)
	if e.Route == registry.RouteNone {
		e.Reach = registry.Reach{Reason: registry.Reason(i.RouteReason), Advice: i.RouteMessage}
	}
}

// learn takes over what manifests say of namespaces and ServiceAccounts: they are
// applied with the rest.
func (s *situation) learn(objects []manifest.Object) {
	for i := range objects {
		o := &objects[i]
		var meta struct {
			Metadata         metav1.ObjectMeta             `json:"metadata"`
			ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets"`
		}
		if o.APIVersion != "v1" || o.Kind != "Namespace" && o.Kind != "ServiceAccount" || json.Unmarshal(o.JSON, &meta) != nil {
			continue
		}
		if o.Kind == "Namespace" {
			s.labels[o.Name] = withName(meta.Metadata.Labels, o.Name)
		} else if len(meta.Metadata.Annotations)+len(meta.ImagePullSecrets) > 0 {
			s.accounts[s.namespaceOf(o)+"/"+o.Name] = account{meta.Metadata.Annotations, meta.ImagePullSecrets}
		}
	}
}

// withName adds the label that every namespace has.
func withName(labels map[string]string, name string) map[string]string {
	all := map[string]string{corev1.LabelMetadataName: name}
	maps.Copy(all, labels)
	return all
}

func (s *situation) namespaceOf(o *manifest.Object) string {
	switch {
	case o.Namespace != "":
		return o.Namespace
	case s.named != "":
		return s.named
	}
	return s.usual
}

// of is the situation of one object.
func (s *situation) of(ctx context.Context, o *manifest.Object) (explain.Situation, error) {
	in := explain.Situation{State: s.state, OwnNamespace: s.own, Namespace: s.namespaceOf(o)}
	if o.Namespace != "" && s.named != "" && o.Namespace != s.named {
		return in, o.At("/metadata/namespace", fmt.Sprintf("the object is for namespace %s, and -n says %s", o.Namespace, s.named))
	}
	var err error
	if in.NamespaceLabels, err = s.labelsOf(ctx, in.Namespace); err != nil {
		return in, err
	}
	in.EveryPod = s.everyPod
	a, err := s.accountOf(ctx, in.Namespace, explain.ServiceAccount(o))
	in.ServiceAccountAnnotations, in.AccountSecrets = a.annotations, a.secrets
	return in, err
}

func (s *situation) labelsOf(ctx context.Context, namespace string) (map[string]string, error) {
	if labels, known := s.labels[namespace]; known {
		return labels, nil
	}
	labels := s.labels[""] // as the flag has them
	if !s.offline {
		ns, err := s.client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			s.say("%s there is no namespace %s yet: it is taken to have no labels", s.warning, namespace)
		case apierrors.IsForbidden(err):
			s.say("%s you may not read namespace %s: it is taken to have no labels", s.warning, namespace)
		case err != nil:
			return nil, fmt.Errorf("read namespace %s: %w", namespace, err)
		}
		labels = ns.GetLabels()
	}
	s.labels[namespace] = withName(labels, namespace)
	return s.labels[namespace], nil
}

// account is what counts of a ServiceAccount.
type account struct {
	annotations map[string]string
	secrets     []corev1.LocalObjectReference
}

func (s *situation) accountOf(ctx context.Context, namespace, name string) (account, error) {
	key := namespace + "/" + name
	if known, ok := s.accounts[key]; ok || s.offline {
		return known, nil
	}
	found, err := s.client.CoreV1().ServiceAccounts(namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err): // as the webhook does: see webhook.Surroundings
	case apierrors.IsForbidden(err):
		s.say("%s you may not read ServiceAccount %s: it is taken to have no pull secrets, and to let its pods name every Secret", s.warning, key)
	case err != nil:
		return account{}, fmt.Errorf("read ServiceAccount %s: %w", key, err)
	}
	s.accounts[key] = account{found.GetAnnotations(), found.ImagePullSecrets}
	return s.accounts[key], nil
}
