// Package live tries what deploy ships for monitoring with the programs that it
// is for: promtool on the alerts, a real Prometheus that scrapes real replicas
// while things go wrong, and a real browser on the status page.
//
// The programs are Debian's packages prometheus and chromium. What is not there
// is fetched where the tests run as root on Debian; elsewhere the tests that
// want it are skipped, and say so.
package live

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// built is what is made once for all tests.
type built struct {
	dir    string
	binary func() (string, error) // of tcr-webhook
	fetch  func() error           // of the package prometheus, into dir
}

var once built

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "tcr-webhook-monitoring-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx := context.Background()
	once = built{
		dir:    dir,
		binary: sync.OnceValues(func() (string, error) { return stack.Build(ctx, dir) }),
		fetch:  sync.OnceValue(func() error { return fetch(ctx, dir) }),
	}
	code := m.Run()
	_ = os.RemoveAll(dir) // it is in the folder for what is passing
	os.Exit(code)
}

// program finds prometheus or promtool.
func program(t *testing.T, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if !onDebian() {
		t.Skipf("there is no %s; install Debian's package prometheus, or run this as root on Debian", name)
	}
	require.NoError(t, once.fetch())
	return filepath.Join(once.dir, "package", "usr", "bin", name)
}

func onDebian() bool {
	_, err := exec.LookPath("apt-get")
	return err == nil && os.Getuid() == 0
}

// fetch unpacks the package prometheus without installing it: installed, it
// would start a server of its own on many machines.
func fetch(ctx context.Context, dir string) error {
	const script = `cd "$1" && { apt-get download prometheus || { apt-get update && apt-get download prometheus; }; } && dpkg-deb -x prometheus_*.deb package`
	out, err := exec.CommandContext(ctx, "sh", "-c", script, "sh", dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("fetch Debian's package prometheus: %w\n%s", err, out)
	}
	return nil
}

// browser finds Chromium.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if !onDebian() {
		t.Skip("there is no Chromium; install Debian's package chromium, or run this as root on Debian")
	}
	const script = `apt-get install -y --no-install-recommends chromium fonts-dejavu-core || { apt-get update && apt-get install -y --no-install-recommends chromium fonts-dejavu-core; }`
	out, err := exec.CommandContext(t.Context(), "sh", "-c", script).CombinedOutput()
	require.NoError(t, err, "%s", out)
	path, err := exec.LookPath("chromium")
	require.NoError(t, err)
	return path
}
