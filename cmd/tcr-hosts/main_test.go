//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// binaryEnv names the built command to a test that runs in a namespace.
const binaryEnv = "TCR_HOSTS_TEST_BINARY"

var binary string

func TestMain(m *testing.M) {
	code, err := withBinary(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// withBinary builds the command, as it is shipped, for as long as run takes.
func withBinary(run func() int) (int, error) {
	if binary = os.Getenv(binaryEnv); binary != "" {
		return run(), nil
	}
	folder, err := os.MkdirTemp("", "tcr-hosts")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(folder) }() // of a test
	binary = filepath.Join(folder, "tcr-hosts")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build: %w\n%s", err, out)
	}
	return run(), nil
}

const (
	usual    = "127.0.0.1\tlocalhost\n# no newline at the end\n10.1.1.1 nas"
	demoList = "- domain: demo.tencentcloudcr.com\n  ip: 10.0.0.2\n  disabled: false\n"
	demoLine = "10.0.0.2 \tdemo.tencentcloudcr.com # tcr-hosts\n"
	waitFor  = 20 * time.Second
	look     = 10 * time.Millisecond
)

// node is a node as the agent sees it.
type node struct{ list, hosts, state string }

func newNode(t *testing.T, list, hosts string) node {
	t.Helper()
	folder := t.TempDir()
	n := node{filepath.Join(folder, "hosts.yaml"), filepath.Join(folder, "hosts"), filepath.Join(folder, "state")}
	n.publish(t, list)
	require.NoError(t, os.WriteFile(n.hosts, []byte(hosts), 0o600))
	return n
}

// publish replaces the list, as the kubelet does, whole.
func (n node) publish(t *testing.T, list string) {
	t.Helper()
	require.NoError(t, os.WriteFile(n.list+".new", []byte(list), 0o600))
	require.NoError(t, os.Rename(n.list+".new", n.list))
}

func (n node) content(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(n.hosts)
	require.NoError(t, err)
	return string(data)
}

func (n node) args(more ...string) []string {
	return append([]string{"--hosts", n.list, "--file", n.hosts, "--state-dir", n.state, "--interval", look.String(), "--listen", "127.0.0.1:0"}, more...)
}

// running is the command as a process.
type running struct {
	*exec.Cmd
	log   *logBuffer
	ended chan struct{}
	err   error // how it did, once it has ended
}

// start runs the command until the test ends, at the latest.
func (n node) start(t *testing.T, more ...string) *running {
	t.Helper()
	return n.startAs(t, binary, "", more...)
}

// startAs runs program in root, if there is one.
func (n node) startAs(t *testing.T, program, root string, more ...string) *running {
	t.Helper()
	r := &running{Cmd: exec.Command(program, n.args(more...)...), log: &logBuffer{}, ended: make(chan struct{})}
	r.Stderr = r.log
	r.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Chroot: root}
	require.NoError(t, r.Start())
	go func() {
		r.err = r.Wait()
		close(r.ended)
	}()
	t.Cleanup(func() {
		_ = r.Process.Kill() // it may have ended
		<-r.ended
		if t.Failed() {
			t.Logf("the command says:\n%s", r.log)
		}
	})
	return r
}

// stop asks the command to end and returns how it did.
func (r *running) stop(t *testing.T) error {
	t.Helper()
	eventually(t, func() bool { return r.log.field("answers", "address") != "" }, "does not start")
	require.NoError(t, r.Process.Signal(syscall.SIGTERM))
	return r.end(t)
}

func (r *running) end(t *testing.T) error {
	t.Helper()
	select {
	case <-r.ended:
		return r.err
	case <-time.After(waitFor):
		require.Fail(t, "does not end")
		return nil
	}
}

