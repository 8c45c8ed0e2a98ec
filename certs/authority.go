package certs

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/cert-manager/cert-manager/pkg/util/pki"
)

// Authority is a CA that can sign. It prints without its key.
type Authority struct {
	Certificate *x509.Certificate
	key         crypto.Signer
}

// String names the CA.
func (a *Authority) String() string { return label(a.Certificate) }

// GoString implements fmt.GoStringer, so that no verb prints the key.
func (a *Authority) GoString() string { return a.String() }

// label names a certificate by what tells it from others: where its serial
// number begins.
func label(c *x509.Certificate) string {
	if c == nil {
		return "none"
	}
	return short(c.SerialNumber)
}

func short(serial *big.Int) string {
	text := serial.Text(16)
	return text[:min(8, len(text))]
}

// serialBits is the size of serial numbers: as random ones they are never alike.
const serialBits = 127

func newSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits))
}

// NewAuthority makes a CA for a life from now on.
func NewAuthority(now time.Time, life time.Duration) (*Authority, error) {
	key, err := pki.GenerateECPrivateKey(pki.ECCurve256)
	if err != nil {
		return nil, fmt.Errorf("make key of a CA: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, fmt.Errorf("make serial number: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		// With a subject of its own, nobody takes one CA for another.
		Subject:               pkix.Name{CommonName: "tcr-webhook-ca", SerialNumber: short(serial)},
		NotBefore:             now.Add(-slack(life)),
		NotAfter:              now.Add(life),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	_, cert, err := pki.SignCertificate(template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign a CA: %w", err)
	}
	return &Authority{Certificate: cert, key: key}, nil
}

// parseAuthority reads a CA with its key. The certificate is returned also
// where the key is of no use.
func parseAuthority(certificate, key []byte) (*Authority, *x509.Certificate, error) {
	cert, err := pki.DecodeX509CertificateBytes(certificate)
	if err != nil {
		return nil, nil, errors.New("no certificate") // the error might quote what it read
	}
	if !cert.IsCA || cert.KeyUsage&x509.KeyUsageCertSign == 0 {
		return nil, cert, errors.New("not a CA")
	}
	signer, err := pki.DecodePrivateKeyBytes(key)
	if err != nil {
		return nil, cert, errors.New("no private key")
	}
	if match, err := pki.PublicKeyMatchesCertificate(signer.Public(), cert); err != nil || !match {
		return nil, cert, errors.New("the private key is another's")
	}
	return &Authority{Certificate: cert, key: signer}, cert, nil
}

// encode is the CA as parseAuthority reads it.
func (a *Authority) encode() (certificate, key []byte, err error) {
	if certificate, err = pki.EncodeX509(a.Certificate); err != nil {
		return nil, nil, fmt.Errorf("encode a CA: %w", err)
	}
	if key, err = pki.EncodePKCS8PrivateKey(a.key); err != nil {
		return nil, nil, errors.New("encode the key of a CA") // without the cause, which knows the key
	}
	return certificate, key, nil
}
