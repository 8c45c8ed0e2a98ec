package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// TestRun starts the program, reads its how-to, does what it says, and ends it.
func TestRun(t *testing.T) { // not parallel: it sets TMPDIR and counts goroutines
	before := goleak.IgnoreCurrent()
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Setenv("no_proxy", "*") // for curl
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"--quiet", "--instance", "tcr-m3ut3qxx=demo", "--token-lifetime", "20s"}, write, io.Discard)
	}()
	guide := readGuide(t, read)

	ca := regexp.MustCompile(`(?m)^CA +(\S+)$`).FindStringSubmatch(guide)[1]
	require.FileExists(t, ca)
	knobs := regexp.MustCompile(`(?m)^admin +(\S+)$`).FindStringSubmatch(guide)[1]
	response, err := http.Get(knobs + "/instances")
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Contains(t, string(body), "tcr-m3ut3qxx")
	http.DefaultClient.CloseIdleConnections()
	pullWithCurl(t, guide)

	cancel()
	require.NoError(t, <-done)
	require.NoError(t, write.Close())
	goleak.VerifyNone(t, before)
	left, err := filepath.Glob(filepath.Join(temporary, "*"))
	require.NoError(t, err)
	assert.Empty(t, left, "temporary files")
}

// readGuide reads up to the end of the how-to.
func readGuide(t *testing.T, r io.Reader) string {
	t.Helper()
	var guide strings.Builder
	chunk := make([]byte, 4096)
	for !strings.Contains(guide.String(), "POST   /images") {
		n, err := r.Read(chunk)
		require.NoError(t, err)
		guide.Write(chunk[:n])
	}
	go func() { _, _ = io.Copy(io.Discard, r) }() // until the pipe is closed
	return guide.String()
}

// pullWithCurl runs the two commands as printed.
func pullWithCurl(t *testing.T, guide string) {
	t.Helper()
	for _, tool := range []string{"bash", "curl", "sed"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Logf("not trying the printed commands: %v", err)
			return
		}
	}
	start, end := strings.Index(guide, "  BEARER="), strings.Index(guide, "Make it go wrong")
	require.Positive(t, start)
	require.Greater(t, end, start)
	out, err := exec.CommandContext(t.Context(), "bash", "-c", "set -e\n"+guide[start:end]).Output()
	require.NoError(t, err)
	assert.Contains(t, string(out), "application/vnd.oci.image.manifest.v1+json")
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for says, args := range map[string][]string{
		"want id=name":             {"--instance", "demo"},
		"flags only":               {"demo"},
		"unknown flag":             {"--instances", "x"},
		"want at least 1s":         {"--token-lifetime", "10ms"},
		"not a loopback address":   {"--admin-address", "0.0.0.0:80"},
		"is not host:port":         {"--admin-address", "127.0.0.1"},
		"no region \"mars\"":       {"--region", "mars"},
		"want tcr- and lower-case": {"--instance", "demo=demo"},
	} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, run(t.Context(), args, io.Discard, io.Discard), says)
		})
	}
	var help strings.Builder
	require.NoError(t, run(t.Context(), []string{"--help"}, io.Discard, &help))
	assert.Contains(t, help.String(), "--instance")
}

func TestInstancesMayBeRepeated(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"--instance", "tcr-one00000=one", "--instance", "tcr-two00000=two"}, os.Stderr)
	require.NoError(t, err)
	require.Len(t, o.instances, 2)
	assert.Equal(t, "two.tencentcloudcr.com", o.instances[1].PublicHost())
}
