package stack

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

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
	ports           []int
	running         *process.Process
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

// PID is the process.
func (s *Server) PID() int { return s.running.PID }

// Kill ends the process as a crash does.
func (s *Server) Kill() { s.running.Kill() }

// Pause has the process stand still, until Resume.
func (s *Server) Pause() { s.running.Pause() }

// Resume ends Pause.
func (s *Server) Resume() { s.running.Resume() }

// Running reports whether there is a process.
func (s *Server) Running() bool { return s.running != nil && !s.running.Ended() }

// Stop asks the process to end. One that has ended already is no error.
func (s *Server) Stop() error {
	if !s.Running() {
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
