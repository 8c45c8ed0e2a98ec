package podview

import (
	"encoding/json"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

func TestTemplate(t *testing.T) {
	t.Parallel()
	var w Workload
	w.Spec.Template.Spec.ServiceAccountName = "template"
	w.Spec.JobTemplate.Spec.Template.Spec.ServiceAccountName = "job template"
	for kind, want := range map[GroupKind]string{
		{"apps", "Deployment"}: "template", {"apps", "StatefulSet"}: "template", {"apps", "DaemonSet"}: "template", {"apps", "ReplicaSet"}: "template",
		{"", "ReplicationController"}: "template", {"batch", "Job"}: "template", {"batch", "CronJob"}: "job template",
	} {
		assert.Equal(t, want, w.Template(kind).ServiceAccount(), kind)
	}
	assert.Nil(t, w.Template(GroupKind{"", "Pod"}))
	assert.Nil(t, w.Template(GroupKind{"extensions", "Deployment"}))
}

// FuzzWorkload compares the images of a template with those that Kubernetes'
// own types have.
func FuzzWorkload(f *testing.F) {
	const template = `"template":{"spec":{"containers":[{"name":"a","image":"nginx"},null],"volumes":[{"name":"v","image":{"reference":"r"}}]}}`
	f.Add("Deployment", `{"spec":{`+template+`}}`)
	f.Add("CronJob", `{"spec":{"jobTemplate":{"spec":{`+template+`}}}}`)
	f.Add("Job", `{"spec":{"template":null}}`)
	f.Add("ReplicationController", `null`)
	f.Fuzz(func(t *testing.T, kind, object string) {
		var pod corev1.PodSpec
		group := "apps"
		switch kind {
		case "CronJob":
			group = "batch"
			var typed batchv1.CronJob
			if json.Unmarshal([]byte(object), &typed) != nil {
				return
			}
			pod = typed.Spec.JobTemplate.Spec.Template.Spec
		case "Deployment":
			var typed appsv1.Deployment
			if json.Unmarshal([]byte(object), &typed) != nil {
				return
			}
			pod = typed.Spec.Template.Spec
		default:
			var r WorkloadReview
			_ = r.Decode([]byte(object)) // it must not panic
			return
		}
		// As the API server sends it, from its own object.
		canonical, err := json.Marshal(map[string]any{"spec": map[string]any{"template": map[string]any{"spec": pod}, "jobTemplate": map[string]any{"spec": map[string]any{"template": map[string]any{"spec": pod}}}}})
		require.NoError(t, err)
		body, err := json.Marshal(map[string]any{
			"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
			"request": map[string]any{"uid": "1", "kind": map[string]string{"group": group, "kind": kind}, "operation": admissionv1.Create, "object": json.RawMessage(canonical)},
		})
		require.NoError(t, err)
		var r WorkloadReview
		require.NoError(t, r.Decode(body))
		want := typedPod(&corev1.Pod{Spec: pod})
		got := r.Request.Object.Template(r.Request.Kind)
		require.Empty(t, cmp.Diff(sites(&want), sites(got)))
	})
}

func sites(p *Pod) (list []Site) {
	for s := range p.Sites() {
		list = append(list, s)
	}
	return list
}

// kubectl-tcr reads lists of them that way.
func TestPartsAreReadWithinWhatIsDecodedOtherwise(t *testing.T) {
	t.Parallel()
	const spec = `{"containers":[{"name":"a","image":"nginx","env":[{"name":"x"}]}],"imagePullSecrets":[{"name":"s"}]}`
	want := Spec{Containers: []Container{{Name: "a", Image: "nginx"}}, ImagePullSecrets: PullSecrets{Items: []PullSecret{{Name: "s"}}, Present: true}}
	var list struct {
		Pods []struct {
			Spec Spec `json:"spec"`
		} `json:"pods"`
		Makers []struct {
			Workload
			Status string `json:"status"`
		} `json:"makers"`
	}
	text := `{"pods":[{"spec":` + spec + `}],"makers":[{"spec":{"template":{"spec":` + spec + `}},"status":"x"}]}`
	require.NoError(t, jsonv2.Unmarshal([]byte(text), &list))
	assert.Equal(t, want, list.Pods[0].Spec)
	assert.Equal(t, want, list.Makers[0].Spec.Template.Spec)
	assert.Equal(t, "x", list.Makers[0].Status)
}
