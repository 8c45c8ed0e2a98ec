package reviews

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
)

// Namespace is where the recorded pods were created.
const Namespace = "team-a"

// rewritten is how many images of a pod are the instance's, at most.
const rewritten = 3

// Pod is a pod of size as its author creates it, who is a ReplicaSet unless it
// is bare.
func (s Size) Pod() *corev1.Pod {
	pod := &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{GenerateName: "web-"},
	}
	for i := range s.Containers {
		pod.Spec.Containers = append(pod.Spec.Containers, s.container(i))
	}
	if !s.Bare {
		pod.ObjectMeta = replicaMeta()
		pod.Spec.ServiceAccountName = "web"
		pod.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "own"}}
	}
	return pod
}

func replicaMeta() metav1.ObjectMeta {
	return metav1.ObjectMeta{
		GenerateName: "web-5c8b7d9f6-",
		Labels:       map[string]string{"app.kubernetes.io/name": "web", "pod-template-hash": "5c8b7d9f6"},
		Annotations:  map[string]string{"prometheus.io/scrape": "true", "prometheus.io/port": "8080"},
		OwnerReferences: []metav1.OwnerReference{{
			APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-5c8b7d9f6", Controller: new(true), BlockOwnerDeletion: new(true),
			UID: types.UID("0e6f2c1a-3c4d-4f5e-9a6b-7c8d9e0f1a2b"),
		}},
	}
}

func (s Size) container(i int) corev1.Container {
	image := fmt.Sprintf("docker.io/library/sidecar-%d:1.2.3", i)
	if i < rewritten {
		image = fmt.Sprintf("%s/team-a/service-%d:2026.11.23-1a2b3c4d", contender.PublicHost, i)
	}
	if s.Bare {
		return corev1.Container{Name: fmt.Sprintf("service-%d", i), Image: image}
	}
	c := corev1.Container{
		Name: fmt.Sprintf("service-%d", i), Image: image,
		Command: []string{"/bin/service", fmt.Sprintf("--listen=:%d", 8080+i)},
		Ports:   []corev1.ContainerPort{{Name: fmt.Sprintf("http-%d", i), ContainerPort: int32(8080 + i)}},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
		},
	}
	for e := range s.Env {
		c.Env = append(c.Env, corev1.EnvVar{Name: fmt.Sprintf("SETTING_%d", e), Value: `{"a":"quoted","b":[1,2,3]}`})
	}
	return c
}
