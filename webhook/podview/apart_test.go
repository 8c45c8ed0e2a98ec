package podview

import (
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Anything that reaches the port can send a review of 18 kB that the decoder
// needs 2 MiB of stack for, and keep the connection that has grown so.
func TestDeepReviewsLeaveNoStackBehind(t *testing.T) { //nolint:paralleltest // it measures the process
	const callers, levels = 50, 9000
	for name, level := range map[string][2]string{"lists": {"[", "]"}, "objects": {`{"a":`, "}"}} {
		body := []byte(`{"request":{"object":{"spec":{"containers":[{"env":` +
			strings.Repeat(level[0], levels) + "1" + strings.Repeat(level[1], levels) + `}]}}}}`)
		before := stacks()
		var decoded, ended sync.WaitGroup
		decoded.Add(callers)
		end := make(chan struct{})
		for range callers {
			ended.Go(func() {
				var r Review
				assert.NoError(t, r.Decode(body))
				decoded.Done()
				<-end // as a connection that is kept
			})
		}
		decoded.Wait()
		assert.Less(t, (stacks()-before)/callers, 256<<10, name)
		close(end)
		ended.Wait()
	}
}

func stacks() int {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.StackInuse)
}

func TestOnOwnStackIsLikeACall(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, onOwnStack(func() error { return errTooManyItems }), errTooManyItems)
	require.NoError(t, onOwnStack(func() error { return nil }))
	assert.PanicsWithValue(t, "no", func() { _ = onOwnStack(func() error { panic("no") }) })
}
