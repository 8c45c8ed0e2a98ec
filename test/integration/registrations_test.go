package integration

import (
	"bufio"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// systemNamespaces are those whose pods a cluster needs to come up, with and
// without us.
var systemNamespaces = []string{
	"kube-system", "kube-public", "kube-node-lease", "tke-eni-ip-webhook", "tcr-assistant-system", "clusternet-system", "tcss",
	"crane-system", "gatekeeper-system", "tke-backup", "cerberus-system", "cosign-system", "tke-monitor",
	"prom-8xk2c0de", // the agents of managed Prometheus, named after their instance
}

func (a *author) systemNamespaces(t *testing.T) {
	t.Helper()
	for _, name := range systemNamespaces {
		if !strings.HasPrefix(name, "kube-") { // those are there
			a.namespace(t, name)
		}
	}
}

// admissions are the calls that the server has answered so far.
func admissions(t *testing.T, s *stack.Stack) int {
	t.Helper()
	return counted(t, s, "tcr_webhook_admissions_total{")
}

// counted adds up the samples whose line begins with prefix.
func counted(t *testing.T, s *stack.Stack, prefix string) int {
	t.Helper()
	var sum float64
	text, err := s.Server.Scrape(t.Context())
	require.NoError(t, err)
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), prefix) {
			value, err := strconv.ParseFloat(lines.Text()[strings.LastIndexByte(lines.Text(), ' ')+1:], 64)
			require.NoError(t, err)
			sum += value
		}
	}
	return int(sum)
}

