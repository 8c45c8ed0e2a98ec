package credentials

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// twoMinutes is how far clocks may be apart, of the hour that a token lives.
const twoMinutes = 2 * time.Minute

// The clock that is off is the cloud's, which signs tokens and judges them at
// each pull; ours and the API server's are the machine's.
func TestClocksTwoMinutesApart(t *testing.T) {
	t.Parallel()
	for name, offset := range map[string]time.Duration{"ahead": twoMinutes, "behind": -twoMinutes} {
		t.Run("the cloud's clock is "+name+", tokens of an hour", func(t *testing.T) {
			t.Parallel()
			b := startAt(t, setup{life: time.Hour, namespaces: 20}, usual(), offset)
			b.settle(t)
			writes := b.ledger.Writes()
			pass(t, 20*time.Second)
			assert.Len(t, b.issued(stack.InstanceID), 1)
			assert.Equal(t, writes, b.ledger.Writes(), "nothing was due")
		})
		t.Run("the cloud's clock is "+name+" by as much of a life, for two lives", func(t *testing.T) {
			t.Parallel()
			b := startAt(t, setup{life: life, namespaces: 20}, usual(), time.Duration(float64(offset)*float64(life)/float64(time.Hour)))
			b.settle(t)
			b.pass(t, 2)
			require.True(t, b.fresh(b.clock.now()))
		})
	}
}

// Signatures are valid for five minutes. Beyond that nothing can be issued, and
// what is wrong must be said; it mends itself when the clock is set.
func TestAClockThatIsTooFarOffIsNamed(t *testing.T) {
	t.Parallel()
	b := startAt(t, setup{life: time.Hour}, usual(), 10*time.Minute)
	said := func(what string) bool {
		for _, r := range b.Servers {
			if log, err := r.Log(); err == nil && strings.Contains(log, what) {
				return true
			}
		}
		return false
	}
	b.await(t, "the log to name the clocks", 20*time.Second, func() bool { return said("clocks differ") })
	b.clock.offset.Store(0)
	b.names = []string{"shop"}
	require.NoError(t, b.firstPod(t.Context(), "shop"))
	b.await(t, "a Secret, once the clock is set", 90*time.Second, func() bool { _, err := b.ledger.Last("shop"); return err == nil })
}
