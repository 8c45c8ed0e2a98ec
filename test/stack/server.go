package stack

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/pki"
	"github.com/tcr-webhook/tcr-webhook/test/process"
)

// Namespace is where the manifests install tcr-webhook.
const Namespace = "tcr-webhook"

// Build builds tcr-webhook into dir and returns the binary's path.
func Build(ctx context.Context, dir string, flags ...string) (string, error) {
	binary := filepath.Join(dir, "tcr-webhook")
	args := append(append([]string{"build"}, flags...), "-o", binary, "./cmd/tcr-webhook")
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root()
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build tcr-webhook: %w\n%s", err, out)
	}
	return binary, nil
}

// Server is tcr-webhook as a process.
type Server struct {
	Address string // of the webhook
	LogFile string

	binary          string
	dir             string
	metrics, probes string // URLs
	ca              *pki.CA
	ports           []int
	running         *process.Process
}

func (s *Stack) startServer(ctx context.Context, o Options) error {
	if err := s.writeFiles(o.Config); err != nil {
		return fmt.Errorf("prepare tcr-webhook: %w", err)
	}
	ca, err := writeCertificate(s.path("tls"))
	if err != nil {
		return err
	}
	s.Server = &Server{LogFile: s.path("tcr-webhook.log"), binary: o.Binary, dir: s.dir, ca: ca}
	s.stop = append(s.stop, s.Server.Stop)
	_, err = process.OnFreePorts(ctx, 3, s.Server.start)
	return err
}

// start runs the process and returns when it would get calls. It goes on with
// the log of earlier runs.
func (s *Server) start(ctx context.Context, ports []int) (*process.Process, error) {
	address := func(i int) string { return "127.0.0.1:" + strconv.Itoa(ports[i]) }
	s.ports, s.Address = ports, address(0)
	s.metrics, s.probes = "http://"+address(1)+"/metrics", "http://"+address(2)+"/readyz"
	path := func(name string) string { return filepath.Join(s.dir, name) }
	c := process.Server("tcr-webhook", s.binary, s.LogFile, []string{
		"--config", path("config.yaml"), "--credentials-dir", path("credentials"), "--tls-dir", path("tls"),
		"--kubeconfig", path("tcr-webhook.kubeconfig"), "--namespace", Namespace,
		"--listen", address(0), "--metrics-listen", address(1), "--probes-listen", address(2),
		"--drain-delay", "1s",
	})
	c.Append = true
	p, err := process.Launch(c)
	if err != nil {
		return nil, err
	}
	s.running = p
	return p, p.Await(ctx, func(ctx context.Context) error { return process.Get(ctx, http.DefaultClient, s.probes) })
}

// Restart starts the process again where it was, after Kill or Stop.
func (s *Server) Restart(ctx context.Context) error {
	_, err := s.start(ctx, s.ports)
	return err
}

// writeFiles writes what the process reads: its configuration, the emulator's
// key, and a kubeconfig that makes it the ServiceAccount of the manifests.
func (s *Stack) writeFiles(config string) error {
	if err := errors.Join(os.MkdirAll(s.path("credentials"), 0o700), os.MkdirAll(s.path("tls"), 0o700)); err != nil {
		return err
	}
	user, err := s.Cluster.UserConfig("system:serviceaccount:"+Namespace+":tcr-webhook",
		"system:serviceaccounts", "system:serviceaccounts:"+Namespace)
	if err != nil {
		return err
	}
	identity := s.Cloud.DefaultIdentity()
	return errors.Join(
		s.WriteConfig(config),
		os.WriteFile(s.path("credentials/secretId"), []byte(identity.SecretID+"\n"), 0o600),
		os.WriteFile(s.path("credentials/secretKey"), []byte(identity.SecretKey+"\n"), 0o600),
		cluster.WriteKubeconfig(s.path("tcr-webhook.kubeconfig"), user),
	)
}

// writeCertificate writes a pair for loopback and returns its CA.
func writeCertificate(dir string) (*pki.CA, error) {
	ca, err := pki.New()
	if err != nil {
		return nil, err
	}
	leaf, err := ca.Leaf("127.0.0.1")
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

// Scrape reads the metrics.
func (s *Server) Scrape(ctx context.Context) (string, error) { return get(ctx, s.metrics) }

func get(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", url, resp.Status, bytes.TrimSpace(body))
	}
	return string(body), err
}

// Log is everything the process has written.
func (s *Server) Log() (string, error) {
	data, err := os.ReadFile(s.LogFile)
	return string(data), err
}

// Kill ends the process as a crash does.
func (s *Server) Kill() { s.running.Kill() }

// Stop asks the process to end. One that has ended already is no error.
func (s *Server) Stop() error {
	if s.running == nil || s.running.Ended() {
		return nil
	}
	if err := s.running.Stop(); err != nil {
		return err
	}
	if s.running.Err != nil {
		return s.running.ExitError() // it was asked to end, and is to end well
	}
	return nil
}
