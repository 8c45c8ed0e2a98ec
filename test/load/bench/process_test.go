package main

import (
	"io"
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

	mib, err := highWater("Name:\tbench\nVmHWM:\t   36864 kB\nVmRSS:\t 1 kB\n")
	require.NoError(t, err)
	assert.InDelta(t, 36, mib, 0)
	_, err = highWater("Name:\tbench\n")
	assert.Error(t, err)
}
