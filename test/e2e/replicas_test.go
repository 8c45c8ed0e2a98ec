//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
)

// replicas are the server's pods but those that drain.
func (b *bed) replicas(t *testing.T) []corev1.Pod {
	t.Helper()
	pods := b.pods(t, release, client.MatchingLabels{"app.kubernetes.io/component": "server"})
	return slices.DeleteFunc(pods, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
}

// server is the Deployment, once all of it is ready.
func (b *bed) server(t *testing.T) {
	t.Helper()
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: release, Name: release}}
	require.NoError(t, b.client.Get(t.Context(), client.ObjectKeyFromObject(d), d))
	b.available(t, d)
}

func (b *bed) rollingUpdate(t *testing.T) {
	t.Helper()
	before := b.replicas(t)
	b.upgrade(t, chart.Values{"podAnnotations": chart.Values{"e2e": "updated"}})
	b.server(t)
	for _, pod := range b.replicas(t) {
		assert.Equal(t, "updated", pod.Annotations["e2e"])
		for _, old := range before {
			assert.NotEqual(t, old.UID, pod.UID)
		}
	}
	pod := b.pause(t, "team-a", "after-the-update", appImage)
	served(t, pod)
}

// eviction is what a drain does: one replica may go, and then the other one may
// not.
func (b *bed) eviction(t *testing.T) {
	t.Helper()
	pods := b.replicas(t)
	require.Len(t, pods, 2)
	evict := func(pod corev1.Pod) error {
		return b.kube.PolicyV1().Evictions(release).Evict(t.Context(), &policyv1.Eviction{
			ObjectMeta: metav1.ObjectMeta{Namespace: release, Name: pod.Name},
		})
	}
	require.NoError(t, evict(pods[0]))
	require.True(t, apierrors.IsTooManyRequests(evict(pods[1])), "both may be evicted at once")
	served(t, b.pause(t, "team-a", "during-the-eviction", appImage))
	eventually(t, "the replica's end", func() (bool, string) {
		err := b.client.Get(t.Context(), client.ObjectKeyFromObject(&pods[0]), &corev1.Pod{})
		return apierrors.IsNotFound(err), fmt.Sprint(err)
	})
	b.server(t)
}

// leader is the replica that holds the lease, once one does: it may still be in
// the name of one that is gone.
func (b *bed) leader(t *testing.T) (leader corev1.Pod) {
	t.Helper()
	eventually(t, "a leader", func() (bool, string) {
		var lease coordinationv1.Lease
		err := b.client.Get(t.Context(), client.ObjectKey{Namespace: release, Name: release}, &lease)
		holder := ptr.Deref(lease.Spec.HolderIdentity, "")
		for _, pod := range b.replicas(t) {
			if strings.HasPrefix(holder, pod.Name+"_") {
				leader = pod
				return true, ""
			}
		}
		return false, fmt.Sprintf("%v; the lease is held by %s", err, holder)
	})
	return leader
}

// follower is a replica that does not lead.
func (b *bed) follower(t *testing.T) corev1.Pod {
	t.Helper()
	leader := b.leader(t)
	for _, pod := range b.replicas(t) {
		if pod.UID != leader.UID {
			return pod
		}
	}
	require.Fail(t, "there is no follower")
	return corev1.Pod{}
}

// replace deletes a replica, and waits until there is another one.
func (b *bed) replace(t *testing.T, pod corev1.Pod, how client.DeleteOption) {
	t.Helper()
	require.NoError(t, b.client.Delete(t.Context(), &pod, how))
	eventually(t, "another replica", func() (bool, string) {
		ready := 0
		for _, p := range b.replicas(t) {
			if s := p.Status.ContainerStatuses; p.UID != pod.UID && len(s) > 0 && s[0].Ready {
				ready++
			}
		}
		return ready == 2, b.state(t, release)
	})
}

// crash kills a replica, and waits until the kubelet has started it again and it
// is ready.
func (b *bed) crash(t *testing.T, pod corev1.Pod) {
	t.Helper()
	before := pod.Status.ContainerStatuses[0].RestartCount
	kill(t, pod)
	eventually(t, "a restart", func() (bool, string) {
		err := b.client.Get(t.Context(), client.ObjectKeyFromObject(&pod), &pod)
		s := pod.Status.ContainerStatuses
		return err == nil && len(s) > 0 && s[0].RestartCount > before && s[0].Ready, fmt.Sprintf("%v %+v", err, s)
	})
}

// kill ends a replica's process as a crash does. It is one of ours: the node
// and we share a process namespace.
func kill(t *testing.T, pod corev1.Pod) {
	t.Helper()
	programs, err := filepath.Glob("/proc/[0-9]*/exe")
	require.NoError(t, err)
	for _, link := range programs {
		program, err := os.Readlink(link)
		if err != nil || filepath.Base(program) != "tcr-webhook" {
			continue // it has ended, or is another one
		}
		groups, err := os.ReadFile(filepath.Join(filepath.Dir(link), "cgroup"))
		if err != nil || !strings.Contains(string(groups), string(pod.UID)) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link)))
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		return
	}
	require.Fail(t, "no process to kill", "of pod %s", pod.Name)
}
