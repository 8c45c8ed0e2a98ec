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
	"strings"
	"sync"

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
	env, flags      []string
	metadata        string // URL of the node's metadata server
	metrics, probes string // URLs
	ports           []int

	mu      sync.Mutex // guards what is below
	running *process.Process
	kept    bool // whoever ends it wants it to stay so
}

// start runs the process and returns when it would get calls.
func (s *Server) start(ctx context.Context, ports []int) (*process.Process, error) {
	address := func(i int) string { return "127.0.0.1:" + strconv.Itoa(ports[i]) }
	s.ports, s.Address = ports, address(0)
	s.metrics, s.probes = "http://"+address(1)+"/metrics", "http://"+address(2)+"/readyz"
	p, err := s.launch()
	if err != nil {
		return nil, err
	}
	return p, s.ready(ctx, p)
}

// launch runs the process. It goes on with the log of earlier runs.
func (s *Server) launch() (*process.Process, error) {
	address := func(i int) string { return "127.0.0.1:" + strconv.Itoa(s.ports[i]) }
	path := func(name string) string { return filepath.Join(s.dir, name) }
	c := process.Server("tcr-webhook", s.binary, s.LogFile, append([]string{
		"--config", path("config.yaml"), "--credentials-dir", path("credentials"), "--tls-dir", path("tls"),
		"--kubeconfig", path("tcr-webhook.kubeconfig"), "--namespace", Namespace,
		"--listen", address(0), "--metrics-listen", address(1), "--probes-listen", address(2),
		"--drain-delay", "1s", "--metadata-server", s.metadata,
	}, s.flags...))
	c.Env = s.env
	c.Append = true
	p, err := process.Launch(c)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running, s.kept = p, false
	return p, nil
}

// Restart starts the process again where it was, after Kill or Stop, and
// returns when it would get calls.
func (s *Server) Restart(ctx context.Context) error {
	p, err := s.launch()
	if err != nil {
		return err
	}
	return s.ready(ctx, p)
}

// ready waits until p would get calls.
func (s *Server) ready(ctx context.Context, p *process.Process) error {
	return p.Await(ctx, func(ctx context.Context) error { return process.Get(ctx, http.DefaultClient, s.probes) })
}

// Ready is nil if the replica says that it is ready for calls.
func (s *Server) Ready(ctx context.Context) error {
	return process.Get(ctx, http.DefaultClient, s.probes)
}

// URL is that of a path on the port of the metrics: /metrics, or /status.
func (s *Server) URL(path string) string { return strings.TrimSuffix(s.metrics, "/metrics") + path }

// StatusPage reads the page for a browser.
func (s *Server) StatusPage(ctx context.Context) (string, error) { return get(ctx, s.URL("/status")) }

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

// process is the process that runs, or has ended last.
func (s *Server) process() *process.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

// PID is the process's.
func (s *Server) PID() int { return s.process().PID }

// Kill ends the process as a crash does. Supervise starts it again.
func (s *Server) Kill() { s.process().Kill() }

// Pause has the process stand still, until Resume.
func (s *Server) Pause() { s.process().Pause() }

// Resume ends Pause.
func (s *Server) Resume() { s.process().Resume() }

// Running reports whether there is a process.
func (s *Server) Running() bool {
	p := s.process()
	return p != nil && !p.Ended()
}

// Stop asks the process to end, which not even Supervise undoes. One that has
// ended already is no error.
func (s *Server) Stop() error {
	s.keep()
	if !s.Running() {
		return nil
	}
	p := s.process()
	if err := p.Stop(); err != nil {
		return err
	}
	if p.Err != nil {
		return p.ExitError() // it was asked to end, and is to end well
	}
	return nil
}

// keep has the process stay ended once it has.
func (s *Server) keep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = true
}

// revive starts the process again if it has ended by itself, and does not wait
// until it is ready.
func (s *Server) revive() error {
	s.mu.Lock()
	idle := !s.kept && s.running != nil && s.running.Ended()
	s.mu.Unlock()
	if !idle {
		return nil
	}
	_, err := s.launch()
	return err
}
