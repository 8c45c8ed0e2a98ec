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
	root, err := Checkout()
	if err != nil {
		return "", err
	}
	r, err := kubernetesRecipe(filepath.Join(root, "test", "cluster", "kubernetes"))
	if err != nil {
		return "", err
	}
	return r.buildBelow(ctx, root, r.folder(), progress)
}

// FleetBinaries returns the folder that holds what Binaries says,
// kube-controller-manager and kube-scheduler, and the one that holds kwok, which
// plays kubelet to nodes that are not there. It builds them as Binaries does,
// which takes about six minutes more; no ready-made ones are taken.
func FleetBinaries(ctx context.Context, progress io.Writer) (kubernetes, kwok string, err error) {
	return binariesWith(ctx, recipe.withControllers, "kwok", kwokRecipe, progress)
}

// Helm returns the path of the helm command, which it first builds where it is
// missing: about two minutes with an empty build cache, and ten seconds after
// Binaries has filled it.
func Helm(ctx context.Context, progress io.Writer) (path string, err error) {
	root, err := Checkout()
	if err != nil {
		return "", err
	}
	r, err := helmRecipe(filepath.Join(root, "test", "cluster", "helm"))
	if err != nil {
		return "", err
	}
	dir, err := r.buildBelow(ctx, root, r.folder(), progress)
	return filepath.Join(dir, "helm"), err
}

// NodeBinaries returns the folder that holds what Binaries says and
// kube-controller-manager, kube-scheduler, kubelet and kube-proxy, and the one
// that holds containerd, its shim and ctr. It builds them as Binaries does,
// which takes about six minutes more; no ready-made ones are taken.
func NodeBinaries(ctx context.Context, progress io.Writer) (kubernetes, containerd string, err error) {
	return binariesWith(ctx, recipe.withNode, "containerd", containerdRecipe, progress)
}

// binariesWith returns the folder of Kubernetes' binaries, widened by more, and
// that of the module in folder other beside theirs.
func binariesWith(
	ctx context.Context, more func(recipe) recipe, other string, of func(dir string) (recipe, error), progress io.Writer,
) (kubernetes, beside string, err error) {
	root, err := Checkout()
	if err != nil {
		return "", "", err
	}
	k, err := kubernetesRecipe(filepath.Join(root, "test", "cluster", "kubernetes"))
	if err != nil {
		return "", "", err
	}
	r, err := of(filepath.Join(root, "test", "cluster", other))
	if err != nil {
		return "", "", err
	}
	if kubernetes, err = more(k).buildBelow(ctx, root, k.folder(), progress); err != nil {
		return "", "", err
	}
	beside, err = r.buildBelow(ctx, root, r.folder(), progress)
	return kubernetes, beside, err
}

// buildBelow makes what is missing of the binaries in a folder of the
// checkout's bin, and returns the folder.
func (r recipe) buildBelow(ctx context.Context, root, folder string, progress io.Writer) (dir string, err error) {
	if progress == nil {
		progress = io.Discard
	}
	dir = filepath.Join(root, "bin", folder)
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
