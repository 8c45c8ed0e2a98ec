package integration

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// TestDoctorNamesWhatIsWrongWithTheCertificate serves what the API server refuses.
func TestDoctorNamesWhatIsWrongWithTheCertificate(t *testing.T) {
	t.Parallel()
	b := newBed(t, stack.Options{Certs: "provided"})
	b.p.names(t, b.Stack, "", "")
	other, err := stack.NewCA()
	require.NoError(t, err)
	// Which otherwise keeps anybody from emptying it.
	b.remove(t, &admissionregistrationv1.ValidatingAdmissionPolicyBinding{}, "", "tcr-webhook-cabundle")
	bundle := func(pem []byte) func() {
		return change(t, b, "", "zz-tcr-webhook", func(m *admissionregistrationv1.MutatingWebhookConfiguration) {
			for i := range m.Webhooks {
				m.Webhooks[i].ClientConfig.CABundle = pem
			}
		})
	}
	for _, tt := range []struct { //nolint:paralleltest // one after the other
		name, code, text string
		pem              []byte
	}{
		{"of somebody else", "TCR108", "", other},
		{"none", "TCR108", "no caBundle", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mend := bundle(tt.pem)
			b.p.names(t, b.Stack, tt.code, tt.text)
			mend()
		})
		b.p.names(t, b.Stack, "", "")
	}
}

// TestDoctorNamesACertificateThatEnds starts with a pair that nobody renews.
func TestDoctorNamesACertificateThatEnds(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	b := newBed(t, stack.Options{Certs: "provided", Mount: func(_ context.Context, dir string) error {
		return ca.write(dir, 40*time.Second, "tcr-webhook."+stack.Namespace+".svc")
	}})
	b.p.names(t, b.Stack, "TCR106", "expired at")
}

// authority signs certificates that hold for as long as a test wants.
type authority struct {
	root *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a CA of the test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	require.NoError(t, err)
	root, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{root, key}
}

// write puts a pair for host into dir, and the CA, which the server then writes
// into the caBundles.
func (a *authority) write(dir string, life time.Duration, host string) error {
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{host}, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(life),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.root, a.key.Public(), a.key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return err
	}
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "ca.crt"), block("CERTIFICATE", a.root.Raw), 0o600),
		os.WriteFile(filepath.Join(dir, "tls.key"), block("PRIVATE KEY", private), 0o600),
		os.WriteFile(filepath.Join(dir, "tls.crt"), block("CERTIFICATE", der), 0o600),
	)
}
