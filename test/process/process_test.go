package process

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// parentVariable makes this test binary the parent of TestChildrenDieWithAParentThatIsKilled.
const parentVariable = "PROCESS_TEST_PARENT"

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentVariable); dir != "" {
		os.Exit(beParent(dir))
	}
	os.Exit(m.Run())
}

// beParent starts a child, writes its id to a file of dir, and waits for ever.
func beParent(dir string) int {
	p, err := Launch(Server("sleep", "/bin/sleep", filepath.Join(dir, "log"), []string{"600"}))
	if err != nil {
		return 1
	}
	// Another thread than the one that forked goes away, as threads do.
	go runtime.LockOSThread()
	if os.WriteFile(filepath.Join(dir, "pid"), []byte(strconv.Itoa(p.PID)), 0o600) != nil {
		return 1
	}
	<-p.Done
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
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(pidFile)
		return err == nil && len(text) > 0
	}, 10*time.Second, 10*time.Millisecond)
	text, err := os.ReadFile(pidFile)
	require.NoError(t, err)
	child, err := strconv.Atoi(string(text))
	require.NoError(t, err)
	require.True(t, Alive(child))

	require.NoError(t, parent.Process.Kill())
	require.Error(t, parent.Wait())

	assert.Eventually(t, func() bool { return !Alive(child) }, 10*time.Second, 10*time.Millisecond,
		"the child %d outlived its parent", child)
}

func TestAnotherPortIsTriedWhenOneIsTaken(t *testing.T) {
	t.Parallel()
	var chosen [][]int
	start := func(ctx context.Context, ports []int) (*Process, error) {
		chosen = append(chosen, ports)
		script := "exec sleep 600"
		if len(chosen) == 1 {
			script = "echo listen tcp: bind: address already in use; exit 1"
		}
		p, err := Launch(Server("server", "/bin/sh", filepath.Join(t.TempDir(), "log"), []string{"-c", script}))
		if err != nil || len(chosen) > 1 {
			return p, err
		}
		<-p.Done
		return p, p.Await(ctx, func(context.Context) error { return errors.New("not ready") })
	}

	p, err := OnFreePorts(t.Context(), 2, start)

	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Stop()) })
	require.Len(t, chosen, 2)
	assert.NotEqual(t, chosen[0], chosen[1])
}

func TestPortThatNeverStaysFreeEndsTheAttempts(t *testing.T) {
	t.Parallel()
	attempts := 0
	_, err := OnFreePorts(t.Context(), 1, func(context.Context, []int) (*Process, error) {
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
	p, err := Launch(Server("env", "/usr/bin/env", log, nil))
	require.NoError(t, err)
	<-p.Done
	require.NoError(t, p.Err)
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	assert.Empty(t, string(text))
}

func TestAPausedProcessStandsStillAndStillStops(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ticks")
	script := "while :; do echo x >> " + file + "; sleep 0.01; done"
	p, err := Launch(Server("ticker", "/bin/sh", filepath.Join(t.TempDir(), "log"), []string{"-c", script}))
	require.NoError(t, err)
	ticks := func() int64 {
		info, err := os.Stat(file)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	grows := func() bool { before := ticks(); time.Sleep(100 * time.Millisecond); return ticks() > before }
	require.Eventually(t, grows, 10*time.Second, time.Millisecond)

	p.Pause()
	require.Eventually(t, func() bool { return !grows() }, 10*time.Second, time.Millisecond)
	p.Resume()
	require.Eventually(t, grows, 10*time.Second, time.Millisecond)
	p.Pause()
	assert.NoError(t, p.Stop())
}
