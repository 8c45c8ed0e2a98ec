//go:build linux

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/kube"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// uninstalled leaves nothing, and nothing depends on it any more.
func (b *bed) uninstalled(t *testing.T) {
	t.Helper()
	require.NotEmpty(t, b.ours(t), "the test sees nothing of what there is")
	uninstall := action.NewUninstall(b.helm(t))
	uninstall.WaitStrategy, uninstall.Timeout = kube.StatusWatcherStrategy, patience
	started := time.Now()
	_, err := uninstall.Run(release)
	require.NoError(t, err, b.explain(t))
	t.Logf("the release was uninstalled after %s", time.Since(started).Round(time.Millisecond))

	eventually(t, "an end of all pods", func() (bool, string) {
		return len(b.pods(t, release, nil)) == 0, b.explain(t)
	})
	assert.Empty(t, b.ours(t))
	assert.NotContains(t, hostsFile(t), publicHost, "on the node")
	pod := b.pause(t, "team-a", "after-all", appImage)
	assert.Equal(t, appImage, pod.Spec.Containers[0].Image)
	assert.Empty(t, pod.Spec.ImagePullSecrets)
	deleted := metav1.ObjectMeta{Name: release}
	require.NoError(t, b.client.Delete(t.Context(), &corev1.Namespace{ObjectMeta: deleted}))
}

// ours lists what there is of us: by name or label in every kind of object, and
// everything in our namespace but what the cluster and the tests have put there.
func (b *bed) ours(t *testing.T) (found []string) {
	t.Helper()
	lists, err := b.kube.Discovery().ServerPreferredResources()
	require.NoError(t, err)
	for _, list := range lists {
		for _, r := range list.APIResources {
			if !strings.Contains(r.Verbs.String(), "list") || r.Name == "events" {
				continue
			}
			var objects unstructured.UnstructuredList
			objects.SetAPIVersion(list.GroupVersion)
			objects.SetKind(r.Kind)
			require.NoError(t, b.client.List(t.Context(), &objects), r.Name)
			for _, o := range objects.Items {
				if isOurs(&o) {
					found = append(found, r.Name+" "+o.GetNamespace()+"/"+o.GetName())
				}
			}
		}
	}
	return found
}

func isOurs(o client.Object) bool {
	kind := o.GetObjectKind().GroupVersionKind().Kind
	switch o.GetName() {
	case "default", "kube-root-ca.crt", "cloud-ca", "tcr-webhook-credentials":
		return false // of the cluster, of the tests, of the user
	case pullSecret:
		return true
	}
	labels := o.GetLabels()
	return kind != "Namespace" && (o.GetNamespace() == release || strings.Contains(o.GetName(), release) ||
		labels["app.kubernetes.io/name"] == release || labels["app.kubernetes.io/managed-by"] == release)
}
