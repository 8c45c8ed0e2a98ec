package live

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
)

// The API server takes every object of the chart, whatever is switched on, and
// the hooks, which the upgrades above do not run.
func TestEveryObjectIsTaken(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.define(t)
	b.namespace(t, chart.Release)
	for _, f := range append(features, struct {
		name   string
		values chart.Values
	}{"by default", nil}) {
		r, err := chart.RenderWith(chart.Options{Values: values(f.values), APIVersions: []string{"cert-manager.io/v1", "monitoring.coreos.com/v1"}})
		require.NoError(t, err)
		objects, err := chart.Objects(append(r.Manifests, r.Hooks...)...)
		require.NoError(t, err)
		for _, u := range objects {
			warned := u.DeepCopy()
			err := b.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(warned), client.FieldOwner("helm"), client.DryRunAll)
			assert.NoError(t, err, "%s: %s %s", f.name, u.GetKind(), u.GetName())
		}
	}
}

// Pods of the server and of the uninstallation are fit for a namespace at the
// level restricted, those of the node agent only for one at privileged.
func TestPodSecurity(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, level := range []string{"restricted", "baseline", "privileged"} {
		require.NoError(t, b.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: level, Labels: map[string]string{"pod-security.kubernetes.io/enforce": level},
		}}))
	}
	r, err := chart.RenderWith(chart.Options{Values: values(chart.Values{"nodeAgent": chart.Values{"enabled": true}})})
	require.NoError(t, err)
	objects, err := chart.Objects(append(r.Manifests, r.Hooks...)...)
	require.NoError(t, err)
	tried := 0
	for _, u := range objects {
		var template corev1.PodTemplateSpec
		fit := map[string]bool{"restricted": true, "baseline": true, "privileged": true}
		switch into := runtime.DefaultUnstructuredConverter; u.GetKind() {
		case "Deployment":
			var d appsv1.Deployment
			require.NoError(t, into.FromUnstructured(u.Object, &d))
			template = d.Spec.Template
		case "Job":
			var j batchv1.Job
			require.NoError(t, into.FromUnstructured(u.Object, &j))
			template = j.Spec.Template
		case "DaemonSet":
			var d appsv1.DaemonSet
			require.NoError(t, into.FromUnstructured(u.Object, &d))
			template = d.Spec.Template
			fit = map[string]bool{"privileged": true}
		default:
			continue
		}
		tried++
		for _, level := range []string{"restricted", "baseline", "privileged"} {
			account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: level, Name: template.Spec.ServiceAccountName}}
			require.NoError(t, client.IgnoreAlreadyExists(b.Create(t.Context(), account)))
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: level, Name: "x", Labels: template.Labels}, Spec: *template.Spec.DeepCopy()}
			err := b.Create(t.Context(), pod, client.DryRunAll)
			assert.Equal(t, fit[level], err == nil, "%s in %s: %v", u.GetKind(), level, err)
		}
	}
	assert.Equal(t, 3, tried)
}
