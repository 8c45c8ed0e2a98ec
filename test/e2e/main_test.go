//go:build linux

// Package e2e installs the chart on a real node, from the image as it is
// released, and has a kubelet pull an application from a registry that speaks
// as Tencent's does. See test/cluster/node for what that takes.
//
//	make e2e
//	KEEP=1 make e2e    # leaves everything up until Ctrl-C, and says how to look at it
package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tcr-webhook/tcr-webhook/deploy/image"
	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/cluster/node"
)

func TestMain(m *testing.M) {
	os.Exit(node.Main(func() int {
		code := m.Run()
		if os.Getenv("KEEP") != "" {
			stay()
		}
		return code
	}, prepare))
}

// stay keeps the node until somebody has looked enough.
func stay() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Fprintf(os.Stderr, "look at it with, for example\n\n  sudo %s kubectl get pods -A\n\nCtrl-C ends it\n", node.Door())
	<-ctx.Done()
}

// prepare builds what the tests run: on the node there is no network.
func prepare(ctx context.Context, dir string) error {
	root, err := cluster.Checkout()
	if err != nil {
		return err
	}
	release, err := image.Build(ctx, root, []v1.Platform{{OS: "linux", Architecture: runtime.GOARCH}})
	if err != nil {
		return err
	}
	_, err = cluster.Helm(ctx, os.Stderr)
	return errors.Join(err,
		release.WriteLayout(imageDir(dir), "tcr-webhook:e2e"),
		node.Compile(ctx, "./test/e2e/app", filepath.Join(dir, "app")),
		node.Compile(ctx, "./cmd/kubectl-tcr", filepath.Join(pluginDir(dir), "kubectl-tcr")),
	)
}

func imageDir(dir string) string { return filepath.Join(dir, "image") }

// pluginDir is where kubectl's plugin is, and nothing else.
func pluginDir(dir string) string { return filepath.Join(dir, "plugin") }
