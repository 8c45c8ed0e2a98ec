package token

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// lasting is a token of the given life, issued at start.
func lasting(life time.Duration) Token {
	return Token{Username: "u", Password: "p", IssuedAt: start, ExpiresAt: start.Add(life)}
}

var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

func TestUsable(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		token Token
		after time.Duration
		want  bool
	}{
		"a token of an hour is usable at first":               {lasting(time.Hour), 0, true},
		"and until two minutes before its expiry":             {lasting(time.Hour), 58*time.Minute - 1, true},
		"but not from then on":                                {lasting(time.Hour), 58 * time.Minute, false},
		"a token of twenty seconds is usable for eighteen":    {lasting(20 * time.Second), 18*time.Second - 1, true},
		"and no longer":                                       {lasting(20 * time.Second), 18 * time.Second, false},
		"the zero token is not usable":                        {Token{}, 0, false},
		"a token that expired before its issue is not usable": {lasting(-time.Hour), 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, tc.token.Usable(start.Add(tc.after)))
		})
	}
}

func TestUsableGoesByTheWallClock(t *testing.T) {
	t.Parallel()
	now := time.Now()
	tok := Token{IssuedAt: now, ExpiresAt: now.Add(time.Hour)}.wallClock()

	// A machine that slept for an hour: the wall clock has moved on, the
	// monotonic reading of time.Now would not have.
	assert.Equal(t, now.Round(0), tok.IssuedAt, "a monotonic reading is left")
	assert.Equal(t, now.Add(time.Hour).Round(0), tok.ExpiresAt, "a monotonic reading is left")
	assert.False(t, tok.Usable(now.Round(0).Add(time.Hour)))
}

func TestMargin(t *testing.T) {
	t.Parallel()
	assert.Equal(t, 5*time.Minute, lasting(time.Hour).Margin(5*time.Minute))
	assert.Equal(t, 2*time.Second, lasting(20*time.Second).Margin(5*time.Minute))
}

func TestRenewAtIsBetweenFiftyAndSixtyPercent(t *testing.T) {
	t.Parallel()
	tok := lasting(time.Hour)
	assert.Equal(t, start.Add(30*time.Minute), tok.renewAt(0))
	assert.Equal(t, start.Add(33*time.Minute), tok.renewAt(0.5))
	assert.WithinDuration(t, start.Add(36*time.Minute), tok.renewAt(0.999999), time.Second)
}

func TestCheckFindsUselessTokens(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		token Token
		want  string
	}{
		"a good token":      {lasting(time.Hour), ""},
		"no username":       {Token{Password: "p", IssuedAt: start, ExpiresAt: start.Add(time.Hour)}, "no username"},
		"no password":       {Token{Username: "u", IssuedAt: start, ExpiresAt: start.Add(time.Hour)}, "no password"},
		"expired at issue":  {lasting(-time.Second), "expired before it was issued"},
		"no time at all":    {Token{Username: "u", Password: "p"}, "expired before it was issued"},
		"expired since":     {Token{Username: "u", Password: "p", IssuedAt: start.Add(-2 * time.Hour), ExpiresAt: start.Add(-time.Hour)}, "expired already"},
		"within its margin": {Token{Username: "u", Password: "p", IssuedAt: start.Add(-time.Hour), ExpiresAt: start.Add(time.Minute)}, "expired already"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tc.token.check(start)
			if tc.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, tc.want)
		})
	}
}