// ourOwn is a pod that the namespace of the installation takes.
func ourOwn() *corev1.Pod {
	pod := newPod(stack.Namespace, "our-own", publicImage)
	pod.Spec.SecurityContext = &corev1.PodSecurityContext{
		RunAsNonRoot:   new(true),
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	pod.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(false),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
	return pod
}

// changeAll does to a pod what controllers and people do to one that runs.
func changeAll(t *testing.T, a *author, pod *corev1.Pod) {
	t.Helper()
	change := func(what string, edit func(*corev1.Pod)) {
		t.Helper()
		before := pod.DeepCopy()
		edit(pod)
		require.NoError(t, a.Patch(t.Context(), pod, client.MergeFrom(before)), what)
	}
	change("a label", func(p *corev1.Pod) { p.Labels = map[string]string{"a": "b"} })
	change("an annotation", func(p *corev1.Pod) { metav1.SetMetaDataAnnotation(&p.ObjectMeta, "a", "b") })
	change("a finalizer", func(p *corev1.Pod) { p.Finalizers = []string{"example.com/wait"} })
	pod.Status.Phase = corev1.PodSucceeded
	require.NoError(t, a.Status().Update(t.Context(), pod), "the status")
	require.NoError(t, a.Delete(t.Context(), pod), "deletion")
	require.NoError(t, a.Get(t.Context(), client.ObjectKeyFromObject(pod), pod))
	change("the last finalizer", func(p *corev1.Pod) { p.Finalizers = nil })
}

func TestCallsThatAreNotMade(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	pod := a.pod(t, "shop", "hello", publicImage)
	require.Equal(t, []string{privateImage}, images(pod))
	var mirrors []string
	for _, name := range []string{"quay", "nvcr", "market-tke", "helmhub", "SUPEREDGE"} {
		mirrors = append(mirrors, name+".tencentcloudcr.com/library/hello:1")
	}
	optedOut := newPod("shop", "opted-out", publicImage)
	optedOut.Labels = map[string]string{"tcr-webhook.io/inject": "disabled"}
	var shop corev1.Namespace
	require.NoError(t, a.Get(t.Context(), client.ObjectKey{Name: "shop"}, &shop))

	before := admissions(t, s)
	a.pod(t, "shop", "plain", "nginx", "hello:1", "registry.k8s.io/pause:3", "localhost:5000/hello", "r.example.com/hello")
	a.pod(t, "shop", "mirrors", mirrors...)
	a.pod(t, "shop", "spelled-otherwise", "quay.TencentCloudCR.com:443/library/hello", "demo.tencentcloudcr.com.evil.io/hello", "demo-tencentcloudcr.com/hello")
	require.NoError(t, a.Create(t.Context(), optedOut))
	require.NoError(t, a.Create(t.Context(), ourOwn()))
	changeAll(t, a, pod)
	shop.Labels["a"] = "b"
	require.NoError(t, a.Update(t.Context(), &shop))
	assert.Equal(t, before, admissions(t, s), "a call was made that nothing calls for")

	mixed := a.pod(t, "shop", "mixed", "nginx", mirrors[0], strings.Replace(publicImage, "demo", "Demo", 1))
	assert.Equal(t, []string{"nginx", mirrors[0], privateImage}, images(mixed))
	assert.Greater(t, admissions(t, s), before, "calls are not counted")
}

// critical is a pod that a node cannot be without.
func critical(namespace, name string, images ...string) *corev1.Pod {
	pod := newPod(namespace, name, images...)
	pod.Spec.PriorityClassName = "system-node-critical"
	return pod
}

func TestSystemPodsAreServed(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	a.systemNamespaces(t)
	a.namespace(t, "shop")
	for _, name := range systemNamespaces {
		pod := a.pod(t, name, "hello", publicImage)
		assert.Equal(t, []string{privateImage}, images(pod), name)
		assert.Equal(t, pullSecrets, pod.Spec.ImagePullSecrets, name)
	}
	pod := critical("shop", "critical", publicImage)
	require.NoError(t, a.Create(t.Context(), pod))
	assert.Equal(t, []string{privateImage}, images(pod))
	for _, n := range []string{"shop", "kube-system"} {
		before := admissions(t, s)
		a.pod(t, n, "twice", publicImage)
		assert.Equal(t, 1, admissions(t, s)-before, "%s: both entries, or none, see one pod", n)
	}
}

func TestWithoutUs(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	a.systemNamespaces(t)
	a.namespace(t, "shop")
	old := a.pod(t, "shop", "old", publicImage)
	s.Server.Kill()

	for _, name := range systemNamespaces {
		pod := a.pod(t, name, "hello", publicImage)
		assert.Equal(t, []string{publicImage}, images(pod), name)
		assert.Empty(t, pod.Spec.ImagePullSecrets, name)
	}
	pod := critical("shop", "critical", publicImage)
	require.NoError(t, a.Create(t.Context(), pod), "a pod that its node cannot be without")
	assert.Equal(t, []string{publicImage}, images(pod))
	require.NoError(t, a.Create(t.Context(), ourOwn()))
	a.pod(t, "shop", "plain", "nginx")
	changeAll(t, a, old)
	a.namespace(t, "fresh")

	err := a.Create(t.Context(), newPod("shop", "refused", publicImage))
	require.Error(t, err, "a pod with an image of ours was created without us")
	assert.True(t, apierrors.IsInternalError(err), "%v", err)
	assert.Contains(t, err.Error(), `failed calling webhook "pods.tcr-webhook.io"`)

	require.NoError(t, s.Server.Restart(t.Context()))
	a.pod(t, "shop", "refused", publicImage)
}

func TestEveryPodGetsTheSecretWhereTheRegistrationSaysSo(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	require.NoError(t, s.Register(t.Context(), chart.Values{"inject": "Always"}))
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	a.namespace(t, "no-tcr")
	eventually(t, "the registration to be in force", func() bool {
		pod := newPod("shop", "", "nginx")
		pod.GenerateName = "plain-"
		require.NoError(t, a.Create(t.Context(), pod))
		return len(pod.Spec.ImagePullSecrets) > 0
	})
	assert.NotNil(t, a.secret(t, "shop"))
	assert.Empty(t, a.pod(t, "no-tcr", "plain", "nginx").Spec.ImagePullSecrets, "a namespace that is excluded")
	pod := a.pod(t, "shop", "hello", publicImage)
	assert.Equal(t, []string{privateImage}, images(pod))
	assert.Equal(t, pullSecrets, pod.Spec.ImagePullSecrets, "once, by two entries")

	s.Server.Kill()
	a.pod(t, "shop", "without-us", "nginx")
	require.NoError(t, s.Server.Restart(t.Context()))
}
