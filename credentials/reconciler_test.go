package credentials

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Whoever begins to lead hears of everything there is, and looks at it without
// a request for each.
func TestWhatWasThereBeforeIsOneLook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, asking("shop", string(demoID)), namespaceNamed("quiet"))
		r.vault.put(demoID, tokenFrom(time.Now(), time.Hour))
		reconciler := NewReconciler(r.Keeper, nil)
		q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
		defer q.ShutDown()
		ctx, end := context.WithCancel(t.Context())
		require.NoError(t, reconciler.start(ctx, q))
		namespace, secret := &metav1.PartialObjectMetadata{}, &corev1.Secret{}
		namespace.Name, secret.Namespace = "shop", "shop"

		reconciler.namespaceEvents().Create(ctx, event.CreateEvent{Object: namespace, IsInInitialList: true}, q)
		synctest.Wait()
		assert.NotNil(t, r.secret(t, "shop"), "nobody looked")
		assert.Zero(t, q.Len(), "a request for what was there")

		require.NoError(t, r.client.Delete(t.Context(), r.secret(t, "shop")))
		r.demand.add("shop", time.Now())
		reconciler.secretEvents().Create(ctx, event.CreateEvent{Object: secret, IsInInitialList: true}, q)
		time.Sleep(2 * betweenRelooks)
		synctest.Wait()
		assert.NotNil(t, r.secret(t, "shop"), "nobody looked after the news of Secrets")

		before := q.Len() // what was written is looked at once more
		namespace.Name = "quiet"
		reconciler.namespaceEvents().Create(ctx, event.CreateEvent{Object: namespace}, q)
		assert.Equal(t, before+1, q.Len(), "a new namespace is not looked at")
		end()
		synctest.Wait()
	})
}