// get asks the command over HTTP.
func (r *running) get(t *testing.T, path string) (int, string) {
	t.Helper()
	var address string
	eventually(t, func() bool {
		address = r.log.field("answers", "address")
		return address != ""
	}, "does not answer")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

// logBuffer is a log that is read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}

// field is a field of the last line with this message.
func (b *logBuffer) field(message, name string) string {
	found := ""
	for line := range strings.Lines(b.String()) {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) == nil && fields["msg"] == message {
			found = fmt.Sprint(fields[name])
		}
	}
	return found
}

func eventually(t *testing.T, is func() bool, message string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitFor)
	defer cancel()
	for tick := time.NewTicker(look); !is(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			require.Failf(t, message, "%v", args)
		}
	}
}

func TestFollowsTheList(t *testing.T) {
	t.Parallel()
	n := newNode(t, demoList, usual)
	r := n.start(t)
	has := func(line string) func() bool {
		return func() bool { return strings.Contains(n.content(t), line) }
	}
	eventually(t, has(demoLine), "the name does not come")

	n.publish(t, strings.ReplaceAll(demoList, "10.0.0.2", "10.0.0.3"))
	eventually(t, has("10.0.0.3 \tdemo"), "the address does not change")

	n.publish(t, demoList+"- domain: evil.example.com\n  ip: 10.0.0.66\n")
	eventually(t, has(demoLine), "the address does not change back")
	assert.NotContains(t, n.content(t), "evil")
	const refused = "refused a name that --domains does not allow"
	eventually(t, func() bool { return r.log.field(refused, "domain") == "evil.example.com" }, "a refusal is not told")

	n.publish(t, demoList+"  domain: twice\n")
	eventually(t, func() bool { code, _ := r.get(t, "/readyz"); return code != http.StatusOK }, "a broken list is not told")
	_, body := r.get(t, "/readyz")
	assert.Contains(t, body, "hosts.yaml:4: mapping key")
	assert.Contains(t, n.content(t), demoLine, "a broken list takes the names away")
	_, metrics := r.get(t, "/metrics")
	assert.Contains(t, metrics, "\ntcr_hosts_up_to_date 0\n")
	assert.Contains(t, metrics, "\ntcr_hosts_list_valid 0\n")
	assert.Contains(t, metrics, "\ntcr_hosts_entries 1\n")

	n.publish(t, strings.ReplaceAll(demoList, "false", "true"))
	eventually(t, func() bool { return n.content(t) == usual }, "a disabled name stays")
	n.publish(t, demoList)
	eventually(t, has(demoLine), "an enabled name does not come")
	require.NoError(t, os.Remove(n.list))
	eventually(t, func() bool { return n.content(t) == usual }, "the names stay when the list is gone")
	code, _ := r.get(t, "/healthz")
	assert.Equal(t, http.StatusOK, code)
	require.NoError(t, r.stop(t))
}

func TestRemoval(t *testing.T) {
	t.Parallel()
	t.Run("not when told to stop, as in an update", func(t *testing.T) {
		t.Parallel()
		n := newNode(t, demoList, usual)
		r := n.start(t)
		eventually(t, func() bool { return strings.Contains(n.content(t), demoLine) }, "no name")
		require.NoError(t, r.stop(t))
		assert.Contains(t, n.content(t), demoLine)

		out, err := exec.Command(binary, "remove", "--file", n.hosts, "--state-dir", n.state).CombinedOutput()
		require.NoError(t, err, string(out))
		assert.Equal(t, usual, n.content(t))
		out, err = exec.Command(binary, "remove", "--file", n.hosts, "--state-dir", n.state).CombinedOutput()
		require.NoError(t, err, string(out))
		assert.Equal(t, usual, n.content(t))
	})
	t.Run("when told to stop, with the flag", func(t *testing.T) {
		t.Parallel()
		n := newNode(t, demoList, usual)
		r := n.start(t, "--remove-on-exit")
		eventually(t, func() bool { return strings.Contains(n.content(t), demoLine) }, "no name")
		require.NoError(t, r.stop(t))
		assert.Equal(t, usual, n.content(t))
	})
}

