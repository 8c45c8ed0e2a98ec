//go:build linux

package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// deploy makes a Deployment with nothing but its image, and waits until its
// replicas are ready.
func (b *bed) deploy(t *testing.T, namespace, name, image string) {
	t.Helper()
	labels := map[string]string{"app": name}
	replicas := int32(2)
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "app", Image: image,
					ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(8080)}}, PeriodSeconds: 1},
				}}},
			},
		},
	}
	require.NoError(t, b.client.Create(t.Context(), d))
	b.available(t, d)
}

// available waits until all replicas are ready and none is left of before.
func (b *bed) available(t *testing.T, d *appsv1.Deployment) {
	t.Helper()
	eventually(t, "the Deployment "+d.Name, func() (bool, string) {
		err := b.client.Get(t.Context(), client.ObjectKeyFromObject(d), d)
		s := d.Status
		done := err == nil && s.ObservedGeneration == d.Generation && s.UpdatedReplicas == *d.Spec.Replicas &&
			s.AvailableReplicas == *d.Spec.Replicas && s.Replicas == *d.Spec.Replicas
		return done, fmt.Sprintf("%v %+v\n%s", err, s, b.state(t, d.Namespace))
	})
}

// state is what a person would look at.
func (b *bed) state(t *testing.T, namespace string) string {
	t.Helper()
	return b.kubectl(t, "-n", namespace, "get", "pods,events")
}

// pods are those of a namespace.
func (b *bed) pods(t *testing.T, namespace string, labels client.MatchingLabels) []corev1.Pod {
	t.Helper()
	var list corev1.PodList
	require.NoError(t, b.client.List(t.Context(), &list, client.InNamespace(namespace), labels))
	return list.Items
}

// runOnce makes a pod that is to end by itself.
func (b *bed) runOnce(t *testing.T, namespace, name, image string, args ...string) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever,
			Containers:    []corev1.Container{{Name: "app", Image: image, Args: args}},
		},
	}
	require.NoError(t, b.client.Create(t.Context(), pod))
	return pod
}

// succeeded waits until a pod has ended well, and returns what it has printed.
func (b *bed) succeeded(t *testing.T, pod *corev1.Pod) string {
	t.Helper()
	eventually(t, "the end of pod "+pod.Name, func() (bool, string) {
		err := b.client.Get(t.Context(), client.ObjectKeyFromObject(pod), pod)
		return err == nil && pod.Status.Phase == corev1.PodSucceeded, fmt.Sprintf("%v %s\n%s", err, pod.Status.Phase, b.state(t, pod.Namespace))
	})
	return b.kubectl(t, "-n", pod.Namespace, "logs", pod.Name)
}

// served checks what the webhook has made of a pod with an image of ours.
func served(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	assert.Contains(t, pod.Spec.Containers[0].Image, privateHost+"/")
	assert.Equal(t, []corev1.LocalObjectReference{{Name: pullSecret}}, pod.Spec.ImagePullSecrets)
}
