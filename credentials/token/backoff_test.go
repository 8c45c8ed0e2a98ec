package token

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestPauseByClassOfError(t *testing.T) {
	t.Parallel()
	const most = 0.999999999 // the largest random number, nearly
	for name, tc := range map[string]struct {
		err      error
		failures int
		life     time.Duration
		least    time.Duration
		most     time.Duration
	}{
		"denied, the first time":                  {ErrDenied, 1, time.Hour, 5 * time.Minute, 5 * time.Minute},
		"denied, wrapped":                         {fmt.Errorf("a: %w", ErrDenied), 9, 0, 5 * time.Minute, 5 * time.Minute},
		"not found":                               {ErrNotFound, 1, time.Hour, time.Minute, time.Minute},
		"bad request":                             {ErrBadRequest, 3, time.Hour, time.Minute, time.Minute},
		"clock skew":                              {ErrClockSkew, 1, time.Hour, time.Minute, time.Minute},
		"throttled, the first time":               {ErrThrottled, 1, time.Hour, minPause, 4 * time.Second},
		"throttled, the third time":               {ErrThrottled, 3, time.Hour, minPause, 16 * time.Second},
		"throttled for long":                      {ErrThrottled, 100, time.Hour, minPause, time.Minute},
		"anything else, the first time":           {errors.New("boom"), 1, time.Hour, minPause, time.Second},
		"anything else, the fourth time":          {errors.New("boom"), 4, time.Hour, minPause, 8 * time.Second},
		"anything else for long":                  {errors.New("boom"), 1 << 40, time.Hour, minPause, time.Minute},
		"before any token was seen":               {errors.New("boom"), 100, 0, minPause, time.Minute},
		"time-out":                                {context.DeadlineExceeded, 2, time.Hour, minPause, 2 * time.Second},
		"tokens of twenty seconds":                {errors.New("boom"), 100, 20 * time.Second, minPause, 2 * time.Second},
		"throttled, tokens of twenty seconds":     {ErrThrottled, 1, 20 * time.Second, minPause, 2 * time.Second},
		"tokens too short for any pause":          {errors.New("boom"), 3, time.Second, minPause, minPause},
		"unclear, taken for passing at first":     {ErrUnclear, 1, time.Hour, minPause, time.Second},
		"unclear, still taken for passing":        {ErrUnclear, patience, time.Hour, minPause, time.Minute},
		"unclear, no longer":                      {ErrUnclear, patience + 1, time.Hour, 5 * time.Minute, 5 * time.Minute},
		"of two classes, the one that will stay":  {errors.Join(ErrThrottled, ErrDenied), 1, time.Hour, 5 * time.Minute, 5 * time.Minute},
		"a token that came without any life left": {errors.New("boom"), 1, -time.Hour, minPause, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.least, pause(tc.err, tc.failures, tc.life, 0), "least")
			assert.InDelta(t, tc.most, pause(tc.err, tc.failures, tc.life, most), float64(time.Millisecond), "most")
		})
	}
}

// Whatever the life of the tokens, the time between the latest renewal and
// the end of use leaves room for three tries.
func TestPauseLeavesTimeForSeveralTries(t *testing.T) {
	t.Parallel()
	for _, life := range []time.Duration{20 * time.Second, time.Minute, 10 * time.Minute, time.Hour, 24 * time.Hour} {
		tok := lasting(life)
		end := tok.ExpiresAt.Add(-tok.Margin(skewMargin))
		left := end.Sub(tok.renewAt(1))
		longest := pause(errors.New("boom"), 100, life, 1)
		assert.GreaterOrEqual(t, left, 3*longest-time.Millisecond, "tokens of %s", life)
	}
}
