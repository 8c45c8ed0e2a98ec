package tencent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/cvm"
)

// listener is one address and its server. Nil is one that never started.
type listener struct {
	address string
	server  *http.Server
	done    chan error
}

// serve listens on address and serves handler there, with TLS if config is
// not nil.
func serve(ctx context.Context, address string, config *tls.Config, handler http.Handler) (*listener, error) {
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	l := &listener{
		address: socket.Addr().String(),
		server: &http.Server{
			Handler: handler, TLSConfig: config, ReadHeaderTimeout: 10 * time.Second,
			// Clients that do not trust the CA, or go away, are what tests are about.
			ErrorLog: log.New(io.Discard, "", 0),
		},
		done: make(chan error, 1),
	}
	go func() {
		if config == nil {
			l.done <- l.server.Serve(socket)
		} else {
			l.done <- l.server.ServeTLS(socket, "", "")
		}
	}()
	return l, nil
}

// close cuts all connections and waits for the server to end.
func (l *listener) close() error {
	if l == nil {
		return nil
	}
	err := l.server.Close()
	if served := <-l.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

func (c *Cloud) listen(ctx context.Context, o Options) (err error) {
	if c.api, err = serve(ctx, o.APIAddress, nil, c.gateway.Handler("tcr")); err != nil {
		return fmt.Errorf("TCR API: %w", err)
	}
	api := &tls.Config{GetCertificate: c.certificate(isAPIHost)}
	if c.sts, err = serve(ctx, o.STSAddress, api, c.gateway.Handler("sts")); err != nil {
		return fmt.Errorf("STS: %w", err)
	}
	if c.stsPlain, err = serve(ctx, o.STSPlainAddress, nil, c.gateway.Handler("sts")); err != nil {
		return fmt.Errorf("STS without TLS: %w", err)
	}
	node := c.gateway.Aside("metadata", cvm.Action, (&cvm.Metadata{Book: c.book}).Page)
	if c.metadata, err = serve(ctx, o.MetadataAddress, nil, node); err != nil {
		return fmt.Errorf("metadata server: %w", err)
	}
	pulls := &tls.Config{GetCertificate: c.certificate(c.isRegistryHost)}
	if c.pulls, err = serve(ctx, o.RegistryAddress, pulls, c.registry); err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	return nil
}

// certificate answers for the names that served lets through, and for the
// loopback address to clients that name no host.
func (c *Cloud) certificate(served func(string) bool) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		switch {
		case hello.ServerName == "":
			host, _, err := net.SplitHostPort(hello.Conn.LocalAddr().String())
			if err != nil {
				return nil, fmt.Errorf("certificate for a client without SNI: %w", err)
			}
			return c.ca.Leaf(host)
		case hello.ServerName == "localhost" || served(hello.ServerName):
			return c.ca.Leaf(hello.ServerName)
		}
		return nil, fmt.Errorf("no certificate for %q: the emulator does not serve it", hello.ServerName)
	}
}
