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
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/registration"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// watched is registrations over an API server in memory.
type watched struct {
	*registrations
	client client.Client
	hosts  []registry.Host
	fail   error // of reads
	told   int
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	scheme := runtime.NewScheme()
	require.NoError(t, admissionregistrationv1.AddToScheme(scheme))
	w := &watched{hosts: []registry.Host{}}
	c := fake.NewClientBuilder().WithScheme(scheme).Build()
	w.client = c
	w.registrations = &registrations{
		cached: interceptor.NewClient(c, interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
				if w.fail != nil {
					return w.fail
				}
				return c.Get(ctx, key, o, opts...)
			},
		}),
		synced:  func(context.Context) bool { return true },
		hosts:   func() []registry.Host { return w.hosts },
		gauge:   prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "gaps"}, []string{"kind"}),
		changed: func() { w.told++ },
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
	return func() { cancel(); assert.NoError(t, <-ended) }
}

// register makes both registrations, complete but for what the test is about.
func (w *watched) register(t *testing.T, ca []byte) {
	t.Helper()
	ignore := admissionregistrationv1.Ignore
	config := admissionregistrationv1.WebhookClientConfig{CABundle: ca}
	mutating, validating := &admissionregistrationv1.MutatingWebhookConfiguration{}, &admissionregistrationv1.ValidatingWebhookConfiguration{}
	mutating.Name, validating.Name = registration.Name, registration.Name
	for _, name := range []string{"pods", "pods-best-effort"} {
		mutating.Webhooks = append(mutating.Webhooks, admissionregistrationv1.MutatingWebhook{Name: name + ".tcr-webhook.io", ClientConfig: config, FailurePolicy: &ignore})
	}
	for _, name := range []string{"final-pods", "namespaces"} {
		validating.Webhooks = append(validating.Webhooks, admissionregistrationv1.ValidatingWebhook{Name: name + ".tcr-webhook.io", ClientConfig: config, FailurePolicy: &ignore})
	}
	for _, o := range []client.Object{mutating, validating} {
		require.NoError(t, client.IgnoreNotFound(w.client.Delete(t.Context(), o)))
		o.SetResourceVersion("")
		require.NoError(t, w.client.Create(t.Context(), o))
	}
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
		"a cache":       func(w *watched) { w.synced = func(ctx context.Context) bool { <-ctx.Done(); return false } },
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
