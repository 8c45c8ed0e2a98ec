package schedule

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAStormIsAPureFunctionOfItsSeedAndLength(t *testing.T) {
	t.Parallel()
	for _, pace := range []Pace{Storm(), Soak()} {
		one := New(7, 2*time.Minute, pace)
		assert.Equal(t, one, New(7, 2*time.Minute, pace))
		assert.NotEqual(t, one.Events, New(8, 2*time.Minute, pace).Events)
		assert.NotEqual(t, one.Events, New(7, 3*time.Minute, pace).Events)
	}
}

func TestTwentySeedsHaveEveryKind(t *testing.T) {
	t.Parallel()
	seen := map[Kind]int{}
	for seed := range uint64(20) {
		for _, e := range New(seed+1, 2*time.Minute, Storm()).Events {
			seen[e.Kind]++
		}
	}
	for _, trait := range Traits() {
		assert.GreaterOrEqual(t, seen[trait.Kind], 3, "%s", trait.Kind)
	}
	assert.Len(t, seen, len(Traits()), "a kind that has no trait")
}

func TestEveryStorm(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		const length = 2 * time.Minute
		p := New(seed, length, Storm())
		require.GreaterOrEqual(t, len(p.Events), 25, "seed %d", seed)
		for i, e := range p.Events {
			assert.LessOrEqual(t, e.End(), length, "seed %d: %s", seed, e)
			assert.True(t, e.Last >= e.Least && e.Last <= e.Most, "seed %d: %s", seed, e)
			for _, later := range p.Events[i+1:] {
				assert.GreaterOrEqual(t, later.At, e.At, "seed %d: the order", seed)
				if later.Slot == e.Slot {
					assert.GreaterOrEqual(t, later.At, e.End(), "seed %d: %s while %s", seed, later, e)
				}
			}
		}
	}
}

func TestASoakHasCalms(t *testing.T) {
	t.Parallel()
	pace := Soak()
	p := New(3, 30*time.Minute, pace)
	require.Greater(t, len(p.Events), 60)
	for _, e := range p.Events {
		assert.LessOrEqual(t, e.At%pace.CalmEvery, pace.CalmEvery-pace.Calm+100*time.Millisecond, "%s", e)
	}
}

func TestAnEventIsALine(t *testing.T) {
	t.Parallel()
	e := Event{Trait: Trait{Kind: STSDown}, At: 1500 * time.Millisecond, Last: 3 * time.Second}
	assert.Equal(t, "   1.5s  STS is down, for 3.0s", e.String())
	e.Last = 0
	assert.Equal(t, "   1.5s  STS is down", e.String())
}
