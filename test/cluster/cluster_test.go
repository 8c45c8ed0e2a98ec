package cluster

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/tcr-webhook/tcr-webhook/test/process"
)

// started starts a cluster that the test's end stops.
func started(t *testing.T) *Cluster {
	t.Helper()
	dir := t.TempDir()
	began := time.Now()
	c, err := Start(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	t.Logf("ready in %s", time.Since(began).Round(time.Millisecond))
	t.Cleanup(func() { assert.NoError(t, c.Stop()) })
	return c
}

func client(t *testing.T, config *rest.Config) kubernetes.Interface {
	t.Helper()
	k, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	return k
}

func namespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func TestTwoClustersAtOnceKnowNothingOfEachOther(t *testing.T) {
	t.Parallel()
	for _, own := range []string{"one", "two"} {
		t.Run(own, func(t *testing.T) {
			t.Parallel()
			k := client(t, started(t).Config())

			_, err := k.CoreV1().Namespaces().Create(t.Context(), namespace(own), metav1.CreateOptions{})
			require.NoError(t, err)

			all, err := k.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
			require.NoError(t, err)
			var names []string
			for _, n := range all.Items {
				names = append(names, n.Name)
			}
			assert.ElementsMatch(t, []string{"default", "kube-node-lease", "kube-public", "kube-system", own}, names)
		})
	}
}

func TestUserMayDoWhatRBACGrantsAndNoMore(t *testing.T) {
	t.Parallel()
	c := started(t)
	config, err := c.UserConfig("system:serviceaccount:shop:till", "system:serviceaccounts", "system:serviceaccounts:shop")
	require.NoError(t, err)
	till, admin := client(t, config), client(t, c.Config())

	_, err = till.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
	require.True(t, apierrors.IsForbidden(err), "got %v, want a refusal", err)

	// Not the built-in role view: what it may do is put together by the
	// controller-manager, which does not run.
	_, err = admin.RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "till"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"list"}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = admin.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "till"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "till"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "shop", Name: "till"}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)

	assert.EventuallyWithT(t, func(collect *assert.CollectT) {
		_, err := till.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
		assert.NoError(collect, err)
	}, 10*time.Second, 20*time.Millisecond)
	_, err = till.CoreV1().ConfigMaps("default").Create(t.Context(),
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "written"}}, metav1.CreateOptions{})
	assert.True(t, apierrors.IsForbidden(err), "got %v, want a refusal", err)
}

func TestPodIsStoredInANamespaceMadeAMomentAgo(t *testing.T) {
	t.Parallel()
	k := client(t, started(t).Config())
	_, err := k.CoreV1().Namespaces().Create(t.Context(), namespace("new"), metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = k.CoreV1().Pods("new").Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "first"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "example.com/c:1"}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

func TestStopEndsEveryProcessAndMayBeCalledAgain(t *testing.T) {
	t.Parallel()
	c := started(t)
	require.Len(t, c.procs, 2)
	for _, p := range c.procs {
		require.True(t, process.Alive(p.PID), "%s does not run", p.Name)
	}

	require.NoError(t, c.Stop())

	for _, p := range c.procs {
		assert.False(t, process.Alive(p.PID), "%s still runs as %d", p.Name, p.PID)
	}
	assert.NoError(t, c.Stop())
}

func TestStopTellsThatAServerHadDied(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c, err := Start(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	etcd := c.procs[0]
	etcd.Kill()

	err = c.Stop()

	require.ErrorContains(t, err, "etcd ended: signal: killed")
	assert.ErrorContains(t, err, filepath.Join(dir, "etcd.log"))
	for _, p := range c.procs {
		assert.False(t, process.Alive(p.PID), "%s still runs as %d", p.Name, p.PID)
	}
}

func TestKubeconfigOpensTheCluster(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(path, []byte("an earlier one, open to all"), 0o644))

	require.NoError(t, WriteKubeconfig(path, started(t).Config()))

	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
	config, err := clientcmd.BuildConfigFromFlags("", path)
	require.NoError(t, err)
	version, err := client(t, config).Discovery().ServerVersion()
	require.NoError(t, err)
	assert.Regexp(t, `^v1\.\d+\.\d+`, version.GitVersion)
}

func TestStartWithACancelledContextLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	_, err := Start(ctx, Options{Dir: dir, Binaries: fakeBinaries(t, `echo $$ > "`+dir+`/pid"; exec sleep 60`)})

	require.ErrorIs(t, err, context.Canceled)
	assert.NoFileExists(t, filepath.Join(dir, "pid"), "etcd was started for a start that was already cancelled")
}

func TestStartIsCutShortByItsContext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pidFile := filepath.Join(dir, "pid")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		await(t, pidFile)
	}()

	_, err := Start(ctx, Options{Dir: dir, Binaries: fakeBinaries(t, `echo $$ > "`+pidFile+`"; exec sleep 60`)})

	require.ErrorIs(t, err, context.Canceled)
	assert.ErrorContains(t, err, "start etcd")
	pid := pidIn(t, pidFile)
	assert.False(t, process.Alive(pid), "etcd still runs as %d", pid)
}

func TestServerThatDiesAtOnceIsNamedWithItsLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()

	_, err := Start(t.Context(), Options{Dir: dir, Binaries: fakeBinaries(t, `echo "no space on the moon" >&2; exit 7`)})

	require.ErrorContains(t, err, "etcd ended: exit status 7")
	require.ErrorContains(t, err, filepath.Join(dir, "etcd.log"))
	require.ErrorContains(t, err, "no space on the moon")
}

func TestStartWantsAFolder(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), Options{})
	require.ErrorContains(t, err, "Options.Dir is empty")
}

// fakeBinaries returns a folder whose etcd and kube-apiserver are the script.
func fakeBinaries(t *testing.T, script string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{etcdBinary, apiServerBinary} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	}
	return dir
}

// await returns when the file path holds a process id, or the test ends.
func await(t *testing.T, path string) {
	t.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for !fileHasContent(path) && t.Context().Err() == nil {
		<-poll.C
	}
}

// pidIn returns the process id that a child has written to path.
func pidIn(t *testing.T, path string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	return pid
}

func fileHasContent(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() > 0
}
