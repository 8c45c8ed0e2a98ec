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
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/pki"
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
	Metrics string // URL
	LogFile string

	ca     *pki.CA
	probes string // URL
	args   []string
	binary string
	cmd    *exec.Cmd
	done   chan struct{} // closed when it has ended
}

func (s *Stack) startServer(ctx context.Context, o Options) error {
	if err := s.writeFiles(o.Config); err != nil {
		return fmt.Errorf("prepare tcr-webhook: %w", err)
	}
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	srv := &Server{
		Address: ports[0], Metrics: "http://" + ports[1] + "/metrics", probes: "http://" + ports[2],
		LogFile: s.path("tcr-webhook.log"), binary: o.Binary,
	}
	srv.args = []string{
		"--config", s.path("config.yaml"), "--credentials-dir", s.path("credentials"), "--tls-dir", s.path("tls"),
		"--kubeconfig", s.path("tcr-webhook.kubeconfig"), "--namespace", Namespace,
		"--listen", ports[0], "--metrics-listen", ports[1], "--probes-listen", ports[2],
		"--drain-delay", "1s",
	}
	if srv.ca, err = writeCertificate(s.path("tls")); err != nil {
		return err
	}
	s.Server = srv
	s.stop = append(s.stop, srv.Stop)
	if err := srv.Start(); err != nil {
		return err
	}
	return srv.AwaitReady(ctx)
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

// freePorts chooses loopback addresses that nobody listens on.
func freePorts(n int) ([]string, error) {
	addresses := make([]string, n)
	for i := range addresses {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // nothing is waited for
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // held until all are chosen
		addresses[i] = l.Addr().String()
	}
	return addresses, nil
}

// Start starts the process, which goes on with the log of earlier ones.
func (s *Server) Start() error {
	log, err := os.OpenFile(s.LogFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()        // the child has its own descriptor
	s.cmd = exec.Command(s.binary, s.args...) //nolint:noctx // it ends by Stop
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is its owner's
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start tcr-webhook: %w", err)
	}
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		_ = s.cmd.Wait() // how it ended is in the log
	}()
	return nil
}

const (
	readyWithin = 30 * time.Second
	stopWithin  = 20 * time.Second
)

// AwaitReady waits until the process would get calls.
func (s *Server) AwaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("tcr-webhook was not ready within %s; its last words:\n%s", readyWithin, s.lastWords())
		case <-s.done:
			return fmt.Errorf("tcr-webhook ended; its last words:\n%s", s.lastWords())
		case <-tick.C:
			if _, err := get(ctx, s.probes+"/readyz"); err == nil {
				return nil
			}
		}
	}
}

// Scrape reads the metrics.
func (s *Server) Scrape(ctx context.Context) (string, error) { return get(ctx, s.Metrics) }

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

func (s *Server) lastWords() string {
	text, err := s.Log()
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// Kill ends the process as a crash does.
func (s *Server) Kill() error {
	err := s.cmd.Process.Kill()
	<-s.done
	return err
}

// Stop asks the process to end, and makes it after a while.
func (s *Server) Stop() error {
	if s.cmd == nil || s.done == nil {
		return nil
	}
	select {
	case <-s.done:
		return nil
	default:
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop tcr-webhook: %w", err)
	}
	select {
	case <-s.done:
		return nil
	case <-time.After(stopWithin):
		return errors.Join(fmt.Errorf("tcr-webhook did not stop within %s", stopWithin), s.Kill())
	}
}
