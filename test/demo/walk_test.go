package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/readme"
)

const (
	// upLimit is for a machine on which nothing is compiled yet but Kubernetes.
	upLimit = 10 * time.Minute
	// stepLimit is many times what a step takes.
	stepLimit = 2 * time.Minute
	// downLimit is many times what the demo takes to end.
	downLimit = time.Minute
)

// Somebody who has nothing but the README reaches a pull without a password, and
// an allow-list that enforces, by copying its blocks in their order; each says what
// it shows.
func TestTheReadmeIsGoneBy(t *testing.T) {
	t.Parallel()
	root, err := cluster.Checkout()
	require.NoError(t, err)
	steps := stepsOf(t, root, "### From a first pull to an allow-list")
	require.Equal(t, "make demo KEEP=1\n", steps[0].Commands, "the first terminal")
	other := newTerminal(t, root, startDemo(t, root, steps[0].Commands))
	for _, s := range steps[1:] {
		got, _ := other.run(t, s.Commands)
		require.NotEmpty(t, s.Output, "nothing is shown of\n%s", s.Commands)
		require.True(t, readme.Says(s.Output, got), "by\n%s\nthe README shows\n%s\nand there is\n%s", s.Commands, s.Output, got)
	}

	// As on a cluster of one's own.
	for _, s := range stepsOf(t, root, "## Allow-list") {
		got, code := other.run(t, "(\nset -e\n"+s.Commands+")\n")
		require.Zero(t, code, "%s\nends with\n%s", s.Commands, got)
	}
	require.Eventually(t, func() bool {
		got, _ := other.run(t, "kubectl run other --image=quay.io/team/app --dry-run=server\n")
		return strings.Contains(got, "not allowed by rule only-ours")
	}, stepLimit, time.Second, "the allow-list enforces")

	for _, s := range stepsOf(t, root, "### Emergency") {
		got, code := other.run(t, s.Commands)
		require.Zero(t, code, got)
	}
	got, code := other.run(t, "kubectl run other --image=quay.io/team/app\n")
	assert.Zero(t, code, "without its registrations it is in nobody's way: %s", got)
}

func stepsOf(t *testing.T, root, heading string) []readme.Step {
	t.Helper()
	steps, err := readme.Steps(root, heading)
	require.NoError(t, err)
	return steps
}

// startDemo runs commands in a terminal, until the test ends, and returns the file
// that another terminal is to read.
func startDemo(t *testing.T, root, commands string) (env string) {
	t.Helper()
	cmd := exec.Command("bash", "-c", commands)
	cmd.Dir = root
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); name != "MAKEFLAGS" && name != "MFLAGS" && name != "MAKELEVEL" { // of make test
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // for Ctrl-C reaches them all
	out := &screen{}
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) // it may have ended
		select {
		case err := <-ended:
			t.Log("the demo has ended:", err) // make minds a Ctrl-C
		case <-time.After(downLimit):
			assert.Fail(t, "the demo does not end", out.String())
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
		if env != "" {
			assert.NoFileExists(t, env, "it leaves nothing behind")
		}
	})
	limit := time.After(upLimit)
	for tick := time.Tick(200 * time.Millisecond); ; {
		if found := invitation.FindStringSubmatch(out.String()); found != nil {
			if env = found[1]; !filepath.IsAbs(env) {
				env = filepath.Join(root, env)
			}
			return env
		}
		select {
		case err := <-ended:
			ended <- err
			require.Fail(t, "the demo has ended", "%v\n%s", err, out)
		case <-limit:
			require.Fail(t, "the demo is not up", out.String())
		case <-tick:
		}
	}
}

// invitation names the file.
var invitation = regexp.MustCompile(`(?m)^\. (.*)$`)

// screen keeps what a command says.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer // under mu
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// terminal is one bash, for one block after the other.
type terminal struct {
	dir   string
	in    io.Writer
	lines chan string
	next  int
}

// newTerminal opens one in a folder with what the README's commands name of the
// checkout: the chart, and the file of the demo.
func newTerminal(t *testing.T, root, env string) *terminal {
	t.Helper()
	w := &terminal{dir: t.TempDir(), lines: make(chan string, 1024)}
	require.NoError(t, errors.Join(
		os.Symlink(filepath.Join(root, "deploy"), filepath.Join(w.dir, "deploy")),
		os.Mkdir(filepath.Join(w.dir, "bin"), 0o700),
		os.Symlink(env, filepath.Join(w.dir, "bin", "demo.env")),
	))
	ctx, end := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, "bash", "--norc")
	cmd.Dir = w.dir
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, said, err := os.Pipe()
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr, w.in = said, said, in
	require.NoError(t, cmd.Start())
	require.NoError(t, said.Close()) // it has its own
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(w.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			w.lines <- scan.Text()
		}
	}()
	t.Cleanup(func() {
		end()
		_ = cmd.Wait() // by the end of ctx
		for range w.lines {
			continue
		}
		<-read
		assert.NoError(t, out.Close())
	})
	return w
}

// run runs a block, and returns what it says and how its last command ends.
func (w *terminal) run(t *testing.T, commands string) (said string, code int) {
	t.Helper()
	w.next++
	file := filepath.Join(w.dir, fmt.Sprintf(".block-%d", w.next))
	require.NoError(t, os.WriteFile(file, []byte(commands), 0o600))
	mark := fmt.Sprintf("end of block %d:", w.next)
	_, err := fmt.Fprintf(w.in, ". %s </dev/null; echo \"%s $?\"\n", file, mark)
	require.NoError(t, err)
	limit := time.After(stepLimit)
	for {
		select {
		case line, open := <-w.lines:
			require.True(t, open, "the terminal is closed after\n%s\n%s", commands, said)
			if rest, is := strings.CutPrefix(line, mark); is {
				_, err := fmt.Sscan(rest, &code)
				require.NoError(t, err)
				return said, code
			}
			said += line + "\n"
		case <-limit:
			require.Fail(t, "it takes too long", "%s\n%s", commands, said)
		}
	}
}
