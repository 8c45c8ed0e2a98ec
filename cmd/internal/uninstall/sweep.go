package uninstall

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

const (
	// pace is how many objects of a kind are removed in a second: 10,000 Secrets
	// in 200 s, within the five minutes that helm waits for a hook, at a third of
	// what an API server of a small cluster takes.
	pace = 50
	// atOnce is how many removals are under way.
	atOnce = 4
	// again is how soon objects are looked for again that are not gone, and
	// calls are made again that were not answered.
	again = 250 * time.Millisecond
	// sayEvery is how often it is said how far it is.
	sayEvery = 5 * time.Second
)

// sweeper is how a sweep tells of itself.
type sweeper struct {
	say func(format string, args ...any)
	// many is what there may be too many of to name each; empty names each.
	many string
}

func (u *Uninstaller) sweeper() sweeper { return sweeper{say: u.Say} }

// sweep removes what find finds until it finds nothing, and returns how many it
// removed. It ends with ctx, or with an error that another try does not mend.
func sweep[T fmt.Stringer](ctx context.Context, s sweeper, find func(context.Context) ([]T, error), remove func(context.Context, T) error) (int, error) {
	total := 0
	var last error // of the last round that got an answer
	for round := 0; ; round++ {
		found, err := find(ctx)
		if err == nil && len(found) == 0 {
			return total, nil
		}
		if err == nil {
			var n int
			n, err = pass(ctx, s, found, remove)
			if total += n; n > 0 || err != nil {
				last = err
			}
		} else {
			last = err
		}
		if err != nil && ctx.Err() == nil && !passing(err) {
			return total, err
		}
		if err == nil && round == 0 {
			continue // all are gone, as a rule
		}
		if pauseErr := pause(ctx, again); pauseErr != nil {
			return total, unfinished(pauseErr, found, last)
		}
	}
}

// pass removes each of found once.
func pass[T fmt.Stringer](ctx context.Context, s sweeper, found []T, remove func(context.Context, T) error) (int, error) {
	var (
		mu     sync.Mutex // guards errs
		errs   []error
		done   atomic.Int64
		group  errgroup.Group
		bucket = rate.NewLimiter(pace, atOnce)
		said   = time.Now()
	)
	group.SetLimit(atOnce)
	for _, o := range found {
		if bucket.Wait(ctx) != nil {
			break // the caller sees that ctx has ended
		}
		if s.many != "" && time.Since(said) >= sayEvery {
			said = time.Now()
			s.say("%d of %d %s removed", done.Load(), len(found), s.many)
		}
		group.Go(func() error {
			err := remove(ctx, o)
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
				return nil
			}
			done.Add(1)
			if s.many == "" {
				s.say("removed %s", o)
			}
			return nil
		})
	}
	_ = group.Wait() // errs has them
	return int(done.Load()), firstOf(errs)
}

// firstOf is one error for many that are alike. One that another try does not
// mend goes before those that it may.
func firstOf(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	first := errs[0]
	for _, err := range errs {
		if passing(first) && !passing(err) {
			first = err
		}
	}
	if len(errs) > 1 {
		return fmt.Errorf("%w (and %d more)", first, len(errs)-1)
	}
	return first
}

// passing tells errors that may be over in a moment. What the API server refuses
// by its rules it will refuse again.
func passing(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return true // no answer
	}
	code := status.Status().Code
	return code >= 500 || apierrors.IsTooManyRequests(err) || apierrors.IsConflict(err) || apierrors.IsInvalid(err)
}

// unfinished is the error of a sweep that ran out of time.
func unfinished[T fmt.Stringer](ended error, left []T, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ended, err)
	case len(left) > 1:
		return fmt.Errorf("%w: %s and %d more are still there; something holds on to them, as a finalizer does", ended, left[0], len(left)-1)
	case len(left) == 1:
		return fmt.Errorf("%w: %s is still there; something holds on to it, as a finalizer does", ended, left[0])
	}
	return ended
}

// errTime is the error of a step that was not done in its time.
var errTime = errors.New("not done in time")

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		if cause := context.Cause(ctx); !errors.Is(cause, context.DeadlineExceeded) {
			return cause
		}
		return errTime
	}
}
