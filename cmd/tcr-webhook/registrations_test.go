package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/registration"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// watched is registrations over an API server in memory.
type watched struct {
	*registrations
	client client.Client
	hosts  []registry.Host
	list   registration.AllowList
	fail   error           // of reads
	unread map[string]bool // names whose cache is never filled
	told   int
}

// cacheOf is the cache of one name.
type cacheOf struct {
	client.Reader
	w    *watched
	name string
}

// WaitForCacheSync implements watchedName.
func (c cacheOf) WaitForCacheSync(ctx context.Context) bool {
	if c.w.unread[c.name] {
		<-ctx.Done()
		return false
	}
	return true
}

// Get implements client.Reader.
func (c cacheOf) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	switch {
	case key.Name != c.name:
		return errors.New("asked for " + key.Name)
	case !c.WaitForCacheSync(ctx): // as a cache that is not filled does
		return ctx.Err()
	case c.w.fail != nil:
		return c.w.fail
	}
	return c.Reader.Get(ctx, key, o, opts...)
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	scheme := runtime.NewScheme()
	require.NoError(t, admissionregistrationv1.AddToScheme(scheme))
	w := &watched{hosts: []registry.Host{}, unread: map[string]bool{}, client: fake.NewClientBuilder().WithScheme(scheme).Build()}
	w.registrations = &registrations{
		own:     cacheOf{w.client, w, registration.Name},
		policy:  cacheOf{w.client, w, registration.PolicyName},
		hosts:   func() []registry.Host { return w.hosts },
		list:    func() registration.AllowList { return w.list },
		gauge:   prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "gaps"}, []string{"kind"}),
		changed: func() { w.told++ },
		looked:  func() {},
		wake:    make(chan struct{}, 1),
	}
	return w
}

// run starts the watch and returns what ends it.
func (w *watched) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.Start(ctx) }()
	go func() { ended <- w.await(ctx) }()
	return func() { cancel(); assert.NoError(t, errors.Join(<-ended, <-ended)) }
}

// someRules are those of an entry that is called; one without any counts as none.
var someRules = []admissionregistrationv1.RuleWithOperations{{}}

// register makes both registrations, complete but for what the test is about.
func (w *watched) register(t *testing.T, ca []byte) {
	t.Helper()
	ignore := admissionregistrationv1.Ignore
	config := admissionregistrationv1.WebhookClientConfig{CABundle: ca}
	mutating, validating := &admissionregistrationv1.MutatingWebhookConfiguration{}, &admissionregistrationv1.ValidatingWebhookConfiguration{}
	mutating.Name, validating.Name = registration.Name, registration.Name
	for _, name := range []string{"pods", "pods-best-effort"} {
		mutating.Webhooks = append(mutating.Webhooks, admissionregistrationv1.MutatingWebhook{Name: name + ".tcr-webhook.io", ClientConfig: config, FailurePolicy: &ignore, Rules: someRules})
	}
	for _, name := range []string{"final-pods", "namespaces"} {
		validating.Webhooks = append(validating.Webhooks, admissionregistrationv1.ValidatingWebhook{Name: name + ".tcr-webhook.io", ClientConfig: config, FailurePolicy: &ignore, Rules: someRules})
	}
	for _, o := range []client.Object{mutating, validating} {
		require.NoError(t, client.IgnoreNotFound(w.client.Delete(t.Context(), o)))
		o.SetResourceVersion("")
		require.NoError(t, w.client.Create(t.Context(), o))
	}
	w.look()
}

// registerPolicy makes the allow-list's registration.
func (w *watched) registerPolicy(t *testing.T, blocks admissionregistrationv1.FailurePolicyType) {
	t.Helper()
	ignore := admissionregistrationv1.Ignore
	config := admissionregistrationv1.WebhookClientConfig{CABundle: []byte("pem")}
	c := &admissionregistrationv1.ValidatingWebhookConfiguration{Webhooks: []admissionregistrationv1.ValidatingWebhook{
		{Name: "policy.tcr-webhook.io", ClientConfig: config, FailurePolicy: &blocks, Rules: someRules},
		{Name: "policy-workloads.tcr-webhook.io", ClientConfig: config, FailurePolicy: &ignore, Rules: someRules},
	}}
	c.Name = registration.PolicyName
	require.NoError(t, w.client.Create(t.Context(), c))
	w.look()
}

