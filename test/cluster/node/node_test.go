//go:build linux

package node

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// meetVariable is of a run of TestNode that TestTwoNodes started: a folder where
// it tells that it is up, and waits until it may end.
const meetVariable = "TCR_WEBHOOK_NODE_TEST_MEET"

func TestMain(m *testing.M) {
	// The tests of what is left behind look on from outside.
	if os.Getenv(meetVariable) == "" {
		os.Exit(m.Run())
	}
	os.Exit(Main(m.Run, func(context.Context, string) error { return nil }))
}

func TestNode(t *testing.T) {
	t.Parallel()
	meet := os.Getenv(meetVariable)
	if meet == "" {
		t.Skip("TestTwoNodes runs it")
	}
	n, err := Start(t.Context())
	require.NoError(t, err)
	client, err := kubernetes.NewForConfig(n.Config())
	require.NoError(t, err)
	image := pushPause(t)
	pods := client.CoreV1().Pods("default")
	_, err = pods.Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "pulled"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "pause", Image: image}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		pod, err := pods.Get(t.Context(), "pulled", metav1.GetOptions{})
		return err == nil && pod.Status.Phase == corev1.PodRunning
	}, time.Minute, 50*time.Millisecond)

	namespace, err := os.Readlink("/proc/self/ns/pid")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(meet, "name"), []byte(group()+" "+Dir()+" "+namespace), 0o600))
	require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(meet, "end")); return err == nil }, time.Minute, 50*time.Millisecond)
	require.NoError(t, n.Stop())
}

// pushPause pushes an image to a registry on the node that asks for no login,
// and returns its name.
func pushPause(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", IP+":5000")
	require.NoError(t, err)
	server := &http.Server{Handler: registry.New(registry.WithBlobHandler(registry.NewInMemoryBlobHandler()))}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	require.NoError(t, RouteRegistry(IP+":5000", "http://"+IP+":5000", nil))
	img, err := ProgramImage(filepath.Join(Dir(), pauseBinary))
	require.NoError(t, err)
	ref, err := name.ParseReference(IP+":5000/team/pause:1", name.Insecure)
	require.NoError(t, err)
	require.NoError(t, remote.Write(ref, img))
	return ref.Name()
}

// One of two nodes is killed as a whole, the other ends by itself: neither
// leaves anything, nor disturbs the other.
func TestTwoNodesLeaveNothing(t *testing.T) {
	t.Parallel()
	if os.Getenv(askVariable) == "" {
		t.Skip("it takes root: run make e2e, or set E2E=1")
	}
	before := machine(t)
	killed, ended := startNode(t), startNode(t)
	killed.await(t)
	ended.await(t)

	require.NoError(t, killed.cmd.Process.Kill())
	require.Error(t, killed.cmd.Wait())
	killed.leftNothing(t)
	require.NoError(t, os.WriteFile(filepath.Join(ended.meet, "end"), nil, 0o600))
	require.NoError(t, ended.cmd.Wait(), ended.out.String())
	ended.leftNothing(t)

	assert.Equal(t, before, machine(t))
}

// run is a run of TestNode in a process of its own.
type run struct {
	cmd                    *exec.Cmd
	out                    strings.Builder
	meet                   string
	group, dir, namespaces string
}

func startNode(t *testing.T) *run {
	t.Helper()
	r := &run{meet: t.TempDir()}
	r.cmd = exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNode$", "-test.v")
	r.cmd.Env = append(os.Environ(), meetVariable+"="+r.meet)
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	require.NoError(t, r.cmd.Start())
	return r
}

// await returns when a pod runs on the node.
func (r *run) await(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(filepath.Join(r.meet, "name"))
		f := strings.Fields(string(text))
		if err != nil || len(f) != 3 {
			return false
		}
		r.group, r.dir, r.namespaces = f[0], f[1], f[2]
		return true
	}, 2*time.Minute, 50*time.Millisecond)
	require.NotEmpty(t, processesOf(t, r.namespaces), "the test sees no process that runs")
	require.NotEmpty(t, cgroupsOf(t, r.group), "the test sees no cgroup that there is")
}

// leftNothing waits a little: what cleans up after one that was killed comes
// after it.
func (r *run) leftNothing(t *testing.T) {
	t.Helper()
	assert.Eventually(t, func() bool {
		_, err := os.Stat(r.dir)
		return os.IsNotExist(err)
	}, sweepLimit, 20*time.Millisecond, "%s is still there", r.dir)
	assert.Empty(t, cgroupsOf(t, r.group))
	assert.Empty(t, processesOf(t, r.namespaces))
}

func cgroupsOf(t *testing.T, group string) []string {
	t.Helper()
	found, err := filepath.Glob("/sys/fs/cgroup/*/" + group)
	require.NoError(t, err)
	unified, err := filepath.Glob("/sys/fs/cgroup/" + group)
	require.NoError(t, err)
	return append(found, unified...)
}

// processesOf lists those in a process namespace.
func processesOf(t *testing.T, namespace string) (found []string) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/ns/pid")
	require.NoError(t, err)
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == namespace {
			found = append(found, link)
		}
	}
	return found
}

// machine is what of a machine a node might change.
func machine(t *testing.T) map[string]string {
	t.Helper()
	state := map[string]string{}
	mounts, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	state["mounts"] = string(mounts)
	interfaces, err := net.Interfaces()
	require.NoError(t, err)
	for _, i := range interfaces {
		state["interfaces"] += i.Name + " "
	}
	state["name"], err = os.Hostname()
	require.NoError(t, err)
	hosts, err := os.ReadFile("/etc/hosts")
	require.NoError(t, err)
	state["hosts"] = string(hosts)
	for _, dir := range []string{"/var/lib/kubelet", "/var/lib/cni", "/var/log/pods", "/var/log/containers", "/run/containerd", "/etc/cni", "/opt/containerd", "/usr/libexec/kubernetes"} {
		if _, err := os.Stat(dir); err == nil {
			state["folders"] += dir + " "
		}
	}
	return state
}
