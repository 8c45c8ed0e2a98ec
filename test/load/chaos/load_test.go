package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// tally is what became of many calls.
type tally struct {
	pod func() *corev1.Pod // that is created

	mu        sync.Mutex
	took      []time.Duration // of the calls that were answered; guarded by mu
	unmutated int             // answered, but the pod is as before; guarded by mu
	lost      map[string]int  // by error; guarded by mu
}

func newTally() *tally { return &tally{pod: newPod, lost: map[string]int{}} }

// call makes one call and takes down what became of it.
func (l *tally) call(ctx context.Context, a *apiServer) {
	pod, start := l.pod(), time.Now()
	err := a.create(ctx, pod)
	took := time.Since(start)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		l.lost[err.Error()]++
	case !mutated(pod):
		l.unmutated++
	default:
		l.took = append(l.took, took)
	}
}

func (l *tally) calls() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.took) + l.unmutated + l.losses()
}

// losses is how many calls were lost. The caller holds mu or is alone.
func (l *tally) losses() int {
	n := 0
	for _, of := range l.lost {
		n += of
	}
	return n
}

// quantile is the time within which the share q of the calls was answered.
func (l *tally) quantile(q float64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(l.took))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func (l *tally) String() string {
	return fmt.Sprintf("%d calls, %d lost, %d unmutated; p50 %s, p99 %s, longest %s", l.calls(), l.losses(), l.unmutated,
		l.quantile(.5).Round(10*time.Microsecond), l.quantile(.99).Round(10*time.Microsecond), l.quantile(1).Round(10*time.Microsecond))
}

// requireNothingLost fails the test with what became of the calls.
func (l *tally) requireNothingLost(t *testing.T) {
	t.Helper()
	if l.losses() > 0 || l.unmutated > 0 {
		t.Fatalf("%s\nlost: %v", l, l.lost)
	}
}

// load is callers that call until they are told to stop.
type load struct {
	*tally
	stop context.CancelFunc
	done sync.WaitGroup
}

// startLoad starts callers that call one time after another, and as many that
// pause up to pause in between, so that connections are left idle.
func startLoad(t *testing.T, a *apiServer, callers int, pause time.Duration) *load {
	t.Helper()
	until, stop := context.WithCancel(t.Context())
	l := &load{tally: newTally(), stop: stop}
	for range callers {
		l.done.Go(func() {
			for until.Err() == nil {
				l.call(t.Context(), a) // a call under way is not cut off
			}
		})
		l.done.Go(func() {
			for until.Err() == nil {
				l.call(t.Context(), a)
				wait(until, rand.N(pause))
			}
		})
	}
	t.Cleanup(l.finish)
	return l
}

func (l *load) finish() {
	l.stop()
	l.done.Wait()
}

// wait returns after d, or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
