package main

import (
	"errors"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/tcr-webhook/tcr-webhook/credentials"
	"github.com/tcr-webhook/tcr-webhook/webhook"
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
	mgr, err := ctrl.NewManager(restConfig, ctrl.Options{
		Scheme: scheme,
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(),
			ByObject: map[client.Object]cache.ByObject{
				&corev1.Secret{}: {
					Field:     fields.OneTermEqualSelector("metadata.name", secretName),
					Transform: credentials.Summarize,
				},
				&corev1.ServiceAccount{}: {
					Transform:             stripServiceAccount,
					UnsafeDisableDeepCopy: new(true), // it is only read
				},
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

// stripServiceAccount leaves of a ServiceAccount's metadata its name and the
// annotations that are read: every namespace has at least one.
func stripServiceAccount(obj any) (any, error) {
	meta, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return obj, nil
	}
	stripped := metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: meta.Namespace, Name: meta.Name, ResourceVersion: meta.ResourceVersion,
	}}
	for _, kept := range []string{webhook.EnforceMountableSecretsAnnotation, credentials.ServiceAccountAnnotation, credentials.AddedAnnotation} {
		if value, has := meta.Annotations[kept]; has {
			metav1.SetMetaDataAnnotation(&stripped.ObjectMeta, kept, value)
		}
	}
	return &stripped, nil
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
