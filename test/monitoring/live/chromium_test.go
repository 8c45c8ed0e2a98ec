package live

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// chromium is a browser without a window, asked over a pipe by the protocol of
// its developer tools: messages of JSON, each with a zero byte behind it.
type chromium struct {
	to      *os.File
	from    *bufio.Reader
	session string
	number  int
	logged  []string // what a page gave cause to complain about
}

// message is one of the protocol.
type message struct {
	ID     int             `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
	SessionID string `json:"sessionId,omitempty"`
}

func startChromium(t *testing.T) *chromium {
	t.Helper()
	path := browser(t)
	theirs, to, err := os.Pipe()
	require.NoError(t, err)
	from, back, err := os.Pipe()
	require.NoError(t, err)
	home := t.TempDir()
	args := []string{
		"--headless", "--remote-debugging-pipe", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
		"--user-data-dir=" + filepath.Join(home, "profile"),
	}
	if os.Getuid() == 0 {
		args = append(args, "--no-sandbox") // which it wants as root
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8"}
	cmd.ExtraFiles = []*os.File{theirs, back}
	log, err := os.Create(filepath.Join(home, "log"))
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.WaitDelay = 5 * time.Second
	require.NoError(t, cmd.Start())
	require.NoError(t, theirs.Close())
	require.NoError(t, back.Close())
	c := &chromium{to: to, from: bufio.NewReaderSize(from, 1<<20)}
	t.Cleanup(func() {
		_ = to.Close() // it ends when nobody asks any more
		_ = from.Close()
		if cmd.Wait() != nil && t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("Chromium's log:\n%s", text)
		}
	})
	target := struct{ TargetID string }{}
	c.ask(t, "Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	attached := struct{ SessionID string }{}
	c.ask(t, "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	c.session = attached.SessionID
	for _, domain := range []string{"Page", "Log", "Runtime"} {
		c.ask(t, domain+".enable", nil, nil)
	}
	return c
}

// ask sends a command and waits for its answer.
func (c *chromium) ask(t *testing.T, method string, params map[string]any, into any) {
	t.Helper()
	c.number++
	raw, err := json.Marshal(params)
	require.NoError(t, err)
	data, err := json.Marshal(message{ID: c.number, Method: method, Params: raw, SessionID: c.session})
	require.NoError(t, err)
	_, err = c.to.Write(append(data, 0))
	require.NoError(t, err)
	for {
		m := c.next(t)
		if m.ID != c.number {
			continue
		}
		require.Nil(t, m.Error, "%s: %v", method, m.Error)
		if into != nil {
			require.NoError(t, json.Unmarshal(m.Result, into))
		}
		return
	}
}

func (c *chromium) next(t *testing.T) message {
	t.Helper()
	data, err := c.from.ReadBytes(0)
	require.NoError(t, err, "Chromium says no more")
	var m message
	require.NoError(t, json.Unmarshal(data[:len(data)-1], &m))
	if m.Method == "Log.entryAdded" || m.Method == "Runtime.exceptionThrown" {
		c.logged = append(c.logged, string(m.Params))
	}
	return m
}

// device is what the page is read on.
type device struct {
	width, height int
	mobile        bool
	scheme        string // light or dark
}

func (d device) String() string { return d.scheme + ", " + strconv.Itoa(d.width) + " wide" }

// open shows url as the device would.
func (c *chromium) open(t *testing.T, d device, url string) {
	t.Helper()
	c.ask(t, "Emulation.setDeviceMetricsOverride", map[string]any{"width": d.width, "height": d.height, "deviceScaleFactor": 2, "mobile": d.mobile}, nil)
	c.ask(t, "Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": d.scheme}}}, nil)
	var gone struct{ ErrorText string }
	c.ask(t, "Page.navigate", map[string]any{"url": url}, &gone)
	require.Empty(t, gone.ErrorText)
	for c.next(t).Method != "Page.loadEventFired" {
		continue
	}
}

// eval is what an expression is on the page.
func eval[T any](t *testing.T, c *chromium, expression string) T {
	t.Helper()
	var answer struct {
		Result           struct{ Value T }
		ExceptionDetails json.RawMessage
	}
	c.ask(t, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &answer)
	require.Empty(t, string(answer.ExceptionDetails), expression)
	return answer.Result.Value
}

// shoot is a picture of the whole page.
func (c *chromium) shoot(t *testing.T) []byte {
	t.Helper()
	var answer struct{ Data []byte }
	c.ask(t, "Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &answer)
	require.NotEmpty(t, answer.Data)
	return answer.Data
}
