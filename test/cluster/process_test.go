package cluster

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// parentVariable makes this test binary the parent of TestChildrenDieWithAParentThatIsKilled.
const parentVariable = "CLUSTER_TEST_PARENT"

// alive reports whether the process pid exists and has not just ended without
// being waited for, as an orphan may until init sees to it.
func alive(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return runtime.GOOS != "linux"
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentVariable); dir != "" {
		os.Exit(beParent(dir))
	}
	os.Exit(m.Run())
}

// beParent starts a child, writes its id to a file of dir, and waits for ever.
func beParent(dir string) int {
	p, err := launch(server("sleep", "/bin/sleep", filepath.Join(dir, "log"), []string{"600"}))
	if err != nil {
		return 1
	}
	// Another thread than the one that forked goes away, as threads do.
	go runtime.LockOSThread()
	if os.WriteFile(filepath.Join(dir, "pid"), []byte(strconv.Itoa(p.pid)), 0o600) != nil {
		return 1
	}
	<-p.done
	return 2
}

func TestChildrenDieWithAParentThatIsKilled(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has a signal for the death of a parent")
	}
	dir := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	parent := exec.CommandContext(t.Context(), self)
	parent.Env = append(os.Environ(), parentVariable+"="+dir)
	require.NoError(t, parent.Start())
	pidFile := filepath.Join(dir, "pid")
	require.Eventually(t, func() bool { return fileHasContent(pidFile) }, 10*time.Second, 10*time.Millisecond)
	child := pidIn(t, pidFile)
	require.True(t, alive(child))

	require.NoError(t, parent.Process.Kill())
	require.Error(t, parent.Wait())

	assert.Eventually(t, func() bool { return !alive(child) }, 10*time.Second, 10*time.Millisecond,
		"the child %d outlived its parent", child)
}

func TestAnotherPortIsTriedWhenOneIsTaken(t *testing.T) {
	t.Parallel()
	binaries, err := Binaries(t.Context(), nil)
	require.NoError(t, err)
	store, err := newEtcd(filepath.Join(binaries, etcdBinary), filepath.Join(t.TempDir(), "etcd"))
	require.NoError(t, err)
	taken := listening(t)
	var chosen [][]int
	choose := func(ctx context.Context, n int) ([]int, error) {
		ports, err := freePorts(ctx, n)
		if len(chosen) == 0 {
			ports[0] = taken
		}
		chosen = append(chosen, ports)
		return ports, err
	}

	p, err := onFreePorts(t.Context(), 2, choose, store.start)

	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.stop()) })
	require.Len(t, chosen, 2)
	assert.Equal(t, loopback(chosen[1][0]), store.url)
}

// listening returns a port that is taken until the test's end.
func listening(t *testing.T) int {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, l.Close()) })
	addr, ok := l.Addr().(*net.TCPAddr)
	require.True(t, ok)
	return addr.Port
}

func TestPortThatNeverStaysFreeEndsTheAttempts(t *testing.T) {
	t.Parallel()
	attempts := 0
	_, err := onFreePorts(t.Context(), 1, freePorts, func(context.Context, []int) (*process, error) {
		attempts++
		return nil, &logError{err: errors.New("etcd ended"), tail: "bind: address already in use"}
	})
	require.ErrorContains(t, err, "no port stayed free in 5 attempts")
	assert.Equal(t, portAttempts, attempts)
}

func TestFreePortsDiffer(t *testing.T) {
	t.Parallel()
	ports, err := freePorts(t.Context(), 20)
	require.NoError(t, err)
	seen := map[int]bool{}
	for _, p := range ports {
		assert.False(t, seen[p], "port %d came twice", p)
		seen[p] = true
	}
}

func TestServersInheritNoEnvironment(t *testing.T) {
	t.Setenv("ETCD_NAME", "from the environment")
	log := filepath.Join(t.TempDir(), "log")
	p, err := launch(server("env", "/usr/bin/env", log, nil))
	require.NoError(t, err)
	<-p.done
	require.NoError(t, p.err)
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	assert.Empty(t, string(text))
}
