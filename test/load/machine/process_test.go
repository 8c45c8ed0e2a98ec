package machine

import (
	"io"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadingOfProc(t *testing.T) {
	t.Parallel()
	ns, err := onCPU([]byte("123456789 4321 17\n"), nil)
	require.NoError(t, err)
	assert.Equal(t, 123456789*time.Nanosecond, ns)
	_, err = onCPU([]byte("\n"), nil)
	assert.Error(t, err)
	_, err = onCPU(nil, io.EOF)
	assert.ErrorIs(t, err, io.EOF)

	mib, err := mebibytes("Name:\tbench\nVmHWM:\t   36864 kB\nVmRSS:\t 1 kB\n", "VmHWM:")
	require.NoError(t, err)
	assert.InDelta(t, 36, mib, 0)
	_, err = mebibytes("Name:\tbench\n", "VmHWM:")
	assert.Error(t, err)
}

func TestChildrenAreFoundByName(t *testing.T) {
	t.Parallel()
	child := exec.CommandContext(t.Context(), "sleep", "60")
	require.NoError(t, child.Start())
	defer func() {
		require.NoError(t, child.Process.Kill())
		_ = child.Wait() // killed
	}()
	found, err := ChildNamed("sleep")
	require.NoError(t, err)
	assert.Equal(t, PID(child.Process.Pid), found)
	spent, err := found.CPUTime()
	require.NoError(t, err)
	assert.Positive(t, spent)
	size, err := found.MaxRSS()
	require.NoError(t, err)
	assert.Positive(t, size)
	now, err := found.RSS()
	require.NoError(t, err)
	assert.LessOrEqual(t, now, size)
	anonymous, err := found.AnonRSS()
	require.NoError(t, err)
	file, err := found.FileRSS()
	require.NoError(t, err)
	assert.InDelta(t, now, anonymous+file, 1)

	_, err = ChildNamed("nobody")
	assert.Error(t, err)
}
