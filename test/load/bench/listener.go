package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/pki"
)

// listener is a port on loopback with a certificate: ECDSA P-256, the key that
// is cheapest to sign with of those that every client knows.
type listener struct {
	net.Listener
	address     string
	certificate *tls.Certificate
	ca          []byte // PEM
}

func listen(ctx context.Context) (*listener, error) {
	ca, err := pki.New()
	if err != nil {
		return nil, err
	}
	leaf, err := ca.Leaf("127.0.0.1")
	if err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &listener{Listener: l, address: l.Addr().String(), certificate: leaf, ca: ca.PEM()}, nil
}

func (l *listener) getCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return l.certificate, nil
}

// serve serves handler by HTTP/1.1 alone, which is what the API server speaks
// to the webhooks of a cluster. (It would speak HTTP/2 to loopback.)
func (l *listener) serve(handler http.Handler) error {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	server := &http.Server{
		Handler:   handler,
		Protocols: protocols,
		TLSConfig: &tls.Config{GetCertificate: l.getCertificate, MinVersion: tls.VersionTLS12},
	}
	return server.ServeTLS(l, "", "")
}
