//go:build linux

package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func (b *bed) imageVolume(t *testing.T) {
	t.Helper()
	b.namespace(t, "volumes", nil)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "volumes", Name: "reader"},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever,
			Containers: []corev1.Container{{
				Name: "app", Image: appImage, Args: []string{"print", "/data/note.txt"},
				VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data"}},
			}},
			Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
				Image: &corev1.ImageVolumeSource{Reference: dataImage, PullPolicy: corev1.PullIfNotPresent},
			}}},
		},
	}
	require.NoError(t, b.client.Create(t.Context(), pod))
	assert.Equal(t, "of an image volume\n", b.succeeded(t, pod))
	assert.Equal(t, privateHost+"/team/data:1", pod.Spec.Volumes[0].Image.Reference)
	served(t, pod)
}

func (b *bed) ephemeralContainer(t *testing.T) {
	t.Helper()
	b.push(t, publicHost+"/team/tools:1")
	target := b.pods(t, "team-a", client.MatchingLabels{"app": "app"})[0]
	b.kubectl(t, "-n", "team-a", "debug", target.Name, "--image="+publicHost+"/team/tools:1", "--profile=general", "--container=tools")
	eventually(t, "the ephemeral container", func() (bool, string) {
		err := b.client.Get(t.Context(), client.ObjectKeyFromObject(&target), &target)
		for _, s := range target.Status.EphemeralContainerStatuses {
			if s.State.Running != nil {
				return true, ""
			}
		}
		return false, fmt.Sprintf("%v %+v", err, target.Status.EphemeralContainerStatuses)
	})
	assert.Equal(t, privateHost+"/team/tools:1", target.Spec.EphemeralContainers[0].Image)
}

// startCronJob comes first, for a CronJob has no seconds.
func (b *bed) startCronJob(t *testing.T) *batchv1.CronJob {
	t.Helper()
	b.namespace(t, "jobs", nil)
	b.push(t, publicHost+"/team/job:1")
	cron := &batchv1.CronJob{
		ObjectMeta: metav1.ObjectMeta{Namespace: "jobs", Name: "report"},
		Spec: batchv1.CronJobSpec{
			Schedule: "* * * * *",
			JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
				RestartPolicy: corev1.RestartPolicyNever,
				Containers:    []corev1.Container{{Name: "app", Image: publicHost + "/team/job:1", Args: []string{"print", "/name"}}},
			}}}},
		},
	}
	require.NoError(t, b.client.Create(t.Context(), cron))
	return cron
}

func (b *bed) cronJob(t *testing.T, cron *batchv1.CronJob) {
	t.Helper()
	var pod corev1.Pod
	eventually(t, "the job's pod", func() (bool, string) {
		pods := b.pods(t, "jobs", nil)
		if len(pods) > 0 {
			pod = pods[0]
		}
		return len(pods) > 0, b.state(t, "jobs")
	})
	assert.Equal(t, publicHost+"/team/job:1\n", b.succeeded(t, &pod))
	served(t, &pod)
	require.NoError(t, b.client.Delete(t.Context(), cron))
}
