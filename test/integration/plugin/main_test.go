// Package plugin runs kubectl-tcr, and the policies that it renders, against a
// real API server. All its tests share one, which has no webhook.
package plugin

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
)

var (
	shared *cluster.Cluster
	binary string // kubectl-tcr
	server string // tcr-webhook
	folder string // for the files of all tests
)

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (code int, err error) {
	ctx := context.Background()
	log.SetLogger(logr.Discard()) // or controller-runtime complains that nobody chose one
	if folder, err = os.MkdirTemp("", "tcr-webhook-plugin-"); err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	binary = filepath.Join(folder, "kubectl-tcr")
	server = filepath.Join(folder, "tcr-webhook")
	build := exec.CommandContext(ctx, "go", "build", "-o", folder, "github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr", "github.com/tcr-webhook/tcr-webhook/cmd/tcr-webhook")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build kubectl-tcr and tcr-webhook: %w: %s", err, out)
	}
	shared, err = cluster.Start(ctx, cluster.Options{Dir: filepath.Join(folder, "cluster"), Progress: os.Stderr})
	if err != nil {
		return 1, err
	}
	code = m.Run()
	return code, shared.Stop()
}

// newClient acts as the cluster's administrator and tells handler of warnings.
func newClient(t *testing.T, handler rest.WarningHandlerWithContext) client.Client {
	t.Helper()
	config := shared.Config()
	config.WarningHandlerWithContext = handler
	c, err := client.New(config, client.Options{})
	require.NoError(t, err)
	return c
}

func createNamespace(t *testing.T, c client.Client, name string) {
	t.Helper()
	require.NoError(t, c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
}
