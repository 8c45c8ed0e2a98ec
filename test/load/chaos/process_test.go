package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// introduction is what a server in a process of its own says first.
type introduction struct {
	Address string `json:"address"` // of the webhook
	Vitals  string `json:"vitals"`  // URL
	CA      []byte `json:"ca"`      // PEM
}

// vitals are what an attack may not spoil.
type vitals struct {
	Goroutines int    `json:"goroutines"`
	Memory     uint64 `json:"memory"` // bytes that Go's runtime has from the system
	Peak       uint64 `json:"peak"`   // of it, in samples
}

// serveAlone serves until in ends.
func serveAlone(in io.Reader, out io.Writer) error {
	id, err := newIdentity()
	if err != nil {
		return err
	}
	h, err := newHandler(nil)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	r, err := startReplica(ctx, id, h, ours(time.Millisecond))
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { _ = http.Serve(l, serveVitals(ctx)) }() //nolint:gosec // until the process ends
	if err := json.NewEncoder(out).Encode(introduction{Address: r.address, Vitals: "http://" + l.Addr().String(), CA: id.ca}); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, in)
	r.end()
	return <-r.ended
}

// serveVitals samples the memory until ctx ends.
func serveVitals(ctx context.Context) http.Handler {
	var peak atomic.Uint64
	go func() {
		for ctx.Err() == nil {
			peak.Store(max(peak.Load(), memory()))
			wait(ctx, 5*time.Millisecond)
		}
	}()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("settled") {
			runtime.GC() // twice, since pools keep what they have for one
			debug.FreeOSMemory()
		}
		_ = json.NewEncoder(w).Encode(vitals{Goroutines: runtime.NumGoroutine(), Memory: memory(), Peak: peak.Load()})
	})
}

// memory is what Go's runtime has from the system and has not given back.
func memory() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}

// process is such a server.
type process struct {
	introduction
	pid int
}

// startProcess starts a server that ends with the test, or when the test's
// own process ends.
func startProcess(t *testing.T) *process {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program)
	cmd.Env, cmd.Stderr = append(os.Environ(), serverVariable+"=1"), os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := &process{pid: cmd.Process.Pid}
	t.Cleanup(func() {
		require.NoError(t, in.Close())
		require.NoError(t, cmd.Wait())
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(line, &p.introduction))
	return p
}

func (p *process) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, p.Address)
}

// vitals asks the process how it is.
func (p *process) vitals(t *testing.T, settled bool) vitals {
	t.Helper()
	url := p.Vitals
	if settled {
		url += "?settled"
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }() // read to its end
	var v vitals
	require.NoError(t, json.NewDecoder(response.Body).Decode(&v))
	return v
}

// residentPeak is the most memory that the process ever had resident, where
// the system tells it (Linux), and else 0.
func (p *process) residentPeak() uint64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return 0
	}
	if m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status); m != nil {
		n, _ := strconv.ParseUint(string(m[1]), 10, 64) // digits
		return n << 10
	}
	return 0
}
