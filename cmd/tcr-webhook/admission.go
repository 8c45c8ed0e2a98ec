package main

import (
	"context"
	"fmt"
	"net"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/credentials"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook"
)

// newWebhook makes the HTTPS server and what answers on it.
func (s *server) newWebhook(ctx context.Context) (*webhook.Server, error) {
	pods, err := webhook.NewPods(webhook.PodsOptions{
		Snapshot:        s.state.Load,
		Namespaces:      namespaceLabels(ctx, s.mgr.GetClient()),
		ServiceAccounts: s.accounts.Annotations,
		PullSecrets:     pullSecrets{s.keeper, s.tellOfTokens},
		Metrics:         s.metrics.webhook,
	})
	if err != nil {
		return nil, err
	}
	namespaces, err := webhook.NewNamespaces(webhook.NamespacesOptions{
		Snapshot: s.state.Load, Deliveries: s.keeper, Metrics: s.metrics.webhook,
	})
	if err != nil {
		return nil, err
	}
	if err := fillCaches(ctx, s.mgr.GetCache()); err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.opts.listen)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle(webhook.PodsPath, pods)
	mux.Handle(webhook.EveryPodPath, pods.EveryPod())
	mux.Handle(webhook.FinalPodsPath, pods.Final())
	mux.Handle(webhook.NamespacesPath, namespaces)
	mux.Handle(webhook.PolicyPath, pods.Policy())
	mux.Handle(webhook.WorkloadsPath, pods.Workloads())
	return webhook.NewServer(webhook.ServerOptions{
		Listener:       listener,
		GetCertificate: s.certificates.GetCertificate,
		Handler:        mux,
		DrainDelay:     s.opts.drainDelay,
	})
}

// pullSecrets lets admission ask the keeper.
type pullSecrets struct {
	keeper *credentials.Keeper
	// tell is called after a pod needed instances in a namespace.
	tell func(ctx context.Context, namespace string, instances []registry.ID)
}

// Ensure implements webhook.PullSecrets.
func (p pullSecrets) Ensure(ctx context.Context, need webhook.Need) webhook.Delivery {
	if need.DryRun {
		return webhook.Delivery{Ready: true} // by the time of the real run it is, or that run says so
	}
	warning := p.keeper.Ensure(ctx, need.Namespace, need.Instances, need.Until)
	p.tell(ctx, need.Namespace, need.Instances)
	return webhook.Delivery{Ready: warning == "", Warning: warning}
}

// fillCaches has what admission looks up filled on every replica before it is
// ready. A cache that is first asked for by a call would make the call wait.
func fillCaches(ctx context.Context, informers cache.Informers) error {
	for _, o := range []client.Object{namespaceMetadata(), &corev1.Secret{}} {
		if _, err := informers.GetInformer(ctx, o, cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("fill cache of %T: %w", o, err)
		}
	}
	return nil
}

// namespaceLabels reads the labels of a namespace from the cache.
func namespaceLabels(ctx context.Context, cached client.Reader) webhook.Namespaces {
	return func(name string) (map[string]string, bool) {
		meta := namespaceMetadata()
		if err := cached.Get(ctx, types.NamespacedName{Name: name}, meta); err != nil {
			return nil, false
		}
		return credentials.LabelsOf(meta), true
	}
}
