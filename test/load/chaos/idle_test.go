package chaos

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/tcr-webhook/tcr-webhook/webhook"
)

// apiServerIdle is how long kube-apiserver keeps a connection that it does not
// use (apimachinery, util/net/http.go).
const apiServerIdle = 90 * time.Second

// pipes is a net.Listener in memory, on which fake time can pass.
type pipes struct {
	incoming chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func newPipes() *pipes { return &pipes{incoming: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.incoming:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.incoming <- there:
		return &wire{Conn: here}, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// oneWay is how long bytes take from the server to the API server.
const oneWay = time.Millisecond

// wire is the API server's end of a connection, and behaves like TCP where a
// pipe would not: what the server sends, and that it has closed, arrives a
// while later, and what is sent to a server that has closed seems to be sent.
type wire struct {
	net.Conn
	closed atomic.Bool
}

func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	time.Sleep(oneWay)
	return n, err
}

func (w *wire) Write(b []byte) (int, error) {
	n, err := w.Conn.Write(b)
	if errors.Is(err, io.ErrClosedPipe) && !w.closed.Load() {
		return len(b), nil
	}
	return n, err
}

func (w *wire) Close() error {
	w.closed.Store(true)
	return w.Conn.Close()
}

// fakeTimeIdentity is valid where the clock begins in 2000.
func fakeTimeIdentity(t *testing.T) (id identity) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { id = mustIdentity(t) })
	return id
}

// waves has callers call all at once, again and again, with the API server's
// and the server's own idle timeouts. In between, every connection is idle for
// what pause says, counted from the instant when both sides began to wait.
// It runs on fake time.
func waves(t *testing.T, by serve, callers, rounds int, pause func() time.Duration) *tally {
	t.Helper()
	var listener *pipes
	id, got := fakeTimeIdentity(t), newTally()
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		return listener.dial(ctx, network, address)
	}
	a := newAPIServer(t, registration{dial: dial, ca: id.ca, policy: admissionregistrationv1.Fail, timeout: usualTimeout})
	slow := mustHandler(t, func(o *webhook.PodsOptions) {
		o.PullSecrets = secretsFunc(func(ctx context.Context, _ webhook.Need) webhook.Delivery {
			wait(ctx, 5*time.Millisecond) // so that the calls of a wave need a connection each
			return webhook.Delivery{Ready: true}
		})
	})
	synctest.Test(t, func(t *testing.T) {
		listener = newPipes()
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- by(ctx, listener, id, slow, func() {}) }()
		for range rounds {
			var wave sync.WaitGroup
			for range callers {
				wave.Go(func() { got.call(t.Context(), a) })
			}
			wave.Wait()
			time.Sleep(pause())
		}
		assert.Equal(t, apiServerIdle, a.transport.IdleConnTimeout, "the API server has changed")
		assert.Equal(t, 25, a.transport.MaxIdleConnsPerHost, "the API server has changed")
		a.closeIdleConnections()
		end()
		require.NoError(t, <-ended)
		time.Sleep(time.Second) // until all that is on the wire has arrived
	})
	return got
}

// aroundExpiry is 85 to 95 s, every third time the very instant at which the
// API server gives up the connection, or a moment off it.
func aroundExpiry() time.Duration {
	switch rand.IntN(6) {
	case 0:
		return apiServerIdle
	case 1:
		return apiServerIdle - oneWay + rand.N(2*oneWay)
	}
	return 85*time.Second + rand.N(10*time.Second)
}

func TestNoCallIsLostByKeepAliveExpiry(t *testing.T) {
	t.Parallel()
	rounds := 400
	if testing.Short() {
		rounds = 40
	}
	got := waves(t, ours(0), 25, rounds, aroundExpiry)
	t.Logf("calls spaced 85 to 95 s on fake time: %s", got)
	got.requireNothingLost(t)
	assert.Equal(t, 25*rounds, got.calls())
}

// TestAnEqualIdleTimeoutLosesCalls shows that the test above can fail:
// controller-runtime's server gives up a connection after 90 s, too.
func TestAnEqualIdleTimeoutLosesCalls(t *testing.T) {
	t.Parallel()
	equal := func(ctx context.Context, l net.Listener, id identity, h http.Handler, _ func()) error {
		s := &http.Server{Handler: h, TLSConfig: &tls.Config{GetCertificate: id.certificate}, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: apiServerIdle}
		go func() {
			<-ctx.Done()
			_ = s.Close() // no call is under way
		}()
		if err := s.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
	got := waves(t, equal, 25, 10, func() time.Duration { return apiServerIdle - rand.N(oneWay) })
	t.Logf("both sides give up after 90 s: %s", got)
	assert.Positive(t, got.losses())
}

// plainReview is one that asks for nothing.
const plainReview = `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","kind":{"kind":"Pod"},"operation":"CREATE","object":{}}}`

// TestIdleTimeoutOfTheServer measures it: how long a connection stays open on
// which there was one call.
func TestIdleTimeoutOfTheServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		id, listener := mustIdentity(t), newPipes()
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		h := mustHandler(t, nil)
		go func() { ended <- ours(0)(ctx, listener, id, h, func() {}) }()
		raw, err := listener.dial(t.Context(), "", "")
		require.NoError(t, err)
		conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // of a pipe
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			webhook.PodsPath, serviceHost, len(plainReview), plainReview)
		require.NoError(t, err)
		start := time.Now()
		answer, err := io.ReadAll(conn) // until the server closes
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(answer), "HTTP/1.1 200 "), "%s", answer)
		t.Logf("the server closed the connection after %s", time.Since(start))
		assert.GreaterOrEqual(t, time.Since(start), 120*time.Second)
		_ = raw.Close() // which the server did
		end()
		require.NoError(t, <-ended)
	})
}

// TestNoCallIsLostByScaledExpiry is on real sockets: the API server's timeout
// is scaled down to 40 ms, and callers come back after 20 to 60.
func TestNoCallIsLostByScaledExpiry(t *testing.T) {
	const callers, idle = 25, 40 * time.Millisecond
	rounds := 200
	if testing.Short() {
		rounds = 10
	}
	id, got := mustIdentity(t), newTally()
	r := mustReplica(t, id, mustHandler(t, nil), ours(time.Millisecond))
	a := newAPIServer(t, registration{dial: r.dial, ca: id.ca, policy: admissionregistrationv1.Fail, timeout: usualTimeout,
		tune: func(tr *http.Transport) { tr.IdleConnTimeout = idle }})
	var load sync.WaitGroup
	for range callers {
		load.Go(func() {
			for range rounds {
				got.call(t.Context(), a)
				wait(t.Context(), idle/2+rand.N(idle))
			}
		})
	}
	load.Wait()
	a.closeIdleConnections()
	t.Logf("the API server's timeout scaled to %s: %s", idle, got)
	got.requireNothingLost(t)
}
