package token

import (
	"errors"
	"time"
)

// An Issuer wraps one of these to say how its failure is to be treated.
var (
	// ErrDenied means that the identity lacks a right or is not accepted.
	// Only a person can change that, so it is not asked again for 5 minutes.
	ErrDenied = errors.New("access denied")
	// ErrNotFound means that there is no such instance; asked again after a
	// minute.
	ErrNotFound = errors.New("instance not found")
	// ErrBadRequest means that the API does not accept the request as such;
	// asked again after a minute.
	ErrBadRequest = errors.New("request not accepted")
	// ErrClockSkew means that our clock is too far from the API's for a
	// signature to be valid; asked again after a minute.
	ErrClockSkew = errors.New("clocks differ")
	// ErrThrottled means that the API wants fewer calls. It is backed off
	// from sooner and further than other passing failures.
	ErrThrottled = errors.New("throttled")
	// ErrUnclear means that the API calls it a fault of its own, which it
	// also does for some mistakes of ours. It is a passing failure at first
	// and treated like ErrDenied when it will not pass.
	ErrUnclear = errors.New("unclear failure")
)

const (
	deniedPause  = 5 * time.Minute
	refusedPause = time.Minute

	// The limiter lets 5 calls a second through, a quarter of the 20 that the
	// strictest of Tencent's pages allows for CreateInstanceToken, and all
	// keys together are that many at most. One key alone is never asked for
	// more often either.
	callsPerSecond = 5
	callBurst      = 5
	minPause       = time.Second / callsPerSecond

	firstPause     = time.Second
	throttledPause = 4 * time.Second
	maxPause       = time.Minute

	// patience is how many unclear failures in a row are taken for passing
	// ones: with the pauses above, two or three minutes.
	patience = 10
)

// pause decides how long the API is left alone about a key after failures
// failures in a row, of which err is the last: full jitter by random in
// [0, 1) for what may pass, a fixed time for what will not. life is that of
// the last token, or zero: all pauses shrink with it, so that tokens of seconds
// get several tries between renewal and expiry too.
func pause(err error, failures int, life time.Duration, random float64) time.Duration {
	switch {
	case errors.Is(err, ErrDenied), errors.Is(err, ErrUnclear) && failures > patience:
		return scaled(deniedPause, life)
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrBadRequest), errors.Is(err, ErrClockSkew):
		return scaled(refusedPause, life)
	case errors.Is(err, ErrThrottled):
		return jitter(throttledPause, failures, scaled(maxPause, life), random)
	default:
		return jitter(firstPause, failures, scaled(maxPause, life), random)
	}
}

// jitter is a random time between the minimum and first doubled with each
// further failure, at most limit.
func jitter(first time.Duration, failures int, limit time.Duration, random float64) time.Duration {
	ceiling := first
	for i := 1; i < failures && ceiling < limit; i++ {
		ceiling *= 2
	}
	spread := max(min(ceiling, limit)-minPause, 0)
	return minPause + time.Duration(random*float64(spread))
}

// scaled is the smaller of figure and a tenth of life, or figure where no
// life is known yet.
func scaled(figure, life time.Duration) time.Duration {
	if life <= 0 {
		return figure
	}
	return min(figure, life/10)
}
