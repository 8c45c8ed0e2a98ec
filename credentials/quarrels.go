package credentials

import (
	"sync"
	"time"
)

const (
	// quickRepairs are made at once: a hand that tries things out is no fight.
	quickRepairs = 5
	// firstPause is how long the next repair of one namespace waits, and
	// longestPause how long any does: who undoes each of our writes costs the
	// API server fifteen of them in the first hour, and six in every other.
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
	quick int           // repairs made without a pause
	pause time.Duration // before the next
}

// wait is how long a repair of namespace has to wait. Zero means that it may
// be made, and counts it as made.
func (q *quarrels) wait(namespace string, now time.Time) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.forget(now)
	one := q.of[namespace]
	if now.Sub(one.last) >= peace {
		one = quarrel{}
	}
	if wait := one.pause - now.Sub(one.last); wait > 0 {
		return wait
	}
	one.last = now
	if one.quick++; one.quick >= quickRepairs {
		one.pause = min(max(2*one.pause, firstPause), longestPause)
	}
	q.of[namespace] = one
	return 0
}

// begin notes that somebody deleted the Secret of namespace, whose creation is a
// repair from now on.
func (q *quarrels) begin(namespace string, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.forget(now)
	if _, known := q.of[namespace]; !known {
		q.of[namespace] = quarrel{last: now}
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
