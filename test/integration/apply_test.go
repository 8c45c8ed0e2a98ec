package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// kubectl runs kubectl as the cluster's administrator and returns what it says.
func kubectl(t *testing.T, c *cluster.Cluster, args ...string) string {
	t.Helper()
	dir, err := cluster.Binaries(t.Context(), os.Stderr)
	require.NoError(t, err)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, cluster.WriteKubeconfig(kubeconfig, c.Config()))
	out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "kubectl"), append([]string{"--kubeconfig", kubeconfig}, args...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

const barePod = `apiVersion: v1
kind: Pod
metadata: {name: bare, namespace: shop, labels: {app: bare}}
spec:
  containers:
  - {name: app, image: demo.tencentcloudcr.com/team/hello:1}
  initContainers:
  - {name: init, image: demo.tencentcloudcr.com/team/hello:1}
`

// A pod that is applied again as its author wrote it, with the host that we
// changed, stays what it is: a change of its image would restart it.
func TestApplyingAPodAgainChangesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	file := filepath.Join(t.TempDir(), "pod.yaml")
	require.NoError(t, os.WriteFile(file, []byte(barePod), 0o600))
	key := client.ObjectKey{Namespace: "shop", Name: "bare"}
	ssa := func() error {
		return a.Apply(t.Context(), corev1ac.Pod("bare", "shop").WithLabels(map[string]string{"app": "bare"}).WithSpec(corev1ac.PodSpec().
			WithContainers(corev1ac.Container().WithName("app").WithImage(publicImage)).
			WithInitContainers(corev1ac.Container().WithName("init").WithImage(publicImage))), client.FieldOwner("gitops"), client.ForceOwnership)
	}
	tests := map[string]func(){
		"kubectl apply":               func() { kubectl(t, s.Cluster, "apply", "-f", file) },
		"kubectl apply --server-side": func() { kubectl(t, s.Cluster, "apply", "--server-side", "-f", file) },
		"a controller's apply":        func() { require.NoError(t, ssa()) },
	}
	for name, apply := range tests { // one after the other, with the same pod
		apply()
		var pod corev1.Pod
		require.NoError(t, a.Get(t.Context(), key, &pod))
		require.Equal(t, []string{privateImage}, images(&pod), name)
		for range 2 {
			apply()
			var again corev1.Pod
			require.NoError(t, a.Get(t.Context(), key, &again))
			assert.Equal(t, pod.ResourceVersion, again.ResourceVersion, "%s wrote something", name)
			assert.Equal(t, []string{privateImage}, images(&again), name)
			assert.Equal(t, privateImage, again.Spec.InitContainers[0].Image, name)
			assert.Equal(t, pullSecrets, again.Spec.ImagePullSecrets, name)
		}
		require.NoError(t, a.Delete(t.Context(), &pod, client.GracePeriodSeconds(0)))
	}

	pod := a.pod(t, "shop", "updated", publicImage)
	version := pod.ResourceVersion
	pod.Spec.Containers[0].Image = publicImage
	require.NoError(t, a.Update(t.Context(), pod))
	assert.Equal(t, version, pod.ResourceVersion, "an update with the image as written")
	pod.Spec.Containers[0].Image = publicImage
	metav1.SetMetaDataLabel(&pod.ObjectMeta, "a", "b")
	require.NoError(t, a.Update(t.Context(), pod))
	assert.Equal(t, []string{privateImage}, images(pod), "an update of a label with the image as written")
}

// The rendering of the chart is for kubectl.
func TestKubectlTakesTheManifests(t *testing.T) {
	t.Parallel()
	c, err := cluster.Start(t.Context(), cluster.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Stop()) })
	path := filepath.Join("..", "..", "deploy", "install.yaml")
	kubectl(t, c, "apply", "-f", path)
	kubectl(t, c, "apply", "--server-side", "--force-conflicts", "-f", path)
	out := kubectl(t, c, "delete", "mutatingwebhookconfigurations,validatingwebhookconfigurations", "-l", "app.kubernetes.io/name=tcr-webhook")
	assert.Equal(t, 3, strings.Count(out, "deleted"), "what the README does in an emergency: %s", out)
}
