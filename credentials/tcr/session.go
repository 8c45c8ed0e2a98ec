package tcr

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// Margins before the end of temporary credentials, each at most a tenth of
// their life: from the first on they are made anew, and if that fails they are
// used up to the second.
const (
	renewMargin = 5 * time.Minute
	skewMargin  = 2 * time.Minute
)

// sessionTimeout bounds one attempt to make temporary credentials, so that
// half of the time of the call that waits for them is left.
const sessionTimeout = 5 * time.Second

// temporary are credentials that end by themselves.
type temporary struct {
	Credentials
	asked, expires time.Time // by the wall clock
}

func (t temporary) life() time.Duration { return t.expires.Sub(t.asked) }

// worksUntil tells whether the credentials work at now and for margin longer.
func (t temporary) worksUntil(now time.Time, margin time.Duration) bool {
	return t.SessionToken != "" && now.Before(t.expires.Add(-min(margin, t.life()/10)))
}

// source makes temporary credentials.
type source interface {
	// String says who they are of, in words that hold no secret.
	String() string
	// obtain makes new ones, or an error by the time ctx ends.
	obtain(ctx context.Context) (temporary, error)
	check() error
}

// session keeps the temporary credentials of a source until they end. Its
// callers share one attempt to make new ones, which goes on without them when
// their contexts end; after a failed one there is a pause.
type session struct {
	source  source
	timeout time.Duration
	flight  singleflight.Group

	// mu guards what is below. It is never held during a call.
	mu       sync.Mutex
	held     temporary
	err      error // the last failure, nil after a success
	failures int
	notUntil time.Time // with its monotonic reading: clocks are set
}

func newSession(s source) *session { return &session{source: s, timeout: sessionTimeout} }

// String implements node.
func (s *session) String() string { return s.source.String() }

func (s *session) check() error { return s.source.check() }

// Credentials implements Identity.
func (s *session) Credentials(ctx context.Context) (Credentials, error) {
	if creds, err, settled := s.settled(time.Now()); settled {
		return creds, err
	}
	// Detached: one caller giving up must not fail the others.
	done := s.flight.DoChan("", func() (any, error) { return s.renew(context.WithoutCancel(ctx)) })
	select {
	case <-ctx.Done():
		return Credentials{}, fmt.Errorf("wait to be %s: %w", s, context.Cause(ctx))
	case r := <-done:
		if r.Err != nil {
			return Credentials{}, r.Err
		}
		return r.Val.(Credentials), nil
	}
}

// settled answers without a call: with credentials that are fresh, or, during
// the pause after a failure, with those that still work or the failure.
func (s *session) settled(now time.Time) (creds Credentials, err error, settled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.held.worksUntil(now, renewMargin):
		return s.held.Credentials, nil, true
	case !now.Before(s.notUntil):
		return Credentials{}, nil, false
	case s.held.worksUntil(now, skewMargin):
		return s.held.Credentials, nil, true
	default:
		return Credentials{}, s.err, true
	}
}

// renew makes new credentials; while it cannot, those that work go on.
func (s *session) renew(ctx context.Context) (Credentials, error) {
	if creds, err, settled := s.settled(time.Now()); settled { // by a flight that has just ended
		return creds, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	fresh, err := s.source.obtain(ctx)
	now := time.Now()
	if err == nil {
		if flaw := fresh.flaw(now); flaw != nil {
			err = fmt.Errorf("be %s: %w", s, flaw)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.held, s.err, s.failures, s.notUntil = fresh, nil, 0, time.Time{}
		return fresh.Credentials, nil
	}
	s.failures++
	s.err, s.notUntil = err, now.Add(sessionPause(err, s.failures, s.held.life(), rand.Float64()))
	if s.held.worksUntil(now, skewMargin) {
		return s.held.Credentials, nil
	}
	return Credentials{}, err
}

// Refused implements Identity.
func (s *session) Refused(creds Credentials) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held.Credentials == creds {
		s.held = temporary{}
	}
}

func (s *session) retry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.failures, s.notUntil = nil, 0, time.Time{}
}

// flaw finds what makes temporary credentials useless.
func (t temporary) flaw(now time.Time) error {
	for _, part := range []token.Secret{t.SecretID, t.SecretKey, t.SessionToken} {
		if part == "" {
			return errors.New("the answer lacks a part of the credentials")
		}
		if len(part) > maxCredential || strings.ContainsFunc(part.Reveal(), unprintable) {
			return errors.New("the answer has credentials that are fit for no header")
		}
	}
	switch {
	case !t.worksUntil(now, skewMargin):
		return fmt.Errorf("the answer has credentials that expire at %s; our clock says %s", stamp(t.expires), stamp(now))
	case t.life() > maxLife:
		return fmt.Errorf("the answer has credentials that expire at %s, and sessions live hours; our clock says %s", stamp(t.expires), stamp(now))
	}
	return nil
}

const (
	refusedSession = time.Minute
	firstPause     = time.Second
	throttledPause = 4 * time.Second
	longestPause   = 15 * time.Second
	shortestPause  = 200 * time.Millisecond
)

// sessionPause is how long a source is left alone after failures failures in
// a row, of which err is the last: full jitter by random in [0, 1) for what may
// pass, a fixed time for what a person has to mend. Both are short of what
// package token does with the same error, which so finds the way free. life is
// that of the last credentials, or zero.
func sessionPause(err error, failures int, life time.Duration, random float64) time.Duration {
	for _, lasting := range []error{token.ErrDenied, token.ErrNotFound, token.ErrBadRequest, token.ErrClockSkew} {
		if errors.Is(err, lasting) {
			return refusedSession
		}
	}
	ceiling, limit := firstPause, longestPause
	if errors.Is(err, token.ErrThrottled) {
		ceiling = throttledPause
	}
	if life > 0 {
		limit = min(limit, life/10)
	}
	for i := 1; i < failures && ceiling < limit; i++ {
		ceiling *= 2
	}
	spread := max(min(ceiling, limit)-shortestPause, 0)
	return shortestPause + time.Duration(random*float64(spread))
}
