//go:build linux

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
)

// pauseBinary is in the folder that Dir names.
const pauseBinary = "pause"

// compileOwn makes what every node needs.
func compileOwn(ctx context.Context, dir string) error {
	_, _, err := cluster.NodeBinaries(ctx, os.Stderr)
	return errors.Join(err, Compile(ctx, "./test/cluster/node/pause", filepath.Join(dir, pauseBinary)))
}

// Compile builds a package of the checkout, as ./test/x, as a program that runs
// in an image without anything else.
func Compile(ctx context.Context, pkg, path string) error {
	root, err := cluster.Checkout()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, pkg)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return nil
}
