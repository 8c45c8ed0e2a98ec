package stack

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/pki"
)

// writeFiles writes what the process reads: its configuration, the emulator's
// key, and a kubeconfig that makes it the ServiceAccount of the manifests.
func (s *Stack) writeFiles(o Options) error {
	if err := errors.Join(os.MkdirAll(s.path("credentials"), 0o700), os.MkdirAll(s.path("tls"), 0o700)); err != nil {
		return err
	}
	user, err := s.Cluster.UserConfig(User, "system:serviceaccounts", "system:serviceaccounts:"+Namespace)
	if err != nil {
		return err
	}
	if o.Detour != nil {
		address, err := o.Detour(strings.TrimPrefix(user.Host, "https://"))
		if err != nil {
			return err
		}
		user.Host = "https://" + address
	}
	identity := s.Cloud.DefaultIdentity()
	return errors.Join(
		s.WriteConfig(o.Config),
		os.WriteFile(s.path("credentials/secretId"), []byte(identity.SecretID+"\n"), 0o600),
		os.WriteFile(s.path("credentials/secretKey"), []byte(identity.SecretKey+"\n"), 0o600),
		cluster.WriteKubeconfig(s.path("tcr-webhook.kubeconfig"), user),
	)
}

// writeCertificate writes a pair for the Service and returns its CA.
func writeCertificate(dir string) (*pki.CA, error) {
	ca, err := pki.New()
	if err != nil {
		return nil, err
	}
	leaf, err := ca.Leaf("tcr-webhook." + Namespace + ".svc")
	if err != nil {
		return nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
	if err != nil {
		return nil, err
	}
	return ca, errors.Join(
		os.WriteFile(filepath.Join(dir, corev1.TLSCertKey), chain(leaf), 0o600),
		os.WriteFile(filepath.Join(dir, corev1.TLSPrivateKeyKey), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600),
	)
}

func chain(leaf *tls.Certificate) []byte {
	var out []byte
	for _, der := range leaf.Certificate {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return out
}

// NewCA makes a CA that nobody else knows, in PEM.
func NewCA() ([]byte, error) {
	ca, err := pki.New()
	if err != nil {
		return nil, err
	}
	return ca.PEM(), nil
}
