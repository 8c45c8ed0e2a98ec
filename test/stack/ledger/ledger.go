package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Ledger is the versions of all Secrets of one name. Use New.
type Ledger struct {
	client client.WithWatch
	name   string
	now    func() time.Time
	open   chan struct{}

	mu      sync.Mutex // guards what is below
	history map[string][]Version
	excuses []Span
	excused *time.Time // since when, of the excuse that has no end yet
	relists int
}

// New returns the ledger of the Secrets called name. now is the registry's
// clock; nil is the real one.
func New(c client.WithWatch, name string, now func() time.Time) *Ledger {
	if now == nil {
		now = time.Now
	}
	return &Ledger{client: c, name: name, now: now, open: make(chan struct{}), history: map[string][]Version{}}
}

// Open is closed when Start has seen all there was.
func (l *Ledger) Open() <-chan struct{} { return l.open }

// again is how soon a watch is tried again that broke, as it does with the API
// server.
const again = 50 * time.Millisecond

// Start writes down versions until ctx ends.
func (l *Ledger) Start(ctx context.Context) error {
	var once sync.Once
	for {
		version, err := l.list(ctx)
		if err == nil {
			once.Do(func() { close(l.open) })
			l.follow(ctx, version)
		}
		pause := time.NewTimer(again)
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil
		case <-pause.C:
		}
	}
}

func (l *Ledger) selector() client.ListOption {
	return client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector("metadata.name", l.name)}
}

// list compares what there is with the last versions. What was written twice
// while nobody watched counts once.
func (l *Ledger) list(ctx context.Context) (version string, err error) {
	var all corev1.SecretList
	if err := l.client.List(ctx, &all, l.selector()); err != nil {
		return "", err
	}
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.relists++
	there := map[string]struct{}{}
	for i := range all.Items {
		s := &all.Items[i]
		there[s.Namespace] = struct{}{}
		op := Found
		if l.relists > 1 {
			op = Created
		}
		if last, ok := l.last(s.Namespace); ok {
			op = Changed
			if last.ResourceVersion == s.ResourceVersion {
				continue
			}
		}
		l.history[s.Namespace] = append(l.history[s.Namespace], read(op, s, now))
	}
	for namespace := range l.history {
		if _, ok := there[namespace]; ok {
			continue
		}
		if last, ok := l.last(namespace); ok {
			last.Op, last.Seen = Deleted, now
			l.history[namespace] = append(l.history[namespace], last)
		}
	}
	return all.ResourceVersion, nil
}

// last is the version that is there now. The caller holds mu.
func (l *Ledger) last(namespace string) (Version, bool) {
	versions := l.history[namespace]
	if len(versions) == 0 || versions[len(versions)-1].Op == Deleted {
		return Version{}, false
	}
	return versions[len(versions)-1], true
}

// follow watches from version on, until the watch breaks. A list finds what it
// has missed then.
func (l *Ledger) follow(ctx context.Context, version string) {
	w, err := l.client.Watch(ctx, &corev1.SecretList{}, l.selector(),
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: version}})
	if err != nil {
		return
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		s, ok := event.Object.(*corev1.Secret)
		if !ok {
			return // an error, such as a version that is too old
		}
		l.add(event.Type, s)
	}
}

func (l *Ledger) add(event watch.EventType, s *corev1.Secret) {
	op, ok := map[watch.EventType]Op{watch.Added: Created, watch.Modified: Changed, watch.Deleted: Deleted}[event]
	if !ok {
		return
	}
	v := read(op, s, l.now())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.history[s.Namespace] = append(l.history[s.Namespace], v)
}

// History is all versions so far by namespace.
func (l *Ledger) History() map[string][]Version {
	l.mu.Lock()
	defer l.mu.Unlock()
	history := maps.Clone(l.history)
	for namespace, versions := range history {
		history[namespace] = slices.Clone(versions)
	}
	return history
}

// Last is the version of a namespace's Secret that is there now.
func (l *Ledger) Last(namespace string) (Version, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last, ok := l.last(namespace)
	if !ok {
		return last, fmt.Errorf("namespace %s has no secret %s", namespace, l.name)
	}
	return last, nil
}

// Writes counts the writes so far by what they did.
func (l *Ledger) Writes() map[Op]int {
	counts := map[Op]int{}
	for _, versions := range l.History() {
		for _, v := range versions {
			counts[v.Op]++
		}
	}
	return counts
}

// Excuse says that from now on no new login could be had, so that one that
// ends is nobody's fault.
func (l *Ledger) Excuse() {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.excused == nil {
		l.excused = &now
	}
}

// NoExcuse ends an Excuse after the time that it may take to hear of it.
func (l *Ledger) NoExcuse(after time.Duration) {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.excused != nil {
		l.excuses = append(l.excuses, Span{*l.excused, now.Add(after)})
		l.excused = nil
	}
}

// Violations is what was seen so far that must never happen, in words.
func (l *Ledger) Violations(b Bounds) []string {
	now := l.now()
	history := l.History()
	l.mu.Lock()
	excuses := slices.Clone(l.excuses)
	if l.excused != nil {
		excuses = append(excuses, Span{*l.excused, now})
	}
	l.mu.Unlock()
	return judge(history, excuses, b, now)
}
