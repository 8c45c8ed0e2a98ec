package chaos

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/tcr-webhook/tcr-webhook/webhook"
)

// The API server opens a connection for each call that finds none idle, and
// keeps it for 90 s even if that call was served by another meanwhile. net/http
// counts an unused connection's time by ReadHeaderTimeout, not by IdleTimeout; a
// usual five seconds of it lost the call that came just then.
func TestNoCallIsLostOnAnUnusedConnection(t *testing.T) {
	t.Parallel()
	var listener *pipes
	id, got := fakeTimeIdentity(t), newTally()
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		wait(ctx, 20*time.Millisecond) // longer than a call
		return listener.dial(ctx, network, address)
	}
	a := newAPIServer(t, registration{dial: dial, ca: id.ca, policy: admissionregistrationv1.Fail, timeout: usualTimeout})
	h := mustHandler(t, func(o *webhook.PodsOptions) {
		o.PullSecrets = secretsFunc(func(ctx context.Context, _ webhook.Need) webhook.Delivery {
			wait(ctx, 5*time.Millisecond)
			return webhook.Delivery{Ready: true}
		})
	})
	synctest.Test(t, func(t *testing.T) {
		listener = newPipes()
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- ours(0)(ctx, listener, id, h, func() {}) }()
		got.call(t.Context(), a) // opens a connection
		for after := 4990 * time.Millisecond; after < 5020*time.Millisecond; after += time.Millisecond / 2 {
			a.closeIdleConnections()
			got.call(t.Context(), a)
			var two sync.WaitGroup
			for range 2 { // the second opens another, and is served by the first
				two.Go(func() { got.call(t.Context(), a) })
			}
			two.Wait()
			time.Sleep(after)
			for range 2 { // one of them uses it
				two.Go(func() { got.call(t.Context(), a) })
			}
			two.Wait()
		}
		a.closeIdleConnections()
		end()
		require.NoError(t, <-ended)
		time.Sleep(time.Second)
	})
	t.Log(got)
	got.requireNothingLost(t)
}
