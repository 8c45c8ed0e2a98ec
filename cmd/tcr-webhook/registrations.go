package main

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/registration"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// registrations watches what the API server calls us by, and knows what is
// wrong with it. It changes nothing there.
type registrations struct {
	cached client.Reader
	// synced tells whether the cache has been filled; nothing waits for it but
	// this.
	synced func(context.Context) bool
	// hosts are those that are served; nil while they are not known.
	hosts   func() []registry.Host
	gauge   *prometheus.GaugeVec
	changed func() // called after Gaps has changed

	wake chan struct{} // capacity one
	gaps atomic.Pointer[[]registration.Gap]
}

const (
	// settleGaps is how long a gap has to be there before it is told: an
	// installation or an upgrade is not made in one moment, nor is a caBundle
	// filled in.
	settleGaps = 10 * time.Second
	// lookAtGaps is how often they are looked at without a change.
	lookAtGaps = time.Minute
)

// newRegistrationCache makes a cache of the registrations of our name alone.
// It is apart from the manager's, so that nobody waits for it: whoever upgrades
// the program before the rights that it asks for gets no status, and pods are
// served all the same.
func newRegistrationCache(mgr manager.Manager) (cache.Cache, error) {
	own, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(),
		DefaultFieldSelector: fields.OneTermEqualSelector("metadata.name", registration.Name),
		DefaultTransform:     cache.TransformStripManagedFields(),
	})
	if err != nil {
		return nil, fmt.Errorf("create cache of registrations: %w", err)
	}
	return own, nil
}

// watchRegistrations makes the watch and hangs it into the manager.
func (s *server) watchRegistrations(ctx context.Context, changed func()) (*registrations, error) {
	own, err := newRegistrationCache(s.mgr)
	if err != nil {
		return nil, err
	}
	r := &registrations{
		cached: own, synced: own.WaitForCacheSync, hosts: s.servedHosts,
		gauge: s.metrics.registrationGaps, changed: changed, wake: make(chan struct{}, 1),
	}
	for _, o := range []client.Object{&admissionregistrationv1.MutatingWebhookConfiguration{}, &admissionregistrationv1.ValidatingWebhookConfiguration{}} {
		if err := onChange(ctx, own, o, r.look); err != nil {
			return nil, fmt.Errorf("watch registrations: %w", err)
		}
	}
	for _, part := range []manager.Runnable{everyReplica{own.Start}, r} {
		if err := s.mgr.Add(part); err != nil {
			return nil, fmt.Errorf("add %T: %w", part, err)
		}
	}
	return r, nil
}

// servedHosts are the hosts of all instances, in order; nil while they are not
// known.
func (s *server) servedHosts() []registry.Host {
	d := s.instances.Directory()
	if d == nil {
		return nil
	}
	hosts := d.Hosts()
	slices.Sort(hosts)
	return hosts
}

// look says that something may have changed.
func (r *registrations) look() { signal(r.wake) }

// Gaps is what is wrong, or nil while that is not known.
func (r *registrations) Gaps() *[]registration.Gap { return r.gaps.Load() }

// NeedLeaderElection is false: each replica has its own hosts to look for.
func (r *registrations) NeedLeaderElection() bool { return false }

// Start looks until ctx ends.
func (r *registrations) Start(ctx context.Context) error {
	if !r.synced(ctx) {
		return nil // ctx has ended
	}
	var candidate []registration.Gap
	var since time.Time // of candidate; zero for none
	for {
		pause := lookAtGaps
		switch gaps, known := r.compare(ctx); {
		case !known:
			since = time.Time{}
		case len(gaps) == 0 || r.told(gaps):
			r.tell(ctx, gaps)
			since = time.Time{}
		case since.IsZero() || !slices.Equal(gaps, candidate):
			candidate, since, pause = gaps, time.Now(), settleGaps
		default:
			if pause = settleGaps - time.Since(since); pause <= 0 {
				r.tell(ctx, gaps)
				since, pause = time.Time{}, lookAtGaps
			}
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-r.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// compare looks once.
func (r *registrations) compare(ctx context.Context) (gaps []registration.Gap, known bool) {
	hosts := r.hosts()
	if hosts == nil {
		return nil, false
	}
	var live registration.Live
	mutating, validating := &admissionregistrationv1.MutatingWebhookConfiguration{}, &admissionregistrationv1.ValidatingWebhookConfiguration{}
	name := types.NamespacedName{Name: registration.Name}
	if err := r.cached.Get(ctx, name, mutating); err == nil {
		live.Mutating = mutating
	} else if client.IgnoreNotFound(err) != nil {
		return nil, false
	}
	if err := r.cached.Get(ctx, name, validating); err == nil {
		live.Validating = validating
	} else if client.IgnoreNotFound(err) != nil {
		return nil, false
	}
	return registration.Gaps(live, hosts), true
}

// told tells whether gaps are those that were told last.
func (r *registrations) told(gaps []registration.Gap) bool {
	last := r.gaps.Load()
	return last != nil && slices.Equal(*last, gaps)
}

// tell makes gaps known, once.
func (r *registrations) tell(ctx context.Context, gaps []registration.Gap) {
	if r.told(gaps) {
		return
	}
	first := r.gaps.Swap(&gaps) == nil
	counts := map[registration.Kind]int{}
	for _, g := range gaps {
		counts[g.Kind]++
	}
	for _, k := range registration.Kinds() {
		r.gauge.WithLabelValues(string(k)).Set(float64(counts[k]))
	}
	switch log := ctrl.LoggerFrom(ctx); {
	case len(gaps) > 0:
		log.Info("Registrations keep something from us", "gaps", len(gaps), "first", gaps[0].String())
	case !first:
		log.Info("Registrations are complete")
	}
	r.changed()
}
