package token

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

var demo = registry.Key{ID: "tcr-m3ut3qxx"}

func TestDueTakesEachRecordOnceAndSleepsNoLongerThanAMinute(t *testing.T) {
	t.Parallel()
	missing, soon, late := &record{wanted: true}, &record{wanted: true}, &record{wanted: true}
	soon.renewAt, late.renewAt = start.Add(20*time.Second), start.Add(time.Hour)
	failed := &record{wanted: true, notUntil: start.Add(10 * time.Second)}
	c := New(nil, Options{})
	c.records = map[registry.Key]*record{
		{ID: "missing"}: missing, {ID: "soon"}: soon, {ID: "late"}: late, {ID: "failed"}: failed, {ID: "not wanted"}: {},
	}

	due, wait := c.due(start)
	assert.Equal(t, map[registry.Key]*record{{ID: "missing"}: missing}, due)
	assert.Equal(t, 10*time.Second, wait)

	due, wait = c.due(start.Add(10 * time.Second))
	assert.Equal(t, map[registry.Key]*record{{ID: "failed"}: failed}, due)
	assert.Equal(t, 10*time.Second, wait)

	due, wait = c.due(start.Add(25 * time.Second))
	assert.Equal(t, map[registry.Key]*record{{ID: "soon"}: soon}, due)
	assert.Equal(t, time.Minute, wait, "an hour to go, but the wall clock may jump")
}

// While a machine is suspended timers stand still and the wall clock does
// not: here the clock is left alone and the token made older instead.
func TestStartNoticesASuspendedMachineWithinAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := New(issuerFunc(func(context.Context, registry.Key) (Token, error) {
			calls++
			now := time.Now()
			return Token{Username: "u", Password: "p", IssuedAt: now, ExpiresAt: now.Add(time.Hour)}, nil
		}), Options{})
		c.Want(demo)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.Start(ctx) }()
		synctest.Wait()
		require.Equal(t, 1, calls)

		c.mu.Lock()
		c.records[demo].renewAt = time.Now().Add(-time.Hour).Round(0)
		c.mu.Unlock()
		time.Sleep(61 * time.Second)
		synctest.Wait() // for calls to be ours to read
		assert.Equal(t, 2, calls)

		cancel()
		require.NoError(t, <-done)
	})
}

// A clock that runs a day ahead and is then set right must not hold up
// renewals for a day: the pause after a failure goes by the monotonic clock.
func TestPauseIsNotStretchedByTheWallClock(t *testing.T) {
	t.Parallel()
	now := time.Now()
	rec := &record{}
	rec.fail(ErrClockSkew, now.Add(time.Minute))
	assert.NotEqual(t, rec.notUntil, rec.notUntil.Round(0), "no monotonic reading")
	assert.ErrorIs(t, rec.pausing(now), ErrClockSkew)
	assert.NoError(t, rec.pausing(now.Add(time.Minute)))
	assert.Equal(t, time.Minute, rec.dueIn(now))
}

// A caller can look at the cache, be stopped, and go on when another's fetch
// is over: that one's outcome is good enough.
func TestAFetchThatComesLateTakesTheOutcomeOfTheLast(t *testing.T) {
	t.Parallel()
	calls, fail := 0, error(nil)
	c := New(issuerFunc(func(context.Context, registry.Key) (Token, error) {
		calls++
		now := time.Now()
		return Token{Username: "u", Password: "p", IssuedAt: now, ExpiresAt: now.Add(time.Hour)}, fail
	}), Options{})
	late := c.recordOf(demo)
	want, err := c.Get(t.Context(), demo)
	require.NoError(t, err)
	r := <-c.fetch(t.Context(), demo, late)
	assert.Equal(t, want, r.Val)
	assert.Equal(t, 1, calls)

	fail = ErrDenied
	late = c.recordOf(registry.Key{ID: "tcr-k2a9bbqq"})
	_, err = c.Get(t.Context(), registry.Key{ID: "tcr-k2a9bbqq"})
	require.ErrorIs(t, err, ErrDenied)
	r = <-c.fetch(t.Context(), registry.Key{ID: "tcr-k2a9bbqq"}, late)
	assert.Equal(t, err, r.Err)
	assert.Equal(t, 2, calls)
}

type issuerFunc func(context.Context, registry.Key) (Token, error)

func (f issuerFunc) Issue(ctx context.Context, key registry.Key) (Token, error) { return f(ctx, key) }
