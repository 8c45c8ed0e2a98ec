package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// MountedOptions are what a Mounted works with.
type MountedOptions struct {
	// Watcher has read the pair, and reads it again.
	Watcher *certwatcher.CertWatcher
	// Dir has the pair and perhaps ca.crt.
	Dir string
	// Inject has ca.crt written into the caBundles, if it is there. Without it,
	// they are somebody else's to write.
	Inject bool
	// Client writes them.
	Client client.Client
	// Registrations, Leading and Repaired are as those of SelfOptions.
	Registrations func(context.Context) []Registration
	Leading       func() bool
	Repaired      func(Registration)
}

// Mounted serves a pair that somebody else makes and that is mounted as files,
// which change from time to time. Use NewMounted.
type Mounted struct {
	Holder
	MountedOptions
	clock    clock
	wake     chan struct{} // capacity one
	injector injector
	problem  atomic.Pointer[string]

	// Of Start's goroutine:
	read   *tls.Certificate // as the watcher has it
	newest *Leaf            // of it
	fault  steady
}

// mountedSettling is what API servers get to see a change of a caBundle.
const mountedSettling = 10 * time.Second

// WatchPair reads the pair in dir, which has to be there.
func WatchPair(dir string) (*certwatcher.CertWatcher, error) {
	return certwatcher.New(filepath.Join(dir, corev1.TLSCertKey), filepath.Join(dir, corev1.TLSPrivateKeyKey))
}

// NewMounted checks options; nothing runs until Start.
func NewMounted(o MountedOptions) (*Mounted, error) {
	if o.Watcher == nil || o.Dir == "" || o.Client == nil || o.Registrations == nil || o.Leading == nil {
		return nil, errors.New("certificates: an option is missing")
	}
	if o.Repaired == nil {
		o.Repaired = func(Registration) {}
	}
	m := &Mounted{
		Holder: Holder{settling: mountedSettling}, MountedOptions: o, clock: newClock(), wake: make(chan struct{}, 1),
		injector: injector{client: o.Client, repaired: o.Repaired},
	}
	m.look()
	if m.newest == nil {
		return nil, errors.New("certificates: the pair has not been read")
	}
	m.served.Store(m.newest) // there is no other
	o.Watcher.RegisterCallback(func(tls.Certificate) { m.Changed() })
	return m, nil
}

// look takes the pair that the watcher has read last; what its callback brings
// may be older. One that cannot be is told by the watcher.
func (m *Mounted) look() {
	pair, err := m.Watcher.GetCertificate(nil)
	if err != nil || pair == nil || pair == m.read {
		return
	}
	m.read = pair
	if leaf, err := mounted(*pair); err == nil {
		m.newest = leaf
	}
}

// Changed says that a registration has changed.
func (m *Mounted) Changed() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// NeedLeaderElection is false: every replica has its files.
func (m *Mounted) NeedLeaderElection() bool { return false }

// Problem is what cannot be done at present; "" for nothing.
func (m *Mounted) Problem() string {
	if p := m.problem.Load(); p != nil {
		return *p
	}
	return ""
}

// Authority is nil: who signs is not ours to know.
func (m *Mounted) Authority() *Authority { return nil }

// Start serves what is mounted until ctx ends.
func (m *Mounted) Start(ctx context.Context) error {
	watched := make(chan error, 1)
	go func() { watched <- m.Watcher.Start(ctx) }()
	retry := retryFirst
	for {
		wait, err := m.step(ctx)
		if err != nil {
			wait, retry = retry, min(2*retry, lookEvery)
		} else {
			retry = retryFirst
		}
		m.note(ctx, err)
		if !sleep(ctx, wait, m.wake) {
			return <-watched
		}
	}
}

// lookAtFiles is how often ca.crt is read, which nothing tells a change of.
const lookAtFiles = 10 * time.Second

// step looks once, does what is to be done, and tells when to look again.
func (m *Mounted) step(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	registrations, at := m.Registrations(ctx), m.clock.now()
	own, err := m.authorities()
	m.emptyTrusts = m.Inject && len(own) == 0 && err == nil
	m.look()
	candidate := m.newest
	if candidate == m.served.Load() {
		candidate = nil
	}
	wait := lookAtFiles
	if _, choice := m.offer(candidate, registrations, at); choice == Settle {
		wait = m.settling / 4
	}
	if len(own) == 0 || err != nil {
		return wait, err
	}
	return m.injectAll(ctx, own, registrations, at, wait)
}

// injectAll writes own into the caBundles that lack it.
func (m *Mounted) injectAll(ctx context.Context, own []*x509.Certificate, registrations []Registration, at Moment, wait time.Duration) (time.Duration, error) {
	torn := map[int][]*x509.Certificate{}
	for i, r := range registrations {
		if wanted := merged(own, trusted(registrations[i:i+1]), at.Wall); r.Differs(wanted) {
			torn[i] = wanted
		} else {
			m.injector.whole(r, wanted)
		}
	}
	if held := m.fault.held("fault", len(torn) > 0, at.Up); !m.Leading() && held < patience {
		return min(wait, patience), nil
	}
	var errs []error
	for i, wanted := range torn {
		errs = append(errs, m.injector.inject(ctx, registrations[i], wanted))
	}
	return wait, errors.Join(errs...)
}

// authorities are the CAs in ca.crt that are to be injected; none without one.
func (m *Mounted) authorities() ([]*x509.Certificate, error) {
	if !m.Inject {
		return nil, nil
	}
	path := filepath.Join(m.Dir, corev1.ServiceAccountRootCAKey)
	pem, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the CA: %w", err)
	}
	own, err := parseBundle(pem)
	if err != nil {
		return nil, fmt.Errorf("read the CA: %s holds %w", path, err)
	}
	return own, nil
}

// merged is own, and what was trusted before and has not expired: replicas get
// new files at different times, and must be trusted all the while. Replicas with
// other files want the same.
func merged(own, present []*x509.Certificate, now time.Time) []*x509.Certificate {
	all := distinct(own)
	for _, c := range kept(present, now) {
		if len(all) < len(own)+maxPrevious && !contains(all, c) {
			all = append(all, c)
		}
	}
	return all
}

// note keeps what is wrong for who asks, and logs it once.
func (m *Mounted) note(ctx context.Context, err error) {
	text := ""
	if err != nil && ctx.Err() == nil && !changedSince(err) {
		text = err.Error()
	}
	if last := m.problem.Swap(&text); text != "" && (last == nil || *last != text) {
		log.FromContext(ctx).Error(err, "Certificates not as they should be; tried again")
	}
}
