package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// assetsVariable is envtest's name for a folder of ready-made binaries, so
// that a machine set up for envtest is set up for us.
const assetsVariable = "KUBEBUILDER_ASSETS"

// The binaries a cluster consists of, by file name.
const (
	apiServerBinary = "kube-apiserver"
	etcdBinary      = "etcd"
	kubectlBinary   = "kubectl"
)

// Binaries returns the folder that holds kube-apiserver, etcd and kubectl:
// $KUBEBUILDER_ASSETS if that is set, or else a folder below the checkout's
// bin, into which they are first built where they are missing. Building takes
// about six minutes on two cores with an empty build cache and two seconds
// with a full one; progress is told what goes on meanwhile, and may be nil.
// Several processes may call it at once: one builds, the others wait.
func Binaries(ctx context.Context, progress io.Writer) (dir string, err error) {
	if dir := os.Getenv(assetsVariable); dir != "" {
		return dir, checkAssets(dir)
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	root, err := checkoutAbove(wd)
	if err != nil {
		return "", err
	}
	r, err := kubernetesRecipe(filepath.Join(root, "test", "cluster", "kubernetes"))
	if err != nil {
		return "", err
	}
	if progress == nil {
		progress = io.Discard
	}
	dir = filepath.Join(root, "bin", r.folder())
	return dir, r.build(ctx, dir, progress)
}

// checkAssets says what a user's own folder of binaries lacks.
func checkAssets(dir string) error {
	names := []string{apiServerBinary, etcdBinary, kubectlBinary}
	for _, name := range names {
		if err := executable(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("%s=%s: %w; the folder must hold %s, or unset the variable to have them built",
				assetsVariable, dir, err, strings.Join(names, ", "))
		}
	}
	return nil
}

// executable is nil if path is a file that may be run.
func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s is missing", filepath.Base(path))
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return fmt.Errorf("%s is not an executable file", filepath.Base(path))
	}
	return nil
}