func (w *watched) kinds() []registration.Kind {
	gaps := w.Gaps()
	if gaps == nil {
		return nil
	}
	kinds := []registration.Kind{}
	for _, g := range *gaps {
		kinds = append(kinds, g.Kind)
	}
	return slices.Compact(kinds)
}

// These tests run on fake time.

func TestGapsAreToldWhenTheyHaveSettled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		defer w.run(t)()
		after := func(d time.Duration) []registration.Kind {
			time.Sleep(d)
			synctest.Wait()
			return w.kinds()
		}
		assert.Nil(t, after(settleGaps-time.Second), "an installation takes a moment")
		assert.Equal(t, []registration.Kind{registration.Missing}, after(time.Second))
		assert.InDelta(t, 2, testutil.ToFloat64(w.gauge.WithLabelValues("Missing")), 0)
		assert.Equal(t, 1, w.told)

		w.register(t, nil) // and a moment later somebody fills in the caBundle
		assert.Equal(t, []registration.Kind{registration.Missing}, after(time.Second), "what was told stands")
		w.register(t, []byte("pem"))
		assert.Empty(t, after(time.Millisecond), "what is well is told at once")
		assert.Zero(t, testutil.ToFloat64(w.gauge.WithLabelValues("Missing")))
		assert.Equal(t, 2, w.told)

		w.register(t, nil)
		assert.Empty(t, after(settleGaps-time.Second))
		assert.Equal(t, []registration.Kind{registration.CABundleMissing}, after(time.Second))
		for range 10 {
			w.look()
			after(time.Second)
		}
		assert.Equal(t, 3, w.told, "told once")
		assert.Equal(t, len(registration.Kinds()), testutil.CollectAndCount(w.gauge))
	})
}

func TestNothingIsToldOfWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	for name, unknown := range map[string]func(*watched){
		"hosts":         func(w *watched) { w.hosts = nil },
		"registrations": func(w *watched) { w.fail = errors.New("no such right") },
		"a cache":       func(w *watched) { w.unread[registration.Name] = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWatched(t)
				unknown(w)
				defer w.run(t)()
				time.Sleep(10 * lookAtGaps)
				synctest.Wait()
				assert.Nil(t, w.Gaps())
				assert.Zero(t, w.told)
			})
		})
	}
}

func TestAllowListIsRegistered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		w.register(t, []byte("pem"))
		defer w.run(t)()
		kinds := func() []registration.Kind {
			w.look()
			time.Sleep(settleGaps)
			synctest.Wait()
			return w.kinds()
		}
		assert.Empty(t, kinds())
		w.list = registration.Tried
		assert.Equal(t, []registration.Kind{registration.Missing}, kinds())
		w.registerPolicy(t, admissionregistrationv1.Ignore)
		assert.Empty(t, kinds())
		w.list = registration.Enforced
		assert.Equal(t, []registration.Kind{registration.FailurePolicyAdmits}, kinds())
		assert.InDelta(t, 1, testutil.ToFloat64(w.gauge.WithLabelValues("FailurePolicyAdmits")), 0)
		w.list = registration.NoAllowList
		assert.Equal(t, []registration.Kind{registration.Leftover}, kinds())
		assert.Zero(t, testutil.ToFloat64(w.gauge.WithLabelValues("FailurePolicyAdmits")))
	})
}

// Rights for one name come with an upgrade of the manifests, which may be after
// that of the program.
func TestAnUnreadableAllowListHidesNothingElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		w.unread[registration.PolicyName] = true
		w.register(t, []byte("pem"))
		defer w.run(t)()
		time.Sleep(settleGaps)
		synctest.Wait()
		assert.Equal(t, []registration.Kind{}, w.kinds(), "without an allow-list nobody misses it")

		w.list = registration.Enforced
		w.look()
		time.Sleep(settleGaps)
		synctest.Wait()
		assert.Equal(t, []registration.Kind{registration.NotUnderstood}, w.kinds())

		w.register(t, nil)
		time.Sleep(settleGaps)
		synctest.Wait()
		assert.Equal(t, []registration.Kind{registration.CABundleMissing, registration.NotUnderstood}, w.kinds())
	})
}
