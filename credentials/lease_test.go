package credentials

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func TestALeaseThatStandsStillIsNobodys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		held := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "tcr-webhook", Name: "tcr-webhook"}}
		// A clock that is an hour behind ours: the times in it say nothing.
		behind := metav1.NewMicroTime(time.Now().Add(-time.Hour))
		held.Spec.RenewTime = &behind
		c := fake.NewClientBuilder().WithObjects(held).Build()
		renew := func(during time.Duration) {
			for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(2 * time.Second) {
				require.NoError(t, c.Get(t.Context(), client.ObjectKeyFromObject(held), held))
				require.NoError(t, c.Update(t.Context(), held))
			}
		}
		elected := make(chan struct{})
		l := &Lease{Live: c, Namespace: "tcr-webhook", Name: "tcr-webhook", Elected: elected}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { assert.NoError(t, l.Start(ctx)) })
		defer running.Wait()
		defer cancel()

		assert.False(t, l.Leaderless(), "nobody leads before anybody looked")
		renew(time.Minute)
		assert.False(t, l.Leaderless(), "a Lease that moves is nobody's")
		time.Sleep(abandoned + 2*lookAtLease)
		assert.True(t, l.Leaderless())
		renew(10 * time.Second)
		assert.False(t, l.Leaderless(), "it moves again")

		require.NoError(t, c.Delete(t.Context(), held))
		time.Sleep(abandoned + 2*lookAtLease)
		assert.True(t, l.Leaderless(), "there is none at all")
		assert.False(t, l.Leading())
		close(elected)
		assert.True(t, l.Leading())
		assert.False(t, l.Leaderless(), "this replica leads")
	})
}
