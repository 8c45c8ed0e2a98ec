package plugin

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy/render"
)

func assertDenied(t *testing.T, err error, text string) {
	t.Helper()
	if assert.Error(t, err, "admitted: want %s", text) {
		assert.True(t, apierrors.IsForbidden(err), "%v", err)
		assert.Contains(t, err.Error(), text)
	}
}

// What runs already is left alone; what changes is judged.
func TestRenderedOfRunningPods(t *testing.T) {
	t.Parallel()
	c := newClient(t, &warned{})
	createNamespace(t, c, "running")
	old := newPod("running", "nginx:1", "quay.io/a/b", "busybox")
	old.GenerateName, old.Name, old.Finalizers = "", "old", []string{"example.com/finalizer"}
	require.NoError(t, c.Create(t.Context(), old))
	p := compile(t, policy.Rule{Name: "running", Namespaces: []string{"running"}, Allow: []string{"quay.io", "tcr-demo0001"}, Deny: []string{"r.example.com/attic/*"}, Action: policy.Enforce})
	enforceRendered(t, c, p, map[string]string{"running": "running"})

	change := func(edit func(*corev1.Pod)) error {
		before := old.DeepCopy()
		changed := old.DeepCopy()
		edit(changed)
		return c.Patch(t.Context(), changed, client.StrategicMergeFrom(before))
	}
	require.NoError(t, change(func(p *corev1.Pod) { p.Labels = map[string]string{"a": "b"} }))
	require.NoError(t, change(func(p *corev1.Pod) { p.Spec.Containers[1].Image = "quay.io/a/c" }), "the others are as they were")
	require.NoError(t, change(func(p *corev1.Pod) {
		p.Spec.Tolerations = []corev1.Toleration{{Key: "a", Operator: corev1.TolerationOpExists}}
	}))
	assertDenied(t, change(func(p *corev1.Pod) { p.Spec.Containers[0].Image = "nginx:2" }), "containers/c0: image nginx:2 (docker.io/library/nginx) is not allowed by rule running; allowed: quay.io, demo.tencentcloudcr.com. Use an image")
	assertDenied(t, change(func(p *corev1.Pod) { p.Spec.Containers[0].Image = "demo-vpc.tencentcloudcr.com/attic/x" }),
		"containers/c0: image demo-vpc.tencentcloudcr.com/attic/x (demo.tencentcloudcr.com/attic/x) is denied by rule running, which denies demo.tencentcloudcr.com/attic/*; allowed: ")
	debug := func(image string) error {
		var pod corev1.Pod
		require.NoError(t, c.Get(t.Context(), client.ObjectKeyFromObject(old), &pod))
		pod.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Image: image}}}
		return c.SubResource("ephemeralcontainers").Update(t.Context(), &pod)
	}
	assertDenied(t, debug("busybox"), "ephemeralContainers/debug: image busybox (docker.io/library/busybox) is not allowed by rule running")
	require.NoError(t, debug("quay.io/debug/tools"))
	require.NoError(t, c.Delete(t.Context(), old, client.GracePeriodSeconds(0)))
	require.NoError(t, change(func(p *corev1.Pod) { p.Finalizers = nil }))

	volume := newPod("running", "quay.io/a/b")
	volume.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: "evil.io/data:1"}}}}
	_, denial := try(t.Context(), c, volume)
	assertDenied(t, denial, "volumes/data: image evil.io/data:1 is not allowed by rule running")
	_, denial = try(t.Context(), c, newPod("running", "a b\"c", "a\nb", strings.Repeat("quay.io/", 65)+"x", "nginx"))
	assertDenied(t, denial, `containers/c0: image "a b"c" is not allowed by rule running: it is not an image reference; containers/c1: image of odd characters, or of too many, is not allowed by rule running: it is not an image reference; and 2 more; allowed: `)
}

