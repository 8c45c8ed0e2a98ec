package main

import (
	"errors"
	"fmt"
	"time"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/tcr-webhook/tcr-webhook/credentials"
)

// leaseName is the Lease of whoever leads.
const leaseName = "tcr-webhook"

// newManager makes a manager whose caches hold as little as the job needs: of
// Secrets those of our name, without their data, and of the rest no more than
// metadata.
func newManager(o options, secretName string) (manager.Manager, error) {
	restConfig, err := clusterConfig(o.kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("find the API server: %w", err)
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), coordinationv1.AddToScheme(scheme), admissionregistrationv1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("build scheme: %w", err)
	}
	if o.certs == certsCertManager {
		if err := certmanager.AddToScheme(scheme); err != nil {
			return nil, fmt.Errorf("build scheme: %w", err)
		}
	}
	mgr, err := ctrl.NewManager(restConfig, ctrl.Options{
		Scheme: scheme,
		Cache: cache.Options{
			NewInformer:                  withoutIndex,
			DefaultTransform:             cache.TransformStripManagedFields(),
			DefaultUnsafeDisableDeepCopy: new(true), // what is in it is only read
			ByObject: map[client.Object]cache.ByObject{
				&corev1.Secret{}: {
					Field:     fields.OneTermEqualSelector("metadata.name", secretName),
					Transform: credentials.Summarize,
				},
				&corev1.Namespace{}: {Transform: new(credentials.NamespaceCache).Strip},
			},
		},
		Metrics:                       metricsserver.Options{BindAddress: o.metricsListen},
		HealthProbeBindAddress:        o.probesListen,
		LeaderElection:                o.leaderElect,
		LeaderElectionID:              leaseName,
		LeaderElectionNamespace:       o.namespace,
		LeaderElectionReleaseOnCancel: true, // nothing of a leader's runs on after it
	})
	if err != nil {
		return nil, fmt.Errorf("create manager: %w", err)
	}
	return mgr, nil
}

// withoutIndex makes informers that find objects by name alone. One by namespace
// is a map for each of 10,000 namespaces, and nothing asks for it.
func withoutIndex(lw toolscache.ListerWatcher, kind runtime.Object, resync time.Duration, _ toolscache.Indexers) toolscache.SharedIndexInformer {
	return toolscache.NewSharedIndexInformer(lw, kind, resync, toolscache.Indexers{})
}

// clusterConfig is how to reach the API server. There is no limit on our own
// side: admissions wait for some of these calls, and renewals are paced where
// they are made.
func clusterConfig(kubeconfig string) (*rest.Config, error) {
	restConfig, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	restConfig.QPS = -1
	restConfig.UserAgent = "tcr-webhook"
	return restConfig, nil
}
