package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
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

	"github.com/tcr-webhook/tcr-webhook/certs"
	"github.com/tcr-webhook/tcr-webhook/cmd/internal/registration"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
)

// registrations watches what the API server calls us by, and knows what is
// wrong with it. It changes nothing there; package certs does.
type registrations struct {
	own, policy watchedName // the registrations of two names
	// ownRead and policyRead tell whether they have been seen.
	ownRead, policyRead atomic.Bool
	// hosts are those that are served; nil while they are not known.
	hosts func() []registry.Host
	// list is what there is of an allow-list.
	list    func() registration.AllowList
	gauge   *prometheus.GaugeVec
	changed func() // called after Gaps has changed
	looked  func() // called after anything may have changed

	wake chan struct{} // capacity one
	gaps atomic.Pointer[[]registration.Gap]
}

// watchedName is a cache of the registrations of one name.
type watchedName interface {
	client.Reader
	WaitForCacheSync(context.Context) bool
}

const (
	// settleGaps is how long a gap has to be there before it is told: an
	// installation or an upgrade is not made in one moment, nor is a caBundle
	// filled in.
	settleGaps = 10 * time.Second
	// lookAtGaps is how often they are looked at without a change.
	lookAtGaps = time.Minute
)

// watchName makes a cache of the registrations of one name. It is apart from
// the manager's, so that nobody waits for it: whoever upgrades the program
// before the rights that it asks for gets no status, and pods are served all the
// same. So is each name from the other.
func (s *server) watchName(ctx context.Context, name string, changed func(), kinds ...client.Object) (cache.Cache, error) {
	own, err := cache.New(s.mgr.GetConfig(), cache.Options{
		HTTPClient: s.mgr.GetHTTPClient(), Scheme: s.mgr.GetScheme(), Mapper: s.mgr.GetRESTMapper(),
		DefaultFieldSelector: fields.OneTermEqualSelector("metadata.name", name),
		DefaultTransform:     cache.TransformStripManagedFields(),
	})
	if err != nil {
		return nil, fmt.Errorf("create cache of registrations: %w", err)
	}
	for _, o := range kinds {
		if err := onChange(ctx, own, o, changed); err != nil {
			return nil, fmt.Errorf("watch registrations: %w", err)
		}
	}
	if err := s.mgr.Add(everyReplica{own.Start}); err != nil {
		return nil, fmt.Errorf("add cache of registrations: %w", err)
	}
	return own, nil
}

