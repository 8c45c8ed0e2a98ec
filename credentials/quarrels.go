package credentials

import (
	"sync"
	"time"
)

const (
	// firstPause is how long a second repair of one namespace waits, and
	// longestPause how long any does: who undoes each of our writes costs the
	// API server eleven of them in the first hour, and six in every other.
	firstPause   = 10 * time.Second
	longestPause = 10 * time.Minute
	// peace is how long a namespace needs no repair for its pause to begin
	// anew.
	peace = 2 * longestPause
)

// quarrels spaces the repairs of one namespace: of a Secret that was changed,
// and of one that was deleted. The zero value is ready.
type quarrels struct {
	mu   sync.Mutex // guards of
	of   map[string]quarrel
	tidy time.Time // when of was last rid of what is over
}

type quarrel struct {
	last  time.Time
	pause time.Duration
}

// wait is how long a repair of namespace has to wait. Zero means that it may
// be made, and counts it as made.
func (q *quarrels) wait(namespace string, now time.Time) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.forget(now)
	old, again := q.of[namespace]
	next := quarrel{last: now, pause: firstPause}
	if again && now.Sub(old.last) < peace {
		if wait := old.pause - now.Sub(old.last); wait > 0 {
			return wait
		}
		next.pause = min(2*old.pause, longestPause)
	}
	q.of[namespace] = next
	return 0
}

// begin notes that somebody deleted the Secret of namespace. The first time it
// may come back at once.
func (q *quarrels) begin(namespace string, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.forget(now)
	if _, known := q.of[namespace]; !known {
		q.of[namespace] = quarrel{last: now.Add(-firstPause), pause: firstPause / 2}
	}
}

// has tells whether there is a quarrel about namespace.
func (q *quarrels) has(namespace string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, known := q.of[namespace]
	return known
}

// end forgets about a namespace, which is gone.
func (q *quarrels) end(namespace string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.of, namespace)
}

// forget drops the quarrels that are over, now and then. The caller holds mu.
func (q *quarrels) forget(now time.Time) {
	if q.of == nil {
		q.of = map[string]quarrel{}
	}
	if now.Sub(q.tidy) < peace {
		return
	}
	q.tidy = now
	for namespace, one := range q.of {
		if now.Sub(one.last) >= peace {
			delete(q.of, namespace)
		}
	}
}

// unwanted remembers since when the Secrets of namespaces are called for by
// nothing. A restart begins their grace anew. The zero value is ready.
type unwanted struct {
	mu   sync.Mutex // guards from
	from map[string]time.Time
}

// since is since when namespace has a Secret that nothing calls for; zero while
// it has none such.
func (u *unwanted) since(namespace string, is bool, now time.Time) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !is {
		delete(u.from, namespace)
		return time.Time{}
	}
	if u.from == nil {
		u.from = map[string]time.Time{}
	}
	if _, known := u.from[namespace]; !known {
		u.from[namespace] = now
	}
	return u.from[namespace]
}
