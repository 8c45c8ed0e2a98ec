package integration

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// The node agent's manifest is applied as the README says, and its pods are
// admitted, which a namespace at level restricted refuses.
func TestTheNodeAgentsPodsAreAdmitted(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	const namespace = "agents"
	a.namespace(t, namespace)
	manifest, err := os.ReadFile("../../deploy/hosts.yaml")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "hosts.yaml")
	require.NoError(t, os.WriteFile(file, bytes.ReplaceAll(manifest, []byte("namespace: tcr-webhook\n"), []byte("namespace: "+namespace+"\n")), 0o600))
	const level = "pod-security.kubernetes.io/enforce="
	kubectl(t, s.Cluster, "label", "namespace", namespace, level+"restricted")
	kubectl(t, s.Cluster, "apply", "-f", file)

	var ds appsv1.DaemonSet
	require.NoError(t, a.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "tcr-hosts"}, &ds))
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
