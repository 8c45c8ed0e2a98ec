package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	metadataclient "k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/pager"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/addon"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/audit"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

// migration finds what the add-on left, and does what a plan has for us.
type migration struct {
	*command
	client *kubernetes.Clientset
	names  metadataclient.Interface // of Secrets, whose contents stay where they are
	secret string                   // what ours is called
}

func (c *command) newMigration() (*migration, error) {
	rest, err := c.flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w", err)
	}
	rest.QPS = -1
	names, err := metadataclient.NewForConfig(rest)
	if err != nil {
		return nil, err
	}
	client, err := c.client()
	return &migration{command: c, client: client, names: names, secret: "tcr-pull"}, err
}

// find looks at the whole cluster.
func (m *migration) find(ctx context.Context) (*addon.Found, error) {
	f := &addon.Found{Own: m.install.namespace, Delivered: map[string]bool{}}
	for _, part := range []func(context.Context, *addon.Found) error{
		m.findOurs, m.findPrograms, m.findLogins, m.findNamespaces, m.findSecrets, m.findAccounts, m.findWorkloads,
	} {
		if err := part(ctx, f); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// findOurs reads our configuration; there may be none yet.
func (m *migration) findOurs(ctx context.Context, f *addon.Found) error {
	s, err := m.inForce(ctx)
	if err != nil {
		m.say("%s %v", m.symbols.warning, err)
		return nil // it is the first step of the plan
	}
	parsed, err := s.decode()
	if err != nil {
		return err
	}
	m.secret = parsed.PullSecret.Name
	entries, err := parsed.Entries()
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	m.complete(ctx, entries)
	f.Registries, _ = registry.NewDirectory(entries)
	return nil
}

func (m *migration) findPrograms(ctx context.Context, f *addon.Found) error {
	_, err := m.client.AppsV1().Deployments(addon.Namespace).Get(ctx, addon.Controller, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("read Deployment %s/%s: %w", addon.Namespace, addon.Controller, err)
	}
	f.Running = err == nil
	agents, err := m.client.AppsV1().DaemonSets(addon.Namespace).Get(ctx, addon.HostsUpdater, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("read DaemonSet %s/%s: %w", addon.Namespace, addon.HostsUpdater, err)
	}
	f.Nodes = int(agents.Status.DesiredNumberScheduled)
	return nil
}

// imagePullSecret is what is read of the add-on's object, which has the token
// in clear text. Of that nothing is kept but when it ends.
type imagePullSecret struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		Docker struct {
			Server   string `json:"server"`
			Username string `json:"username"`
			Password string `json:"password"`
		} `json:"docker"`
	} `json:"spec"`
}

func (m *migration) findLogins(ctx context.Context, f *addon.Found) error {
	kind := resource{"tcr.tencentcloudcr.com", "v1", "ImagePullSecret", "imagepullsecrets"}
	err := list(ctx, m.lister(), kind, func(i *imagePullSecret) {
		d := i.Spec.Docker
		f.Logins = append(f.Logins, addon.Login{Name: i.Metadata.Name, Server: d.Server, Username: d.Username, Ends: addon.Ends(d.Password)})
	})
	if apierrors.IsNotFound(err) {
		return nil // the cluster has no such kind
	}
	return err
}

func (m *migration) lister() *lister { return &lister{client: m.client.CoreV1().RESTClient()} }

func (m *migration) findNamespaces(ctx context.Context, f *addon.Found) error {
	return list(ctx, m.lister(), resource{"", "v1", "Namespace", "namespaces"}, func(ns *corev1.Namespace) {
		if ns.DeletionTimestamp.IsZero() {
			f.Namespaces = append(f.Namespaces, registry.Namespace{Name: ns.Name, Labels: ns.Labels})
		}
	})
}

// findSecrets asks for names, and not for what is in them.
func (m *migration) findSecrets(ctx context.Context, f *addon.Found) error {
	ours := fields.OneTermEqualSelector("metadata.name", m.secret).String()
	if err := m.eachSecret(ctx, ours, func(s *metav1.PartialObjectMetadata) { f.Delivered[s.Namespace] = true }); err != nil {
		return err
	}
	return m.eachSecret(ctx, "", func(s *metav1.PartialObjectMetadata) {
		if len(addon.NamesOf([]string{s.Name})) > 0 {
			f.Secrets = append(f.Secrets, addon.Object{Namespace: s.Namespace, Name: s.Name, UID: string(s.UID)})
		}
	})
}

func (m *migration) eachSecret(ctx context.Context, selector string, tell func(*metav1.PartialObjectMetadata)) error {
	pages := pager.New(func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		return m.names.Resource(corev1.SchemeGroupVersion.WithResource("secrets")).List(ctx, o)
	})
	err := pages.EachListItem(ctx, metav1.ListOptions{FieldSelector: selector}, func(o runtime.Object) error {
		if s, ok := o.(*metav1.PartialObjectMetadata); ok {
			tell(s)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list the names of Secrets: %w", err)
	}
	return nil
}

func (m *migration) findAccounts(ctx context.Context, f *addon.Found) error {
	return list(ctx, m.lister(), resource{"", "v1", "ServiceAccount", "serviceaccounts"}, func(a *corev1.ServiceAccount) {
		var names []string
		for _, s := range a.ImagePullSecrets {
			names = append(names, s.Name)
		}
		if its := addon.NamesOf(names); len(its) > 0 {
			f.Accounts = append(f.Accounts, addon.Reference{Kind: "ServiceAccount", Object: addon.Object{Namespace: a.Namespace, Name: a.Name}, Secrets: its})
		}
	})
}

// findWorkloads finds who names a Secret of the add-on in a manifest, and whose
// pods have nothing else.
func (m *migration) findWorkloads(ctx context.Context, f *addon.Found) error {
	named := &references{secret: m.secret}
	if err := m.lister().tell(ctx, named); err != nil {
		return err
	}
	f.Workloads, f.Older = named.workloads, named.older
	return nil
}

// references collects who names the add-on's Secrets.
type references struct {
	secret           string // ours
	workloads, older []addon.Reference
}

// AddTemplate takes what a workload makes pods from.
func (r *references) AddTemplate(w audit.Workload, template *podview.Pod) {
	if its := addon.NamesOf(secretsOf(template)); len(its) > 0 {
		r.workloads = append(r.workloads, reference(w, its))
	}
}

// AddPod takes a pod that runs.
func (r *references) AddPod(w audit.Workload, pod *podview.Pod) {
	all := secretsOf(pod)
	its := addon.NamesOf(all)
	if len(its) == 0 || slices.Contains(all, r.secret) {
		return
	}
	one := reference(w, its)
	if !slices.ContainsFunc(r.older, func(o addon.Reference) bool { return o.String() == one.String() }) {
		r.older = append(r.older, one)
	}
}

func secretsOf(p *podview.Pod) (names []string) {
	for _, s := range p.Spec.ImagePullSecrets.Items {
		names = append(names, s.Name)
	}
	return names
}

func reference(w audit.Workload, its []string) addon.Reference {
	return addon.Reference{Kind: cmp.Or(w.Kind, "Pod"), Object: addon.Object{Namespace: w.Namespace, Name: w.Name}, Secrets: its}
}
