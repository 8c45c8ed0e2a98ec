package credentials

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// agenda is when to look at each namespace again. The controller's queue could
// do it as well, at five times the memory for each of 10,000. Use newAgenda.
type agenda struct {
	mu     sync.Mutex // guards what is below
	queue  queue
	places map[string]*place

	signal chan struct{} // capacity one: what comes first has changed
}

func newAgenda() *agenda {
	return &agenda{places: map[string]*place{}, signal: make(chan struct{}, 1)}
}

// set replaces when to look at namespace; the zero time means never.
func (a *agenda) set(namespace string, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p, known := a.places[namespace]
	switch {
	case at.IsZero() && known:
		heap.Remove(&a.queue, p.index)
		delete(a.places, namespace)
		return
	case at.IsZero():
		return
	case known:
		p.deadline = at
		heap.Fix(&a.queue, p.index)
	default:
		p = &place{namespace: namespace, deadline: at}
		a.places[namespace] = p
		heap.Push(&a.queue, p)
	}
	if p.index == 0 {
		signal(a.signal)
	}
}

// due removes the namespaces whose time has come, and says when the next one's
// will; zero if there is none.
func (a *agenda) due(now time.Time) (namespaces []string, next time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.queue) > 0 && !a.queue[0].deadline.After(now) {
		p := heap.Pop(&a.queue).(*place)
		delete(a.places, p.namespace)
		namespaces = append(namespaces, p.namespace)
	}
	if len(a.queue) > 0 {
		next = a.queue[0].deadline
	}
	return namespaces, next
}

// lookAtAgenda is how often it is looked at without a reason: timers take no
// notice of a clock that is set.
const lookAtAgenda = time.Minute

// run calls look for each namespace whose time has come, until ctx ends.
func (a *agenda) run(ctx context.Context, look func(namespace string)) {
	for {
		namespaces, next := a.due(time.Now())
		for _, namespace := range namespaces {
			look(namespace)
		}
		wait := lookAtAgenda
		if !next.IsZero() {
			wait = min(wait, time.Until(next))
		}
		if !pause(ctx, wait, a.signal) {
			return
		}
	}
}
