package integration

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// everywhereNow delivers a Secret to each namespace at once.
const everywhereNow = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud:
  region: ap-guangzhou
  identity: SecretKey
  endpoint: ENDPOINT
registries:
- instance: tcr-m3ut3qxx
  namespaces: ["*", "!no-tcr"]
  route: Private
  delivery: EveryNamespace
`

// uninstallNamespaces is enough for an interruption to come in the middle.
const uninstallNamespaces = 120

// An installation that serves pods is taken out, killed half way, and taken out.
// At no moment can a pod not be created, and nothing of it comes back.
func TestUninstallOfWhatRuns(t *testing.T) {
	t.Parallel()
	s, err := stack.Start(t.Context(), stack.Options{Dir: t.TempDir(), Binary: binary, Config: everywhereNow, Replicas: 2})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Stop()) })
	a := newAuthor(t, s)
	a.namespace(t, "foreign")
	a.namespace(t, "no-tcr")
	foreign := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "no-tcr", Name: "tcr-pull"}, Type: corev1.SecretTypeOpaque}
	require.NoError(t, a.Create(t.Context(), foreign))
	for i := range uninstallNamespaces {
		a.namespace(t, fmt.Sprintf("shop-%d", i))
	}
	served := a.pod(t, "shop-0", "served", publicImage)
	assert.Equal(t, []string{privateImage}, images(served))
	eventually(t, "a Secret in every namespace", func() bool { return pullSecretsOf(t, a) >= uninstallNamespaces })
	eventually(t, "the status", func() bool {
		return a.Get(t.Context(), client.ObjectKey{Namespace: stack.Namespace, Name: "tcr-webhook-status"}, &corev1.ConfigMap{}) == nil
	})
	stopPods(t, s)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, cluster.WriteKubeconfig(kubeconfig, s.Cluster.Config()))
	uninstall := func() *exec.Cmd {
		return exec.CommandContext(t.Context(), binary, "uninstall", "--kubeconfig", kubeconfig, "--namespace", stack.Namespace)
	}
	stopCreating := createPods(t, a)

	first := uninstall()
	require.NoError(t, first.Start())
	eventually(t, "half of the Secrets to be gone", func() bool { return pullSecretsOf(t, a) <= uninstallNamespaces/2 })
	require.NoError(t, first.Process.Kill())
	_ = first.Wait() // it was killed
	require.Positive(t, pullSecretsOf(t, a), "it was done before it was killed")

	out, err := uninstall().CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "nothing of tcr-webhook is left but what installed it")
	assert.NotContains(t, string(out), "shop-1", "each of many is named")
	stopCreating()

	// Long enough for whatever still ran to write again.
	require.Never(t, func() bool { return pullSecretsOf(t, a) > 0 }, 3*time.Second, 200*time.Millisecond)
	var now corev1.Secret
	require.NoError(t, a.Get(t.Context(), client.ObjectKeyFromObject(foreign), &now))
	assert.Equal(t, foreign.ResourceVersion, now.ResourceVersion)
	var mutating admissionregistrationv1.MutatingWebhookConfigurationList
	require.NoError(t, a.List(t.Context(), &mutating))
	assert.Empty(t, mutating.Items)
	var validating admissionregistrationv1.ValidatingWebhookConfigurationList
	require.NoError(t, a.List(t.Context(), &validating))
	assert.Empty(t, validating.Items)
	for _, list := range []client.ObjectList{&corev1.SecretList{}, &corev1.ConfigMapList{}} {
		require.NoError(t, a.List(t.Context(), list, client.MatchingLabels{"app.kubernetes.io/managed-by": "tcr-webhook"}))
		assert.Zero(t, lengthOf(list), "%T", list)
	}
	err = a.Get(t.Context(), client.ObjectKey{Namespace: stack.Namespace, Name: "tcr-webhook"}, &coordinationv1.Lease{})
	assert.True(t, apierrors.IsNotFound(err), "the Lease is there: %v", err)
	after := a.pod(t, "shop-1", "after", publicImage)
	assert.Equal(t, []string{publicImage}, images(after))
	assert.Empty(t, after.Spec.ImagePullSecrets)
	leaks, err := s.Leaks(t.Context(), marker)
	require.NoError(t, err)
	assert.Empty(t, leaks)
}

func lengthOf(list client.ObjectList) int {
	switch l := list.(type) {
	case *corev1.SecretList:
		return len(l.Items)
	case *corev1.ConfigMapList:
		return len(l.Items)
	}
	return -1
}

// pullSecretsOf counts those that are ours.
func pullSecretsOf(t *testing.T, a *author) int {
	t.Helper()
	var list metav1.PartialObjectMetadataList
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	require.NoError(t, a.List(t.Context(), &list, client.MatchingFields{"metadata.name": "tcr-pull"}, client.MatchingLabels{"app.kubernetes.io/managed-by": "tcr-webhook"}))
	return len(list.Items)
}

// stopPods is what a controller and a kubelet do when the Deployment is scaled to
// nothing: its pods, which here are the processes, are told to end.
func stopPods(t *testing.T, s *stack.Stack) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	t.Cleanup(func() { stop(); ended.Wait() })
	key := client.ObjectKey{Namespace: stack.Namespace, Name: "tcr-webhook"}
	ended.Go(func() {
		for ; ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
			var d appsv1.Deployment
			if s.Client.Get(ctx, key, &d) != nil || *d.Spec.Replicas > 0 || d.Status.ObservedGeneration == d.Generation {
				continue
			}
			for _, r := range s.Servers {
				assert.NoError(t, r.Stop())
			}
			d.Status.ObservedGeneration = d.Generation
			assert.NoError(t, s.Client.Status().Update(ctx, &d))
		}
	})
}

// createPods creates pods with an image of ours until it is told to stop. None of
// them may be refused.
func createPods(t *testing.T, a *author) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	n := 0
	ended.Go(func() {
		for ; ctx.Err() == nil; n++ {
			err := a.Create(ctx, newPod("foreign", fmt.Sprintf("all-the-time-%d", n), publicImage))
			if ctx.Err() == nil {
				assert.NoError(t, err, "pod %d", n)
			}
		}
	})
	return func() {
		cancel()
		ended.Wait()
		assert.Greater(t, n, 10, "too few pods")
	}
}
