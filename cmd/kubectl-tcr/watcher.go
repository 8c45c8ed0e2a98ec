package main

import (
	"context"
	"fmt"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/registration"
	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/health"
)

// watcher looks at an installation from outside.
type watcher struct {
	client     kubernetes.Interface
	server     string
	install    install
	deployment string
}

func (c *command) newWatcher(deployment string) (*watcher, error) {
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	rest, err := c.flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w", err)
	}
	return &watcher{client, rest.Host, c.install, deployment}, nil
}

// leaseName is the Lease of whoever leads.
const leaseName = "tcr-webhook"

// look reports how it is. An error means that it cannot be told at all.
func (w *watcher) look(ctx context.Context) (*health.Report, error) {
	f, err := w.gather(ctx)
	if err != nil {
		return nil, err
	}
	if !f.Installed() && len(f.Unseen) == 0 {
		return nil, fmt.Errorf("nothing of tcr-webhook is in namespace %s of %s; where it is installed elsewhere, say so by --install-namespace", w.install.namespace, w.server)
	}
	return health.Judge(f), nil
}

// gather looks at everything there is to judge by.
func (w *watcher) gather(ctx context.Context) (*health.Facts, error) {
	f := &health.Facts{Namespace: w.install.namespace, Server: w.server, Now: time.Now()}
	version, err := w.client.Discovery().ServerVersion()
	if err != nil {
		return nil, fmt.Errorf("ask the cluster: %w", err)
	}
	f.Kubernetes = version.GitVersion
	all := []struct {
		thing string
		look  func(context.Context, *health.Facts) error
	}{
		{health.ThingDeployment, w.lookAtDeployment}, {health.ThingLease, w.lookAtLease}, {health.ThingDocument, w.lookAtDocument},
		{health.ThingRegistrations, w.lookAtRegistrations}, {health.ThingEndpoints, w.lookAtEndpoints}, {health.ThingConfiguration, w.lookAtConfiguration},
	}
	for _, one := range all {
		err := one.look(ctx, f)
		switch {
		case err == nil || apierrors.IsNotFound(err):
		case apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err):
			f.Unseen = append(f.Unseen, health.Unseen{Thing: one.thing, Why: "you may not look: " + err.Error()})
		default:
			return nil, fmt.Errorf("look at the %s: %w", one.thing, err)
		}
	}
	if len(f.Unseen) == len(all) {
		return nil, fmt.Errorf("you may look at nothing of tcr-webhook in namespace %s of %s: ask for get there on Deployments, ConfigMaps and Leases", w.install.namespace, w.server)
	}
	return f, nil
}

func (w *watcher) lookAtDeployment(ctx context.Context, f *health.Facts) error {
	d, err := w.client.AppsV1().Deployments(w.install.namespace).Get(ctx, w.deployment, metav1.GetOptions{})
	if err != nil {
		return err
	}
	f.Deployment = &health.Deployment{Want: 1, Ready: d.Status.ReadyReplicas}
	if d.Spec.Replicas != nil {
		f.Deployment.Want = *d.Spec.Replicas
	}
	return nil
}

func (w *watcher) lookAtLease(ctx context.Context, f *health.Facts) error {
	l, err := w.client.CoordinationV1().Leases(w.install.namespace).Get(ctx, leaseName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	f.Lease = &health.Lease{}
	if l.Spec.HolderIdentity != nil {
		f.Lease.Holder = *l.Spec.HolderIdentity
	}
	if l.Spec.RenewTime != nil {
		f.Lease.Renewed = l.Spec.RenewTime.Time
	}
	if l.Spec.LeaseDurationSeconds != nil {
		f.Lease.Life = time.Duration(*l.Spec.LeaseDurationSeconds) * time.Second
	}
	return nil
}

func (w *watcher) lookAtDocument(ctx context.Context, f *health.Facts) error {
	cm, err := w.client.CoreV1().ConfigMaps(w.install.namespace).Get(ctx, status.ConfigMapName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	f.Document, err = status.Decode(cm.Data)
	return err
}

func (w *watcher) lookAtConfiguration(ctx context.Context, f *health.Facts) error {
	_, err := w.client.CoreV1().ConfigMaps(w.install.namespace).Get(ctx, w.install.configMap, metav1.GetOptions{})
	f.Configured = err == nil
	return err
}

func (w *watcher) lookAtRegistrations(ctx context.Context, f *health.Facts) error {
	hooks := w.client.AdmissionregistrationV1()
	m, err := hooks.MutatingWebhookConfigurations().Get(ctx, registration.Name, metav1.GetOptions{})
	if f.Live.Mutating = existing(m, err); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	v, err := hooks.ValidatingWebhookConfigurations().Get(ctx, registration.Name, metav1.GetOptions{})
	f.Live.Validating = existing(v, err)
	return err
}

// existing is what was found, or nil.
func existing[T admissionregistrationv1.MutatingWebhookConfiguration | admissionregistrationv1.ValidatingWebhookConfiguration](found *T, err error) *T {
	if err != nil {
		return nil
	}
	return found
}

func (w *watcher) lookAtEndpoints(ctx context.Context, f *health.Facts) error {
	slices, err := w.client.DiscoveryV1().EndpointSlices(w.install.namespace).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + serviceOf(f)})
	if err != nil {
		return err
	}
	for i := range slices.Items {
		for _, e := range slices.Items[i].Endpoints {
			if e.Conditions.Ready == nil || *e.Conditions.Ready {
				f.Endpoints += len(e.Addresses)
			}
		}
	}
	return nil
}

// serviceOf is the Service that the API server calls.
func serviceOf(f *health.Facts) string {
	if m := f.Live.Mutating; m != nil {
		for i := range m.Webhooks {
			if s := m.Webhooks[i].ClientConfig.Service; s != nil {
				return s.Name
			}
		}
	}
	return defaultDeployment
}
