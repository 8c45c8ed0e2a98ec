package chaos

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/pki"
	"github.com/tcr-webhook/tcr-webhook/webhook"
)

const (
	writtenImage   = "demo.tencentcloudcr.com/team/app:1"
	servedImage    = "demo-vpc.tencentcloudcr.com/team/app:1"
	pullSecretName = "tcr-pull"
)

// secretsFunc is a webhook.PullSecrets.
type secretsFunc func(ctx context.Context, need webhook.Need) webhook.Delivery

func (f secretsFunc) Ensure(ctx context.Context, need webhook.Need) webhook.Delivery {
	return f(ctx, need)
}

// newState knows one instance, reached under its private name, for all
// namespaces.
func newState() (*webhook.State, error) {
	all, err := registry.SelectNamespaces(nil, nil)
	if err != nil {
		return nil, err
	}
	directory, _ := registry.NewDirectory([]registry.Entry{{
		ID:    "tcr-demo0001",
		Hosts: registry.Hosts{Public: "demo.tencentcloudcr.com", Private: "demo-vpc.tencentcloudcr.com"},
		Route: registry.RoutePrivateName, Namespaces: all,
	}})
	return &webhook.State{Directory: directory, PullSecretName: pullSecretName}, nil
}

// newHandler serves pods as the program does, with all there is to know in
// memory, changed by edit.
func newHandler(edit func(*webhook.PodsOptions)) (http.Handler, error) {
	state, err := newState()
	if err != nil {
		return nil, err
	}
	metrics, err := webhook.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		return nil, err
	}
	options := webhook.PodsOptions{
		Snapshot:    func() *webhook.State { return state },
		Namespaces:  func(string) (map[string]string, bool) { return nil, true },
		PullSecrets: secretsFunc(func(context.Context, webhook.Need) webhook.Delivery { return webhook.Delivery{Ready: true} }),
		Metrics:     metrics,
	}
	if edit != nil {
		edit(&options)
	}
	pods, err := webhook.NewPods(options)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(webhook.PodsPath, pods)
	return mux, nil
}

func mustHandler(t *testing.T, edit func(*webhook.PodsOptions)) http.Handler {
	t.Helper()
	h, err := newHandler(edit)
	require.NoError(t, err)
	return h
}

// identity is a CA and the Service's certificate by it. A transport of the API
// server is shared by all with the same CA, so tests that tune one need their own.
type identity struct {
	ca   []byte // PEM
	leaf *tls.Certificate
	// broken gives the certificate in the place of leaf, unless it is nil.
	broken func() (*tls.Certificate, error)
}

func newIdentity() (identity, error) {
	ca, err := pki.New()
	if err != nil {
		return identity{}, err
	}
	leaf, err := ca.Leaf(serviceHost)
	return identity{ca: ca.PEM(), leaf: leaf}, err
}

func mustIdentity(t *testing.T) identity {
	t.Helper()
	id, err := newIdentity()
	require.NoError(t, err)
	return id
}

func (i identity) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if i.broken != nil {
		return i.broken()
	}
	return i.leaf, nil
}

// serve serves on l until ctx ends, in one of the ways below, and tells by
// ready when calls may come.
type serve func(ctx context.Context, l net.Listener, id identity, h http.Handler, ready func()) error

// ours serves by this project's server.
func ours(drain time.Duration) serve {
	return func(ctx context.Context, l net.Listener, id identity, h http.Handler, ready func()) error {
		s, err := webhook.NewServer(webhook.ServerOptions{Listener: l, GetCertificate: id.certificate, Handler: h, DrainDelay: drain})
		if err != nil {
			return err
		}
		ready() // the listener is open: a call that is early waits in its backlog
		return s.Start(logf.IntoContext(ctx, logr.Discard()))
	}
}

// abrupt serves as most webhooks do, which shut down when they are told to.
func abrupt(ctx context.Context, l net.Listener, id identity, h http.Handler, ready func()) error {
	s := &http.Server{Handler: h, TLSConfig: &tls.Config{GetCertificate: id.certificate}, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 5 * time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- s.ServeTLS(l, "", "") }()
	ready()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		return s.Shutdown(context.WithoutCancel(ctx))
	}
}

// replica is one running server.
type replica struct {
	address string
	end     context.CancelFunc
	ended   chan error
}

// startReplica returns when calls may be sent to it.
func startReplica(ctx context.Context, id identity, h http.Handler, by serve) (*replica, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	r := &replica{address: l.Addr().String(), end: end, ended: make(chan error, 1)}
	ready := make(chan struct{})
	go func() { r.ended <- by(ctx, l, id, h, func() { close(ready) }) }()
	select {
	case <-ready:
		return r, nil
	case err := <-r.ended:
		end()
		return nil, err
	}
}

// mustReplica is a replica that ends with the test.
func mustReplica(t *testing.T, id identity, h http.Handler, by serve) *replica {
	t.Helper()
	r, err := startReplica(t.Context(), id, h, by)
	require.NoError(t, err)
	t.Cleanup(func() {
		r.end()
		require.NoError(t, <-r.ended)
	})
	return r
}

// dial connects to this replica, whatever name is asked for.
func (r *replica) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, r.address)
}