// watchRegistrations makes the watch and hangs it into the manager.
func (s *server) watchRegistrations(ctx context.Context, changed func()) (*registrations, error) {
	r := &registrations{
		hosts: s.servedHosts, list: s.allowList,
		gauge: s.metrics.registrationGaps, changed: changed, looked: s.certificates.changed, wake: make(chan struct{}, 1),
	}
	var err error
	mutating, validating := &admissionregistrationv1.MutatingWebhookConfiguration{}, &admissionregistrationv1.ValidatingWebhookConfiguration{}
	if r.own, err = s.watchName(ctx, registration.Name, r.look, mutating, validating); err != nil {
		return nil, err
	}
	if r.policy, err = s.watchName(ctx, registration.PolicyName, r.look, validating); err != nil {
		return nil, err
	}
	for _, part := range []manager.Runnable{r, everyReplica{r.await}} {
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

// allowList is what the configuration in force has of one.
func (s *server) allowList() registration.AllowList {
	switch state := s.state.Load(); {
	case state == nil || state.Policy == nil:
		return registration.NoAllowList
	case slices.ContainsFunc(state.Policy.Rules(), func(r policy.CanonicalRule) bool { return r.Action == policy.Enforce }):
		return registration.Enforced
	default:
		return registration.Tried
	}
}

// look says that something may have changed.
func (r *registrations) look() {
	signal(r.wake)
	r.looked()
}

// Gaps is what is wrong, or nil while that is not known.
func (r *registrations) Gaps() *[]registration.Gap { return r.gaps.Load() }

// NeedLeaderElection is false: each replica has its own hosts to look for.
func (r *registrations) NeedLeaderElection() bool { return false }

// await waits until the registrations of each name have been seen, none of
// which waits for another.
func (r *registrations) await(ctx context.Context) error {
	var all sync.WaitGroup
	for read, name := range map[*atomic.Bool]watchedName{&r.ownRead: r.own, &r.policyRead: r.policy} {
		all.Go(func() {
			if name.WaitForCacheSync(ctx) {
				read.Store(true)
				r.look()
			}
		})
	}
	all.Wait()
	return nil
}

// seen lists the registrations that are there, of those that may be read, for
// whoever keeps the certificates. A cache that is not filled would have its
// readers wait.
func (r *registrations) seen(ctx context.Context) []certs.Registration {
	var all []certs.Registration
	validating := func(in watchedName, name string) {
		if c, err := lookUp(ctx, in, name, &admissionregistrationv1.ValidatingWebhookConfiguration{}); c != nil && err == nil {
			all = append(all, certs.FromValidating(c))
		}
	}
	if r.ownRead.Load() {
		if c, err := lookUp(ctx, r.own, registration.Name, &admissionregistrationv1.MutatingWebhookConfiguration{}); c != nil && err == nil {
			all = append(all, certs.FromMutating(c))
		}
		validating(r.own, registration.Name)
	}
	if r.policyRead.Load() {
		validating(r.policy, registration.PolicyName)
	}
	return all
}

// Start looks until ctx ends.
func (r *registrations) Start(ctx context.Context) error {
	if !r.own.WaitForCacheSync(ctx) {
		return nil // ctx has ended
	}
	var candidate []registration.Gap
	var since time.Time // of candidate; zero for none
	for {
		wait := lookAtGaps
		switch gaps, known := r.compare(ctx); {
		case !known:
			since = time.Time{}
		case len(gaps) == 0 || r.told(gaps):
			r.tell(ctx, gaps)
			since = time.Time{}
		case since.IsZero() || !slices.Equal(gaps, candidate):
			candidate, since, wait = gaps, time.Now(), settleGaps
		default:
			if wait = settleGaps - time.Since(since); wait <= 0 {
				r.tell(ctx, gaps)
				since, wait = time.Time{}, lookAtGaps
			}
		}
		if !pause(ctx, wait, r.wake) {
			return nil
		}
	}
}

// compare looks once.
func (r *registrations) compare(ctx context.Context) (gaps []registration.Gap, known bool) {
	hosts := r.hosts()
	if hosts == nil {
		return nil, false
	}
	live, err := r.read(ctx)
	if err != nil {
		return nil, false
	}
	return registration.Gaps(live, hosts, r.list()), true
}

// read reads the registrations from memory.
func (r *registrations) read(ctx context.Context) (live registration.Live, err error) {
	if live.Mutating, err = lookUp(ctx, r.own, registration.Name, &admissionregistrationv1.MutatingWebhookConfiguration{}); err != nil {
		return live, err
	}
	if live.Validating, err = lookUp(ctx, r.own, registration.Name, &admissionregistrationv1.ValidatingWebhookConfiguration{}); err != nil {
		return live, err
	}
	if live.PolicyUnread = !r.policyRead.Load(); live.PolicyUnread {
		return live, nil // a cache that is not filled has its readers wait
	}
	live.Policy, err = lookUp(ctx, r.policy, registration.PolicyName, &admissionregistrationv1.ValidatingWebhookConfiguration{})
	return live, err
}

// lookUp reads into, or answers nil where there is none.
func lookUp[T client.Object](ctx context.Context, cached client.Reader, name string, into T) (T, error) {
	var none T
	if err := cached.Get(ctx, types.NamespacedName{Name: name}, into); err != nil {
		return none, client.IgnoreNotFound(err)
	}
	return into, nil
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
		log.Info("Registrations are not as they should be", "gaps", len(gaps), "first", gaps[0].String())
	case !first:
		log.Info("Registrations are complete")
	}
	r.changed()
}
