package credentials

import (
	"slices"
	"sync"
	"time"
)

// demand remembers which namespaces a pod has asked for, until they have
// their Secret, and which of them were waited for in vain.
type demand struct {
	mu     sync.Mutex           // guards both maps
	asked  map[string]time.Time // since when
	vain   map[string]time.Time
	signal chan struct{} // capacity one: there is something to do
}

// vainPause is how long nobody waits for a namespace after a wait ran out.
const vainPause = 30 * time.Second

func newDemand() demand {
	return demand{asked: map[string]time.Time{}, vain: map[string]time.Time{}, signal: make(chan struct{}, 1)}
}

// maxAsked bounds the namespaces that are remembered: more than the 10,000
// that Kubernetes is made for, and far fewer than a caller of the webhook's port
// could make up.
const maxAsked = 16_384

// add remembers since when namespace is asked for, unless too many are.
func (d *demand) add(namespace string, since time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.asked[namespace]; !known && len(d.asked) < maxAsked {
		d.asked[namespace] = since
	}
}

// waiting lists, in order, the namespaces that were asked for before then.
func (d *demand) waiting(then time.Time) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var names []string
	for name, since := range d.asked {
		if since.Before(then) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (d *demand) has(namespace string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.asked[namespace]
	return ok
}

// done forgets a namespace that has its Secret, or is gone.
func (d *demand) done(namespace string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.asked, namespace)
	delete(d.vain, namespace)
}

func (d *demand) pending() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := make([]string, 0, len(d.asked))
	for n := range d.asked {
		names = append(names, n)
	}
	return names
}

// waitedInVain notes that a wait for namespace ran out at now.
func (d *demand) waitedInVain(namespace string, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, asked := d.asked[namespace]; asked { // done forgets both
		d.vain[namespace] = now.Add(vainPause)
	}
}

func (d *demand) mayWait(namespace string, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !now.Before(d.vain[namespace])
}

// poke wakes whoever serves the demand.
func (d *demand) poke() {
	signal(d.signal)
}
