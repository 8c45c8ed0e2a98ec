package token

import "time"

// record is what the cache knows of an key beside its token.
type record struct {
	wanted   bool      // Start keeps it renewed
	renewing bool      // Start is at it
	renewAt  time.Time // by the wall clock; zero while there is no token

	// The last failure, how many there were in a row, and until when the API
	// is left alone. That is kept with its monotonic reading: a clock set
	// back by a day must not stop renewals for a day.
	err      error
	failures int
	notUntil time.Time
}

// dueIn is how long it is until the next fetch.
func (r *record) dueIn(now time.Time) time.Duration {
	return max(r.renewAt.Sub(now), r.notUntil.Sub(now))
}

// pausing is the last error while the API is to be left alone about it.
func (r *record) pausing(now time.Time) error {
	if now.Before(r.notUntil) {
		return r.err
	}
	return nil
}

func (r *record) fail(err error, until time.Time) {
	r.err, r.notUntil = err, until
	r.failures++
}

// clear forgets the failures.
func (r *record) clear() {
	r.err, r.failures, r.notUntil = nil, 0, time.Time{}
}
