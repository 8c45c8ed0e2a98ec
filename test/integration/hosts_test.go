package integration

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// The node agent's DaemonSet is applied, and its pods are
// admitted, which a namespace at level restricted refuses.
func TestTheNodeAgentsPodsAreAdmitted(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	const namespace = "agents"
	a.namespace(t, namespace)
	values := chart.InstallValues()
	values["nodeAgent"], values["namespaceOverride"] = chart.Values{"enabled": true}, namespace
	objects, err := chart.Render(values)
	require.NoError(t, err)
	agent := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == "DaemonSet" })
	require.NotEqual(t, -1, agent)
	manifest, err := yaml.Marshal(objects[agent])
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "hosts.yaml")
	require.NoError(t, os.WriteFile(file, manifest, 0o600))
	require.NoError(t, a.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "tcr-webhook-hosts"}}))
	const level = "pod-security.kubernetes.io/enforce="
	kubectl(t, s.Cluster, "label", "namespace", namespace, level+"restricted")
	kubectl(t, s.Cluster, "apply", "-f", file)

	var ds appsv1.DaemonSet
	require.NoError(t, a.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "tcr-webhook-hosts"}, &ds))
	pod := func() *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "tcr-hosts-", Namespace: namespace, Labels: ds.Spec.Template.Labels},
			Spec:       *ds.Spec.Template.Spec.DeepCopy(),
		}
	}
	err = a.Create(t.Context(), pod())
	require.True(t, apierrors.IsForbidden(err), "%v", err)
	assert.ErrorContains(t, err, "hostPath")

	kubectl(t, s.Cluster, "label", "namespace", namespace, "--overwrite", level+"privileged")
	admitted := pod()
	require.NoError(t, a.Create(t.Context(), admitted))
	assert.Len(t, admitted.Spec.Volumes, 3, "a token is mounted")
	assert.Empty(t, admitted.Spec.ImagePullSecrets)
}