func TestConflictsAreToldAndNotFought(t *testing.T) {
	t.Parallel()
	const addon = "10.0.0.7 demo.tencentcloudcr.com\n10.0.0.7 old.tencentcloudcr.com\n"
	n := newNode(t, demoList, addon)
	r := n.start(t)
	eventually(t, func() bool { code, _ := r.get(t, "/readyz"); return code == http.StatusOK }, "no name")
	assert.Equal(t, addon, n.content(t)[:len(addon)])
	assert.Contains(t, n.content(t), demoLine)
	_, metrics := r.get(t, "/metrics")
	assert.Contains(t, metrics, `tcr_hosts_conflicts{kind="OtherAddress"} 1`)
	assert.Contains(t, metrics, `tcr_hosts_conflicts{kind="NotPublished"} 1`)
	assert.Contains(t, metrics, "\ntcr_hosts_up_to_date 1\n")
	_, body := r.get(t, "/readyz")
	assert.Contains(t, body, "line 1 gives demo.tencentcloudcr.com the address 10.0.0.7 (OtherAddress)\n")
	assert.Equal(t, 2, strings.Count(r.log.String(), "hosts-updater"), "each is told once")
}

func TestSomebodyTakesTheBlockOut(t *testing.T) {
	t.Parallel()
	n := newNode(t, demoList, usual)
	r := n.start(t)
	for i := range freeRepairs {
		eventually(t, func() bool { return strings.Contains(n.content(t), demoLine) }, "does not come back, time %d", i)
		require.NoError(t, os.WriteFile(n.hosts, []byte(usual), 0o600))
	}
	eventually(t, func() bool { return strings.Contains(n.content(t), demoLine) }, "the last free repair")
	require.NoError(t, os.WriteFile(n.hosts, []byte(usual), 0o600))
	eventually(t, func() bool { code, _ := r.get(t, "/readyz"); return code != http.StatusOK }, "is not told")
	_, body := r.get(t, "/readyz")
	assert.Contains(t, body, "somebody keeps removing our names")
	assert.Equal(t, usual, n.content(t))
}

// As a Pod of the DaemonSet has it, with a usual hosts file.
func TestMemory(t *testing.T) {
	t.Parallel()
	n := newNode(t, demoList, strings.Repeat("10.1.1.1 some.host.example # a node\n", 200))
	r := n.start(t)
	eventually(t, func() bool { return strings.Contains(n.content(t), demoLine) }, "no name")
	for range 50 {
		r.get(t, "/metrics")
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.Process.Pid))
	require.NoError(t, err)
	var total, own int // KiB
	for line := range strings.Lines(string(status)) {
		_, _ = fmt.Sscanf(line, "VmHWM: %d kB", &total)
		_, _ = fmt.Sscanf(line, "RssAnon: %d kB", &own)
	}
	t.Logf("at most %d KiB resident, %d KiB of them its own", total, own)
	require.NotZero(t, own)
	assert.Less(t, total, 16<<10)
	assert.Less(t, own, 8<<10)
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"a domain that is none":       {[]string{"--domains", "*.example.com"}, `--domains: "*.example.com": is not a host name`},
		"a suffix for half the world": {[]string{"--domains", ".com"}, `--domains: ".com": is not a host name with a dot in it`},
		"no domain":                   {[]string{"--domains", ""}, "--domains: is empty"},
		"an interval of nothing":      {[]string{"--interval", "0s"}, "--interval: 0s is shorter than 10ms"},
		"an address that is none":     {[]string{"--listen", "8080"}, `--listen: "8080" is not an address such as :8080`},
		"a level that is none":        {[]string{"--log-level", "loud"}, `--log-level: "loud" is not debug`},
		"an argument":                 {[]string{"install"}, `unknown command "install"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.ErrorContains(t, run(t.Context(), tt.args, io.Discard), tt.want)
		})
	}
}
