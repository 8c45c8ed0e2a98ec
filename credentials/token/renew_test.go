package token_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
	"github.com/tcr-webhook/tcr-webhook/credentials/token/tokentest"
)

func TestStartFetchesWhatIsWantedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		script := tokentest.NewScript(time.Hour)
		cache := started(t, script, token.Options{}, demo)
		time.Sleep(101 * time.Millisecond) // the script takes a tenth of a second
		_, ok := cache.Peek(demo)
		assert.True(t, ok, "wanted before Start")

		cache.Want(demo, other)
		time.Sleep(101 * time.Millisecond)
		_, ok = cache.Peek(other)
		assert.True(t, ok, "wanted while running")
		assert.Len(t, script.Calls(demo), 1)
	})
}

func TestRenewalFallsWithinFiftyAndSixtyPercentOfTheLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		script := tokentest.NewScript(time.Hour)
		started(t, script, token.Options{}, demo)
		time.Sleep(24 * time.Hour)

		calls := script.Calls(demo)
		assert.GreaterOrEqual(t, len(calls), 40)
		least, most := time.Hour, time.Duration(0)
		for i := 1; i < len(calls); i++ {
			between := calls[i].At.Sub(calls[i-1].At)
			assert.GreaterOrEqual(t, between, 30*time.Minute)
			assert.LessOrEqual(t, between, 36*time.Minute)
			least, most = min(least, between), max(most, between)
		}
		assert.Greater(t, most-least, time.Minute, "renewals are not spread")
	})
}

func TestTokensOfTwentySecondsAreAlwaysUsable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		script := tokentest.NewScript(20 * time.Second)
		cache := started(t, script, token.Options{}, demo)
		time.Sleep(time.Second)
		for range 2 * 60 * 100 {
			tok, ok := cache.Peek(demo)
			require.True(t, ok)
			require.Greater(t, time.Until(tok.ExpiresAt), 2*time.Second)
			time.Sleep(10 * time.Millisecond)
		}
		assert.InDelta(t, 120/11, len(script.Calls(demo)), 3)
	})
}

// One failed try, hung or refused, must not cost even a short token its use.
func TestTokensOfTwentySecondsSurviveAFailedRenewal(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*tokentest.Script){
		"failing": func(s *tokentest.Script) { s.Fail(demo, errBoom) },
		"hung":    func(s *tokentest.Script) { s.Hang(demo) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				script := tokentest.NewScript(20 * time.Second)
				cache := started(t, script, token.Options{}, demo)
				time.Sleep(time.Second)
				for range 20 {
					fault(script)
					renewed := len(script.Calls(demo))
					for len(script.Calls(demo)) == renewed {
						time.Sleep(10 * time.Millisecond)
					}
					script.Heal(demo) // a call that hangs goes on hanging
					for range 500 {
						_, ok := cache.Peek(demo)
						require.True(t, ok)
						time.Sleep(10 * time.Millisecond)
					}
				}
			})
		})
	}
}

func TestAllCallsTogetherKeepToFiveASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		keys := make([]registry.Key, 100)
		for i := range keys {
			keys[i] = registry.Key{ID: registry.ID(fmt.Sprintf("tcr-%08d", i))}
		}
		script := tokentest.NewScript(time.Hour)
		cache := started(t, script, token.Options{}, keys...)
		time.Sleep(25 * time.Second)

		calls := script.Calls(registry.Key{})
		require.Len(t, calls, len(keys))
		for i := 10; i < len(calls); i++ {
			// A burst of five, and five more in the second after it.
			assert.GreaterOrEqual(t, calls[i].At.Sub(calls[i-10].At), time.Second-time.Millisecond)
		}
		for _, key := range keys {
			_, ok := cache.Peek(key)
			assert.True(t, ok, "%s waited for its turn in vain: %v", key, cache.Err(key))
		}
	})
}

func TestWantDropsWhatIsNoLongerWanted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		script := tokentest.NewScript(time.Hour)
		cache := started(t, script, token.Options{}, demo, other)
		time.Sleep(time.Second)
		script.Fail(demo, errBoom)
		time.Sleep(40 * time.Minute)
		require.Error(t, cache.Err(demo))

		cache.Want(other)
		_, ok := cache.Peek(demo)
		assert.False(t, ok)
		assert.Equal(t, token.Status{}, cache.Status(demo))
		_, ok = cache.Peek(other)
		assert.True(t, ok)

		calls := len(script.Calls(demo))
		time.Sleep(3 * time.Hour)
		assert.Len(t, script.Calls(demo), calls, "renewed after it was dropped")
		assert.Greater(t, len(script.Calls(other)), 4)
	})
}

func TestAFetchOfADroppedIDIsNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		script := tokentest.NewScript(time.Hour)
		var changed []registry.Key
		cache := started(t, script, token.Options{OnChange: func(key registry.Key) { changed = append(changed, key) }}, demo)
		time.Sleep(50 * time.Millisecond) // halfway through the first fetch
		cache.Want()
		time.Sleep(10 * time.Millisecond)
		cache.Want(demo)
		time.Sleep(45 * time.Millisecond)
		_, ok := cache.Peek(demo)
		assert.False(t, ok, "the token of a dropped key came back")
		time.Sleep(time.Second)
		tok, ok := cache.Peek(demo)
		assert.True(t, ok)
		assert.Equal(t, "password-2", tok.Password.Reveal())
		synctest.Wait() // for changed to be ours to read
		assert.Equal(t, []registry.Key{demo}, changed)
	})
}

func TestStartEndsWithItsContextAndItsCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended := false
		cache := token.New(issuerFunc(func(ctx context.Context, _ registry.Key) (token.Token, error) {
			<-ctx.Done()
			time.Sleep(100 * time.Millisecond) // to clear up
			ended = true
			return token.Token{}, ctx.Err()
		}), token.Options{})
		cache.Want(demo)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- cache.Start(ctx) }()
		time.Sleep(time.Second)

		cancel()
		cancelled := time.Now()
		require.NoError(t, <-done)
		assert.True(t, ended, "Start left a call behind")
		assert.Equal(t, 100*time.Millisecond, time.Since(cancelled), "the call was not cancelled")
		assert.NoError(t, cache.Err(demo), "our own end is no failure of the API")
		// The bubble fails if a goroutine is left.
	})
}

func TestRenewalFailuresAreLoggedWithoutSecrets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := logr.FromSlogHandler(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		ctx, cancel := context.WithCancel(logr.NewContext(t.Context(), log))
		script := tokentest.NewScript(time.Hour)
		cache := token.New(script, token.Options{})
		cache.Want(demo)
		done := make(chan error)
		go func() { done <- cache.Start(ctx) }()
		time.Sleep(time.Second)
		script.Fail(demo, token.ErrDenied)
		time.Sleep(40 * time.Minute)
		cancel()
		require.NoError(t, <-done)

		assert.Contains(t, out.String(), `"msg":"renewed token"`)
		assert.Contains(t, out.String(), `"msg":"could not renew token"`)
		assert.Contains(t, out.String(), "issue token for tcr-m3ut3qxx: script for tcr-m3ut3qxx: access denied")
		assert.NotContains(t, out.String(), "password-")
	})
}
