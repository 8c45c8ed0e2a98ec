package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	// idleTimeout is above the 90 s after which the API server itself gives up
	// a connection that it does not use (http.DefaultTransport's, which
	// apimachinery's net/http.go applies). With an equal or a shorter one the
	// two race, and the API server does not repeat a POST that lost.
	idleTimeout = 5 * time.Minute
	// headTimeout is above those 90 s too: net/http counts it, and not the one
	// above, from the handshake on, and the API server keeps connections that
	// it opened and then did not need.
	headTimeout = 2 * time.Minute
	// readTimeout bounds the arrival of a body. The API server sends its
	// reviews in one go.
	readTimeout = 5 * time.Second
	// writeTimeout bounds a request from its head to its answer, and a
	// handshake.
	writeTimeout = maxTimeout + 5*time.Second
	// maxHeaderBytes is far above the API server's, which are under 1 KiB.
	maxHeaderBytes = 16 << 10
	// defaultDrainDelay is longer than endpoints take to leave kube-proxy.
	defaultDrainDelay = 10 * time.Second
	// shutdownTimeout bounds the end after the delay: net/http waits 5 s for
	// connections that were never used.
	shutdownTimeout = 10 * time.Second
)

// ServerOptions are what a Server serves.
type ServerOptions struct {
	// Listener is where calls come in. Start closes it.
	Listener net.Listener
	// GetCertificate gives the certificate for each handshake.
	GetCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Handler answers, usually a mux of the webhooks by their paths.
	Handler http.Handler
	// DrainDelay is how long calls are answered after the end was asked for.
	// It should be longer than endpoints take to leave the load balancers.
	// Zero means 10 s.
	DrainDelay time.Duration
}

// Server is the HTTPS server that the API server calls.
//
// It is not controller-runtime's, which loses calls: its idle timeout equals
// the API server's, and it shuts down while calls are still sent to it.
type Server struct {
	options ServerOptions
	phase   atomic.Int32
}

// The phases of a Server's life.
const (
	phaseNew int32 = iota
	phaseServing
	phaseDraining
)

// NewServer checks options.
func NewServer(options ServerOptions) (*Server, error) {
	if options.Listener == nil || options.GetCertificate == nil || options.Handler == nil {
		return nil, errors.New("webhook server: an option is missing")
	}
	if options.DrainDelay == 0 {
		options.DrainDelay = defaultDrainDelay
	}
	return &Server{options: options}, nil
}

// NeedLeaderElection is false: every replica serves.
func (s *Server) NeedLeaderElection() bool { return false }

// Ready tells whether calls should be sent here, for a readiness probe.
func (s *Server) Ready() error {
	switch s.phase.Load() {
	case phaseServing:
		return nil
	case phaseDraining:
		return errors.New("webhook server: draining")
	}
	return errors.New("webhook server: not started")
}

// Start serves until ctx ends and no call is lost by it: first Ready fails, so
// that no new connections come; meanwhile every answer ends its connection,
// so that the old ones go; and only then the listener closes.
func (s *Server) Start(ctx context.Context) error {
	server := s.httpServer(ctx)
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(s.options.Listener, "", "") }()
	s.phase.Store(phaseServing)

	select {
	case err := <-served:
		return fmt.Errorf("serve webhooks: %w", err)
	case <-ctx.Done():
	}
	s.phase.Store(phaseDraining)
	logf.FromContext(ctx).Info("Draining the webhook server", "delay", s.options.DrainDelay.String())
	select {
	case err := <-served:
		return fmt.Errorf("serve webhooks while draining: %w", err)
	case <-time.After(s.options.DrainDelay):
	}
	return shutdown(ctx, server)
}

// shutdown ends server when its last call is answered, or at the latest after
// shutdownTimeout.
func shutdown(ctx context.Context, server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("shut down webhook server: %w", err), server.Close())
	}
	return nil
}

// httpServer is set up for the API server's way of calling, which is HTTP/1.1.
// Requests live on when ctx ends, and have its logger.
func (s *Server) httpServer(ctx context.Context) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	log := logf.FromContext(ctx)
	return &http.Server{
		Handler:   s.guard(s.options.Handler),
		Protocols: protocols,
		TLSConfig: &tls.Config{
			MinVersion:     tls.VersionTLS12,
			GetCertificate: s.options.GetCertificate,
		},
		ReadHeaderTimeout: headTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		// Broken handshakes and the like: anybody can cause them.
		ErrorLog: slog.NewLogLogger(logr.ToSlogHandler(log), slog.LevelDebug),
	}
}
