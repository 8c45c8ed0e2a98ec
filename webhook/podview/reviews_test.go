package podview

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

var update = flag.Bool("update", false, "write testdata anew")

// TestReviewsAreOfTheirSize keeps the inputs of the benchmarks what they are
// called: reviews as an API server sends them, with defaults and managedFields.
func TestReviewsAreOfTheirSize(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                      string
		containers, env, min, max int
	}{
		{"2k", 1, 0, 1_500, 3_000},
		{"6k", 3, 7, 5_500, 6_500},
		{"60k", 12, 33, 55_000, 65_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if *update {
				body, err := json.Marshal(sampleReview(t, tt.containers, tt.env))
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join("testdata", "reviews", tt.name+".json"), body, 0o644))
			}
			body := readReview(t, tt.name)
			require.Greater(t, len(body), tt.min)
			require.Less(t, len(body), tt.max)
			var r Review
			require.NoError(t, r.Decode(body))
			require.Len(t, r.Request.Object.Spec.Containers, tt.containers)
		})
	}
}

// sampleReview asks about a pod of which three images at most are an
// instance's, whatever its size.
func sampleReview(t *testing.T, containers, env int) admissionv1.AdmissionReview {
	t.Helper()
	pod := samplePod(containers, env)
	raw, err := json.Marshal(pod)
	require.NoError(t, err)
	no := false
	return admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{Kind: "AdmissionReview", APIVersion: "admission.k8s.io/v1"},
		Request: &admissionv1.AdmissionRequest{
			UID:       "705ab4f5-6393-11e8-b7cc-42010a800002",
			Kind:      metav1.GroupVersionKind{Version: "v1", Kind: "Pod"},
			Resource:  metav1.GroupVersionResource{Version: "v1", Resource: "pods"},
			Namespace: "team-a", Operation: admissionv1.Create, DryRun: &no,
			Object:  runtime.RawExtension{Raw: raw},
			Options: runtime.RawExtension{Raw: []byte(`{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1"}`)},
		},
	}
}

func samplePod(containers, env int) *corev1.Pod {
	yes := true
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: "web-5c8b7d9f6-", Namespace: "team-a",
			Labels:      map[string]string{"app.kubernetes.io/name": "web", "pod-template-hash": "5c8b7d9f6"},
			Annotations: map[string]string{"prometheus.io/scrape": "true", "prometheus.io/port": "8080"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-5c8b7d9f6",
				UID: types.UID("0e6f2c1a-3c4d-4f5e-9a6b-7c8d9e0f1a2b"), Controller: &yes, BlockOwnerDeletion: &yes}},
		},
		Spec: corev1.PodSpec{
			ServiceAccountName: "web", DeprecatedServiceAccount: "web", RestartPolicy: corev1.RestartPolicyAlways,
			DNSPolicy: corev1.DNSClusterFirst, SchedulerName: "default-scheduler", EnableServiceLinks: &yes,
			SecurityContext:  &corev1.PodSecurityContext{},
			ImagePullSecrets: []corev1.LocalObjectReference{{Name: "own"}},
			Volumes: []corev1.Volume{{Name: "kube-api-access-x7k2p", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
				Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token"}}}}}}},
		},
	}
	owned := map[string]any{}
	for i := range containers {
		c := sampleContainer(i, env)
		pod.Spec.Containers = append(pod.Spec.Containers, c)
		owned[fmt.Sprintf(`k:{"name":%q}`, c.Name)] = ownedFields(c)
	}
	pod.ManagedFields = []metav1.ManagedFieldsEntry{{
		Manager: "kube-controller-manager", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", FieldsType: "FieldsV1",
		Time:     &metav1.Time{Time: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)},
		FieldsV1: fieldsV1(map[string]any{"f:metadata": map[string]any{"f:generateName": empty{}}, "f:spec": map[string]any{"f:containers": owned}}),
	}}
	return pod
}

func sampleContainer(i, env int) corev1.Container {
	image := fmt.Sprintf("docker.io/library/sidecar-%d:1.2.3", i)
	if i < 3 {
		image = fmt.Sprintf("demo.tencentcloudcr.com/team-a/service-%d:2026.11.23-1a2b3c4d", i)
	}
	c := corev1.Container{
		Name: fmt.Sprintf("container-%d", i), Image: image, ImagePullPolicy: corev1.PullIfNotPresent,
		Command: []string{"/bin/service", "--listen=:8080"},
		Ports:   []corev1.ContainerPort{{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
		},
		VolumeMounts:           []corev1.VolumeMount{{Name: "kube-api-access-x7k2p", ReadOnly: true, MountPath: "/var/run/secrets/kubernetes.io/serviceaccount"}},
		TerminationMessagePath: "/dev/termination-log", TerminationMessagePolicy: corev1.TerminationMessageReadFile,
	}
	for e := range env {
		c.Env = append(c.Env, corev1.EnvVar{Name: fmt.Sprintf("SETTING_%d", e), Value: `{"a":"quoted","b":[1,2,3]}`})
	}
	return c
}

type empty struct{}

func ownedFields(c corev1.Container) map[string]any {
	env := map[string]any{}
	for _, e := range c.Env {
		env[fmt.Sprintf(`k:{"name":%q}`, e.Name)] = map[string]any{".": empty{}, "f:name": empty{}, "f:value": empty{}}
	}
	return map[string]any{".": empty{}, "f:name": empty{}, "f:image": empty{}, "f:imagePullPolicy": empty{}, "f:command": empty{},
		"f:ports": empty{}, "f:resources": empty{}, "f:env": env, "f:terminationMessagePath": empty{}}
}

func fieldsV1(fields any) *metav1.FieldsV1 {
	raw, err := json.Marshal(fields)
	if err != nil {
		panic(err) // of maps and empty structs
	}
	return metav1.NewFieldsV1(string(raw))
}
