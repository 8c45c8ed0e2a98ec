package tcr

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// scripted is a source that does as it is told.
type scripted struct {
	calls  atomic.Int32
	obtain func(ctx context.Context, n int) (temporary, error)
}

func (*scripted) String() string { return "Scripted" }
func (*scripted) check() error   { return nil }

func sessionOf(obtain func(ctx context.Context, n int) (temporary, error)) (*session, *scripted) {
	s := &scripted{obtain: obtain}
	return newSession(sourceFunc{s}), s
}

// sourceFunc is scripted as a source.
type sourceFunc struct{ *scripted }

func (s sourceFunc) obtain(ctx context.Context) (temporary, error) {
	return s.scripted.obtain(ctx, int(s.calls.Add(1)))
}

// lasting are the nth credentials, good for life from now.
func lasting(n int, life time.Duration) temporary {
	now := time.Now().Round(0)
	id := token.Secret(fmt.Sprintf("id-%d", n))
	return temporary{Credentials{SecretID: id, SecretKey: "key", SessionToken: "session"}, now, now.Add(life)}
}

func TestASessionIsKeptUntilShortlyBeforeItsEnd(t *testing.T) {
	t.Parallel()
	for life, fresh := range map[time.Duration]time.Duration{
		2 * time.Hour:    115 * time.Minute, // five minutes before
		10 * time.Minute: 9 * time.Minute,   // a tenth before
		20 * time.Second: 18 * time.Second,
	} {
		t.Run(life.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, source := sessionOf(func(_ context.Context, n int) (temporary, error) { return lasting(n, life), nil })
				for range 3 {
					creds, err := s.Credentials(t.Context())
					require.NoError(t, err)
					assert.Equal(t, token.Secret("id-1"), creds.SecretID)
				}
				time.Sleep(fresh - time.Nanosecond)
				creds, err := s.Credentials(t.Context())
				require.NoError(t, err)
				assert.Equal(t, token.Secret("id-1"), creds.SecretID)
				time.Sleep(time.Nanosecond)
				creds, err = s.Credentials(t.Context())
				require.NoError(t, err)
				assert.Equal(t, token.Secret("id-2"), creds.SecretID)
				assert.EqualValues(t, 2, source.calls.Load())
			})
		})
	}
}

func TestManyCallersShareOneCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, source := sessionOf(func(_ context.Context, n int) (temporary, error) {
			time.Sleep(time.Second)
			return lasting(n, time.Hour), nil
		})
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				creds, err := s.Credentials(t.Context())
				assert.NoError(t, err)
				assert.Equal(t, token.Secret("id-1"), creds.SecretID)
			})
		}
		all.Wait()
		assert.EqualValues(t, 1, source.calls.Load())
	})
}

// While STS is away the credentials are used as long as they work, and not a
// moment longer.
func TestNoCredentialsAreUsedAfterTheirEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("STS is down")
		s, source := sessionOf(func(_ context.Context, n int) (temporary, error) {
			if n > 1 {
				return temporary{}, down
			}
			return lasting(n, 2*time.Hour), nil
		})
		begun := time.Now()
		for time.Since(begun) < 3*time.Hour {
			creds, err := s.Credentials(t.Context())
			if time.Since(begun) < 2*time.Hour-skewMargin {
				require.NoError(t, err)
				require.Equal(t, token.Secret("id-1"), creds.SecretID)
			} else {
				require.ErrorIs(t, err, down)
				require.Zero(t, creds)
			}
			time.Sleep(time.Second)
		}
		calls := source.calls.Load()
		assert.Less(t, calls, int32(3900/5), "one in five seconds, were the pauses fair dice")
		assert.Greater(t, calls, int32(3900/30))
	})
}

func TestAfterAFailureThereIsAPause(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err          error
		fewest, most int32 // calls in an hour in which everybody asks all the time
	}{
		"denied":         {fmt.Errorf("role x: %w", token.ErrDenied), 59, 61},
		"not accepted":   {token.ErrBadRequest, 59, 61},
		"clocks apart":   {token.ErrClockSkew, 59, 61},
		"down":           {errors.New("down"), 300, 800},
		"throttled":      {token.ErrThrottled, 300, 800},
		"perhaps denied": {token.ErrUnclear, 300, 800},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, source := sessionOf(func(context.Context, int) (temporary, error) { return temporary{}, tt.err })
				for begun := time.Now(); time.Since(begun) < time.Hour; time.Sleep(100 * time.Millisecond) {
					_, err := s.Credentials(t.Context())
					require.ErrorIs(t, err, tt.err)
				}
				assert.GreaterOrEqual(t, source.calls.Load(), tt.fewest)
				assert.LessOrEqual(t, source.calls.Load(), tt.most)

				before := source.calls.Load()
				_, _ = s.Credentials(t.Context())
				s.retry()
				_, err := s.Credentials(t.Context())
				require.ErrorIs(t, err, tt.err)
				assert.Greater(t, source.calls.Load(), before)
			})
		})
	}
}

func TestASuccessEndsThePauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := sessionOf(func(_ context.Context, n int) (temporary, error) {
			if n < 8 {
				return temporary{}, errors.New("down")
			}
			return lasting(n, time.Hour), nil
		})
		begun := time.Now()
		for {
			if _, err := s.Credentials(t.Context()); err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		assert.Less(t, time.Since(begun), 2*time.Minute)
		s.mu.Lock()
		defer s.mu.Unlock()
		assert.Zero(t, s.failures)
		assert.NoError(t, s.err)
	})
}

func TestASourceThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, source := sessionOf(func(ctx context.Context, _ int) (temporary, error) {
			<-ctx.Done()
			return temporary{}, ctx.Err()
		})
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.Credentials(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.EqualError(t, err, "wait to be Scripted: context deadline exceeded")
		assert.Equal(t, time.Second, time.Since(begun))

		_, err = s.Credentials(t.Context())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, sessionTimeout, time.Since(begun), "the call under way was joined")
		assert.EqualValues(t, 1, source.calls.Load())
	})
}

func TestTheCallOfSomebodyWhoLeftIsOfUse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, source := sessionOf(func(_ context.Context, n int) (temporary, error) {
			time.Sleep(3 * time.Second)
			return lasting(n, time.Hour), nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.Credentials(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(3 * time.Second)
		creds, err := s.Credentials(t.Context())
		require.NoError(t, err)
		assert.Equal(t, token.Secret("id-1"), creds.SecretID)
		assert.EqualValues(t, 1, source.calls.Load())
	})
}

func TestWhatIsRefusedIsMadeAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, source := sessionOf(func(_ context.Context, n int) (temporary, error) { return lasting(n, time.Hour), nil })
		first, err := s.Credentials(t.Context())
		require.NoError(t, err)
		s.Refused(first)
		second, err := s.Credentials(t.Context())
		require.NoError(t, err)
		assert.NotEqual(t, first, second)
		s.Refused(first) // by a call that took its time
		third, err := s.Credentials(t.Context())
		require.NoError(t, err)
		assert.Equal(t, second, third)
		assert.EqualValues(t, 2, source.calls.Load())
	})
}

func TestCredentialsThatCannotWorkAreAnError(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*temporary)
		want   string
	}{
		"no id":               {func(c *temporary) { c.SecretID = "" }, "lacks a part of the credentials"},
		"no key":              {func(c *temporary) { c.SecretKey = "" }, "lacks a part of the credentials"},
		"no session token":    {func(c *temporary) { c.SessionToken = "" }, "lacks a part of the credentials"},
		"a line break":        {func(c *temporary) { c.SessionToken = marker + "\r\nX-Other: 1" }, "fit for no header"},
		"a book for a token":  {func(c *temporary) { c.SessionToken = token.Secret(strings.Repeat("x", 5000)) }, "fit for no header"},
		"ended":               {func(c *temporary) { c.expires = c.asked }, "has credentials that expire at"},
		"ended long ago":      {func(c *temporary) { c.expires = time.Unix(0, 0) }, "has credentials that expire at 1970-01-01T00:00:00Z; our clock says"},
		"milliseconds":        {func(c *temporary) { c.expires = time.Unix(c.expires.UnixMilli(), 0) }, "and sessions live hours; our clock says"},
		"good ones otherwise": {func(*temporary) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, _ := sessionOf(func(_ context.Context, n int) (temporary, error) {
					made := lasting(n, time.Hour)
					tt.change(&made)
					return made, nil
				})
				creds, err := s.Credentials(t.Context())
				if tt.want == "" {
					require.NoError(t, err)
					return
				}
				require.Error(t, err)
				assert.Regexp(t, tt.want, err.Error())
				assert.NotContains(t, err.Error(), "MARKER")
				assert.Zero(t, creds)
			})
		})
	}
}

func TestThePauseOfASessionIsBounded(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	for _, random := range []float64{0, 0.5, 0.999} {
		for failures := range 100 {
			got := sessionPause(down, failures+1, 2*time.Hour, random)
			assert.GreaterOrEqual(t, got, shortestPause)
			assert.LessOrEqual(t, got, longestPause)
			assert.LessOrEqual(t, sessionPause(down, failures+1, 20*time.Second, random), 2*time.Second, "tries enough before a short session ends")
		}
	}
	assert.Equal(t, shortestPause, sessionPause(down, 1, 0, 0))
	assert.Greater(t, sessionPause(token.ErrThrottled, 1, 0, 0.9), sessionPause(down, 1, 0, 0.9))
	assert.Equal(t, refusedSession, sessionPause(token.ErrDenied, 1, time.Second, 0.9))
}
