package credentials

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/tcr-webhook/tcr-webhook/credentials/delivery"
)

// asking is a namespace that names an instance in its annotation.
func asking(name, deliver string) *corev1.Namespace {
	ns := namespaceNamed(name)
	ns.Annotations = map[string]string{delivery.Annotation: deliver}
	return ns
}

// running starts r and returns what ends it.
func (r *rig) running(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { assert.NoError(t, r.Start(ctx)) })
	return func() { cancel(); wg.Wait() }
}

// These tests run on fake time.

func TestAnExpectedNamespaceIsServedWhenItAppears(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]time.Duration{"at once": 0, "a little later": 30 * time.Millisecond, "after a slow creation": 4 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.vault.put(demoID, tokenFrom(time.Now(), time.Hour))
				defer r.running(t)()
				r.Expect("shop")
				time.Sleep(after)
				require.NoError(t, r.client.Create(t.Context(), asking("shop", string(demoID))))
				time.Sleep(after + firstLook) // pauses double, so no look comes later
				synctest.Wait()
				assert.NotNil(t, r.secret(t, "shop"))
				assert.Equal(t, 1, r.writes)
			})
		})
	}
}

func TestAnExpectedNamespaceGetsNothingByTheCallAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]*corev1.Namespace{
		"that never comes":          nil,
		"that asks for nothing":     namespaceNamed("shop"),
		"that names another's":      asking("shop", "tcr-other001"),
		"of the installation's own": asking("tcr-webhook", string(demoID)),
	}
	for name, ns := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.vault.put(demoID, tokenFrom(time.Now(), time.Hour))
				defer r.running(t)()
				expected := "shop"
				if ns != nil {
					expected = ns.Name
					require.NoError(t, r.client.Create(t.Context(), ns.DeepCopy()))
				}
				r.Expect(expected)
				time.Sleep(2 * appearsWithin)
				assert.Zero(t, r.writes)
			})
		})
	}
}

func TestExpectNeverWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t) // and nobody takes what it is told
		begun := time.Now()
		for range 2 * expectations {
			r.Expect("shop")
		}
		assert.Zero(t, time.Since(begun))
	})
}

// The controller acts by the same rule, so that a call that never came loses
// nothing.
func TestANamespaceThatAsksIsServedWithoutACall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, asking("shop", string(demoID)), namespaceNamed("quiet"))
		r.vault.put(demoID, tokenFrom(time.Now(), time.Hour))
		r.lead(t, "shop", "quiet")
		assert.NotNil(t, r.secret(t, "shop"))
		assert.Nil(t, r.secret(t, "quiet"))
	})
}

func TestNewsHasEveryNamespaceLookedAt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, asking("shop", string(demoID)), asking("bank", string(demoID)), namespaceNamed("quiet"))
		reconciler := NewReconciler(r.Keeper, nil)
		q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
		defer q.ShutDown()
		reconciler.lookAtAll(t.Context(), q)
		assert.Empty(t, reconciler.wave.places, "there is no token yet")
		assert.Len(t, reconciler.agenda.places, 2, "who waits for one is looked at again")

		r.vault.put(demoID, tokenFrom(time.Now(), time.Hour))
		reconciler.lookAtAll(t.Context(), q)
		assert.Len(t, reconciler.wave.places, 2)
		assert.Empty(t, reconciler.agenda.places)
		assert.Zero(t, q.Len(), "the queue holds what was looked at")
	})
}
