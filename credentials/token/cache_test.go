package token_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
	"github.com/tcr-webhook/tcr-webhook/credentials/token/tokentest"
)

var (
	demo  = registry.Key{ID: "tcr-m3ut3qxx"}
	other = registry.Key{ID: "tcr-k2a9bbqq", Account: "b"}
)

var errBoom = errors.New("boom")

func TestScriptConforms(t *testing.T) {
	t.Parallel()
	script := tokentest.NewScript(time.Hour)
	script.Fail(other, token.ErrNotFound)
	tokentest.Conformance(t, script, demo, other)
}

func TestGetFetchesOnceAndThenReadsMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		script := tokentest.NewScript(time.Hour)
		cache := token.New(script, token.Options{})

		_, ok := cache.Peek(demo)
		assert.False(t, ok, "a token from nowhere")
		first, err := cache.Get(t.Context(), demo)
		require.NoError(t, err)
		again, err := cache.Get(t.Context(), demo)
		require.NoError(t, err)
		peeked, ok := cache.Peek(demo)

		assert.True(t, ok)
		assert.Equal(t, first, again)
		assert.Equal(t, first, peeked)
		assert.Len(t, script.Calls(registry.Key{}), 1)
	})
}

func TestConcurrentGetsShareOneFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		script := tokentest.NewScript(time.Hour)
		cache := token.New(script, token.Options{})
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				_, err := cache.Get(t.Context(), demo)
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		assert.Len(t, script.Calls(demo), 1)
	})
}

func TestTimesOfATokenCarryNoMonotonicReading(t *testing.T) {
	t.Parallel()
	now := time.Now()
	require.NotEqual(t, now, now.Round(0))
	cache := token.New(issuerFunc(func(context.Context, registry.Key) (token.Token, error) {
		return token.Token{Username: "u", Password: "p", IssuedAt: now, ExpiresAt: now.Add(time.Hour)}, nil
	}), token.Options{})
	got, err := cache.Get(t.Context(), demo)
	require.NoError(t, err)
	assert.Equal(t, token.Token{Username: "u", Password: "p", IssuedAt: now.Round(0), ExpiresAt: now.Round(0).Add(time.Hour)}, got)
	peeked, _ := cache.Peek(demo)
	assert.Equal(t, got, peeked)
}

func TestACallerGivingUpDoesNotFailTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cache := token.New(tokentest.NewScript(time.Hour), token.Options{})
		ctx, cancel := context.WithCancelCause(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { // the one that starts the fetch
			_, err := cache.Get(ctx, demo)
			assert.ErrorIs(t, err, errBoom)
		})
		synctest.Wait()
		wg.Go(func() {
			_, err := cache.Get(t.Context(), demo)
			assert.NoError(t, err)
		})
		synctest.Wait()
		cancel(errBoom)
		wg.Wait()
	})
}

func TestOldTokenIsServedWhileTheAPIFailsAndDroppedWhenItExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		script := tokentest.NewScript(time.Hour)
		cache := started(t, script, token.Options{}, demo)
		synctest.Wait()
		time.Sleep(time.Second)
		old, ok := cache.Peek(demo)
		require.True(t, ok)

		script.Fail(demo, errBoom)
		sleepUntil(old.ExpiresAt.Add(-2*time.Minute - time.Second))
		got, err := cache.Get(t.Context(), demo)
		require.NoError(t, err)
		assert.Equal(t, old, got)
		assert.ErrorIs(t, cache.Err(demo), errBoom, "the failure is not reported while the old token lasts")

		sleepUntil(old.ExpiresAt.Add(-2 * time.Minute))
		_, ok = cache.Peek(demo)
		assert.False(t, ok, "a token within two minutes of its expiry")
		_, err = cache.Get(t.Context(), demo)
		assert.ErrorIs(t, err, errBoom)

		script.Heal(demo)
		time.Sleep(2 * time.Minute)
		_, ok = cache.Peek(demo)
		assert.True(t, ok, "no new token two minutes after the API came back")
		assert.NoError(t, cache.Err(demo))
	})
}

func TestAHungCallDelaysNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		script := tokentest.NewScript(time.Hour)
		cache := started(t, script, token.Options{}, demo, other)
		time.Sleep(time.Second)
		script.Hang(demo)
		sleepUntil(time.Now().Add(40 * time.Minute)) // well into the hanging renewal of demo

		asked := time.Now()
		_, ok := cache.Peek(demo)
		assert.True(t, ok, "Peek while a renewal hangs")
		_, err := cache.Get(t.Context(), demo)
		assert.NoError(t, err, "Get while a renewal hangs")
		_, err = cache.Get(t.Context(), other)
		assert.NoError(t, err, "Get of another key while a renewal hangs")
		assert.Zero(t, time.Since(asked))
		assert.GreaterOrEqual(t, len(script.Calls(other)), 2, "the other key was not renewed")
	})
}

func TestAHungFirstCallEndsAfterTenSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		script := tokentest.NewScript(time.Hour)
		script.Hang(demo)
		cache := token.New(script, token.Options{})
		asked := time.Now()
		_, err := cache.Get(t.Context(), demo)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 10*time.Second, time.Since(asked))
	})
}

func TestCallersWithinThePauseGetTheLastErrorAtOnce(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err   error
		pause time.Duration
	}{
		"denied":       {token.ErrDenied, 5 * time.Minute},
		"not found":    {token.ErrNotFound, time.Minute},
		"bad request":  {token.ErrBadRequest, time.Minute},
		"clocks apart": {token.ErrClockSkew, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				script := tokentest.NewScript(time.Hour)
				script.Fail(demo, tc.err)
				cache := token.New(script, token.Options{})
				_, err := cache.Get(t.Context(), demo)
				require.ErrorIs(t, err, tc.err)
				failed := time.Now()
				assert.Equal(t, failed.Add(tc.pause).Round(0), cache.Status(demo).NextTry)

				time.Sleep(tc.pause - time.Nanosecond)
				_, again := cache.Get(t.Context(), demo)
				assert.Equal(t, err, again)
				assert.Len(t, script.Calls(demo), 1, "the API was asked within the pause")

				time.Sleep(time.Nanosecond)
				script.Heal(demo)
				_, err = cache.Get(t.Context(), demo)
				assert.NoError(t, err, "the pause outlived its time")
				assert.Equal(t, token.Status{}, cache.Status(demo))
			})
		})
	}
}

func TestForgetEndsThePause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		script := tokentest.NewScript(time.Hour)
		script.Fail(demo, token.ErrDenied)
		cache := started(t, script, token.Options{}, demo)
		time.Sleep(time.Second)
		require.ErrorIs(t, cache.Err(demo), token.ErrDenied)

		script.Heal(demo)
		cache.Forget(demo)
		time.Sleep(time.Second)
		_, ok := cache.Peek(demo)
		assert.True(t, ok, "not asked again after Forget")
		cache.Forget(other) // of which nothing is known
	})
}

func TestManyCallersDoNotHammerAFailingAPI(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		script := tokentest.NewScript(time.Hour)
		script.Fail(demo, errBoom)
		cache := started(t, script, token.Options{}, demo)
		for range 10 * 60 * 100 { // ten minutes of a hundred calls a second
			_, err := cache.Get(t.Context(), demo)
			require.ErrorIs(t, err, errBoom)
			time.Sleep(10 * time.Millisecond)
		}
		calls := script.Calls(demo)
		// Every pause is at most a minute, and half of it on the average.
		assert.GreaterOrEqual(t, len(calls), 10)
		assert.LessOrEqual(t, len(calls), 80)
		for i := 1; i < len(calls); i++ {
			assert.GreaterOrEqual(t, calls[i].At.Sub(calls[i-1].At), 200*time.Millisecond, "pause %d", i)
		}
	})
}

func TestAnIssuerThatGivesUselessTokensIsAFailingOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cache := token.New(tokentest.NewScript(-time.Minute), token.Options{})
		_, err := cache.Get(t.Context(), demo)
		require.ErrorContains(t, err, "issue token for tcr-m3ut3qxx: the token expired before it was issued")
		assert.Equal(t, err, cache.Err(demo))
	})
}

func TestOnChangeComesAfterTheToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		script := tokentest.NewScript(time.Hour)
		var cache *token.Cache
		var told []string
		cache = token.New(script, token.Options{OnChange: func(key registry.Key) {
			tok, ok := cache.Peek(key) // the lock must be free as well
			cache.Forget(key)
			told = append(told, fmt.Sprint(key, tok.Password.Reveal(), ok))
		}})
		_, err := cache.Get(t.Context(), demo)
		require.NoError(t, err)
		script.Fail(other, errBoom)
		_, err = cache.Get(t.Context(), other)
		require.Error(t, err)
		assert.Equal(t, []string{fmt.Sprint(demo, "password-1", true)}, told)
	})
}

// issuerFunc is an Issuer of one line.
type issuerFunc func(context.Context, registry.Key) (token.Token, error)

func (f issuerFunc) Issue(ctx context.Context, key registry.Key) (token.Token, error) {
	return f(ctx, key)
}

// started is a cache that runs until the test ends.
func started(t *testing.T, issuer token.Issuer, opts token.Options, wanted ...registry.Key) *token.Cache {
	t.Helper()
	cache := token.New(issuer, opts)
	cache.Want(wanted...)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- cache.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-done)
	})
	return cache
}

func sleepUntil(at time.Time) { time.Sleep(time.Until(at)) }
