package certs

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"time"

	"github.com/cert-manager/cert-manager/pkg/util/pki"
)

// Leaf is a certificate that can be served, with its key. It prints without
// the key.
type Leaf struct {
	Certificate *x509.Certificate
	// CA is what signed it; nil where that is not known.
	CA *x509.Certificate

	pair  *tls.Certificate
	chain *x509.CertPool // what came with the certificate
}

// String names the certificate.
func (l *Leaf) String() string { return label(l.Certificate) }

// GoString implements fmt.GoStringer, so that no verb prints the key.
func (l *Leaf) GoString() string { return l.String() }

// ServiceNames are what a Service is called inside a cluster; the first is what
// the API server calls it.
func ServiceNames(service, namespace string) []string {
	name := service + "." + namespace
	return []string{name + ".svc", name + ".svc.cluster.local", name}
}

// Sign makes a certificate for names, with a key of its own.
func (a *Authority) Sign(names []string, now time.Time, life time.Duration) (*Leaf, error) {
	key, err := pki.GenerateECPrivateKey(pki.ECCurve256)
	if err != nil {
		return nil, fmt.Errorf("make key of a certificate: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, fmt.Errorf("make serial number: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "tcr-webhook"},
		DNSNames:              names,
		NotBefore:             now.Add(-slack(life)),
		NotAfter:              now.Add(life),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if template.NotAfter.After(a.Certificate.NotAfter) {
		template.NotAfter = a.Certificate.NotAfter
	}
	_, cert, err := pki.SignCertificate(template, a.Certificate, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate: %w", err)
	}
	return &Leaf{
		Certificate: cert, CA: a.Certificate,
		pair: &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert},
	}, nil
}

// mounted is a pair that somebody else has made.
func mounted(pair tls.Certificate) (*Leaf, error) {
	if len(pair.Certificate) == 0 {
		return nil, errors.New("the pair has no certificate")
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, errors.New("the certificate cannot be read")
	}
	pair.Leaf = leaf
	l := &Leaf{Certificate: leaf, pair: &pair, chain: x509.NewCertPool()}
	for _, der := range pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			l.chain.AddCert(c)
		}
	}
	return l, nil
}

// verify tells why an API server that trusts roots would refuse the
// certificate under the name host.
func (l *Leaf) verify(roots []*x509.Certificate, host string, now time.Time) error {
	pool := x509.NewCertPool()
	for _, c := range roots {
		pool.AddCert(c)
	}
	_, err := l.Certificate.Verify(x509.VerifyOptions{
		Roots: pool, Intermediates: l.chain, DNSName: host, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return err
}