func TestRenderedOfTemplates(t *testing.T) {
	t.Parallel()
	c := newClient(t, &warned{})
	createNamespace(t, c, "templates")
	p := compile(t, policy.Rule{Name: "templates", Namespaces: []string{"templates"}, Allow: []string{"quay.io"}, Action: policy.Enforce})
	enforceRendered(t, c, p, map[string]string{"templates": "templates"})
	warnings := func(o client.Object) []string {
		texts, denial := try(t.Context(), c, o)
		require.NoError(t, denial, "%T", o)
		return texts
	}
	web, _ := maker(0, newPod("templates", "nginx")).(*appsv1.Deployment)
	for turn := range 7 {
		assert.Equal(t, []string{"templates"}, warnings(maker(turn, newPod("templates", "nginx"))), "%T", maker(turn, newPod("", "")))
		assert.Empty(t, warnings(maker(turn, newPod("templates", "quay.io/a/b", "auto"))), "%T", maker(turn, newPod("", "")))
	}
	owned, _ := maker(3, newPod("templates", "nginx")).(*appsv1.ReplicaSet)
	owned.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: "web", UID: "u", Controller: new(true)}}
	assert.Empty(t, warnings(owned), "nobody reads what a controller is told")

	web.GenerateName, web.Name = "", "web"
	require.NoError(t, c.Create(t.Context(), web))
	update := func(edit func()) []string {
		edit()
		w := &warned{}
		require.NoError(t, c.Update(context.WithValue(t.Context(), warnedKey{}, w), web))
		return w.texts
	}
	assert.Empty(t, update(func() { web.Labels = map[string]string{"a": "b"} }))
	assert.Empty(t, update(func() { web.Spec.Replicas = new(int32(3)) }))
	assert.Empty(t, update(func() { web.Spec.Template.Annotations = map[string]string{"a": "b"} }))
	texts := update(func() { web.Spec.Template.Spec.Containers[0].Image = "nginx:2" })
	require.Len(t, texts, 1)
	assert.Contains(t, texts[0], "pods will be denied: containers/c0: image nginx:2 (docker.io/library/nginx) is not allowed by rule templates; allowed: quay.io. ")
}

// The largest rule there may be judges the largest pods that anybody has.
func TestRenderedOfManyPatterns(t *testing.T) {
	t.Parallel()
	c := newClient(t, &warned{})
	for _, kind := range []string{"hosts", "wild", "shapes", "long"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			var patterns []string
			for i := range render.MaxPatterns / 2 {
				patterns = append(patterns, manyPattern(kind, i))
			}
			name := "many-" + kind
			createNamespace(t, c, name)
			p := compile(t, policy.Rule{Name: name, Namespaces: []string{name}, Allow: append(patterns, "fine.example.org"), Deny: patterns[1:], RequireDigest: true, Action: policy.Enforce})
			enforceRendered(t, c, p, map[string]string{name: name})
			const digest = "@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
			for _, path := range []int{10, 240} {
				fits := 0
				for _, n := range []int{10, 25, 50, 100, 200, 400} {
					var all []string
					for i := range n {
						all = append(all, fmt.Sprintf("fine.example.org/%s%d%s", strings.Repeat("a", path-4), i, digest))
					}
					_, denial := try(t.Context(), c, newPod(name, all...))
					if denial != nil {
						assert.Contains(t, denial.Error(), "cost", "%d images", n)
						break
					}
					fits = n
					_, denial = try(t.Context(), c, newPod(name, append(all, "evil.io/a"+digest)...))
					assertDenied(t, denial, "evil.io/a")
				}
				t.Logf("%s: a pod may have %d images of %d characters", kind, fits, path+len(digest)+17)
				assert.GreaterOrEqual(t, fits, 200, "the README says so")
			}
		})
	}
}

// manyPattern is one of many patterns that are hard in some way.
func manyPattern(kind string, i int) string {
	switch kind {
	case "hosts":
		return fmt.Sprintf("r%d.example.org/team/*", i)
	case "wild":
		return fmt.Sprintf("*.r%d.example.org/*/app", i)
	case "shapes":
		return "*.example.org" + strings.Repeat("/*/a", i%12+1) + fmt.Sprintf("/b%d", i)
	}
	return fmt.Sprintf("r%d.example.org/%s", i, strings.Repeat("a", 230))
}
