package credentials

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
)

const (
	// writesPerSecond leaves the API server its breath: 10,000 namespaces are
	// renewed within nine minutes, of an hour that a token lives. A few may
	// come at once, so that what somebody waits for is not held up.
	writesPerSecond, writesAtOnce = 20, 20
	// writers bounds the writes in flight when the API server is slow.
	writers = 8
)

// wave lines up the writes that no admission waits for: who cannot pull
// already comes first, and then who soonest will not be able to. Use newWave.
type wave struct {
	mu     sync.Mutex // guards what is below
	queue  queue
	places map[string]*place
	order  int

	signal chan struct{} // capacity one: the queue has grown
	pace   *rate.Limiter
}

// place is a namespace's in the queue.
type place struct {
	namespace string
	deadline  time.Time
	order     int // of arrival
	index     int // in the queue
}

func newWave() *wave {
	return &wave{
		places: map[string]*place{},
		signal: make(chan struct{}, 1),
		pace:   rate.NewLimiter(writesPerSecond, writesAtOnce),
	}
}

// add gives namespace a place, or the one it has a deadline that is earlier.
func (w *wave) add(namespace string, deadline time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p, waits := w.places[namespace]; waits {
		if deadline.Before(p.deadline) {
			p.deadline = deadline
			heap.Fix(&w.queue, p.index)
		}
		return
	}
	w.order++
	p := &place{namespace: namespace, deadline: deadline, order: w.order}
	w.places[namespace] = p
	heap.Push(&w.queue, p)
	signal(w.signal)
}

// take removes the namespace whose turn it is.
func (w *wave) take() (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		return "", false
	}
	p := heap.Pop(&w.queue).(*place)
	delete(w.places, p.namespace)
	return p.namespace, true
}

// run calls write for one namespace after the other, at the pace, until ctx
// ends and the last call has returned.
func (w *wave) run(ctx context.Context, write func(namespace string)) {
	var group errgroup.Group
	group.SetLimit(writers)
	defer func() { _ = group.Wait() }() // none of them returns an error
	for {
		namespace, ok := w.take()
		if !ok {
			select {
			case <-ctx.Done():
				return
			case <-w.signal:
				continue
			}
		}
		if w.pace.Wait(ctx) != nil {
			return
		}
		group.Go(func() error {
			write(namespace)
			return nil
		})
	}
}

// queue implements heap.Interface by deadline, and among equals by arrival.
type queue []*place

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if q[i].deadline.Equal(q[j].deadline) {
		return q[i].order < q[j].order
	}
	return q[i].deadline.Before(q[j].deadline)
}

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements heap.Interface.
func (q *queue) Push(x any) {
	p := x.(*place)
	p.index = len(*q)
	*q = append(*q, p)
}

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	last := len(*q) - 1
	p := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return p
}
