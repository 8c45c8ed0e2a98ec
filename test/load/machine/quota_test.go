package machine

import (
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAProcessIsHeldToItsCPU(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("cgroups take root")
	}
	busy := exec.CommandContext(t.Context(), "sh", "-c", "while :; do :; done")
	busy.Stdout = io.Discard
	require.NoError(t, busy.Start())
	p := PID(busy.Process.Pid)
	release, err := p.HoldCPU(0.1)
	if err != nil {
		require.NoError(t, busy.Process.Kill())
		_ = busy.Wait()
		t.Skip(err)
	}
	before, err := p.CPUTime()
	require.NoError(t, err)
	begun := time.Now()
	time.Sleep(time.Second)
	after, err := p.CPUTime()
	require.NoError(t, err)
	share := (after - before).Seconds() / time.Since(begun).Seconds()
	assert.Less(t, share, 0.3)
	require.NoError(t, busy.Process.Kill())
	_ = busy.Wait()
	assert.NoError(t, release(), "of a process that has ended")
}
