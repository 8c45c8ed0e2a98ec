package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
)

// What the folder of a demo has for those who use it from another terminal.
const (
	kubeconfigFile = "kubeconfig"
	registryFile   = "registry.address"
	registryCAFile = "registry.crt"
	programs       = "bin"
)

// dirVariable names the folder to demo pull.
const dirVariable = "TCR_DEMO"

// publish writes what another terminal needs into the folder of the demo.
func (d *demo) publish(ctx context.Context, helm string) error {
	if err := d.link(ctx, filepath.Join(d.dir, programs), helm); err != nil {
		return err
	}
	return errors.Join(
		cluster.WriteKubeconfig(filepath.Join(d.dir, kubeconfigFile), d.stack.Cluster.Config()),
		os.WriteFile(filepath.Join(d.dir, registryFile), []byte(d.stack.Cloud.RegistryAddr()), 0o600),
		os.WriteFile(filepath.Join(d.dir, registryCAFile), d.stack.Cloud.CA(), 0o600),
	)
}

// environment is what another terminal is to read.
func environment(dir string) string {
	return fmt.Sprintf(`# Of a demo that runs: its programs, and its cluster.
export %[1]s='%[2]s'
export KUBECONFIG="$%[1]s/%[3]s"
export PATH="$%[1]s/%[4]s:$PATH"
`, dirVariable, dir, kubeconfigFile, programs)
}

// link fills a folder for PATH.
func (d *demo) link(ctx context.Context, dir, helm string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	kubectl, err := filepath.Abs(d.kubectl)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, "kubectl-tcr"), "./cmd/kubectl-tcr")
	if cmd.Dir, err = cluster.Checkout(); err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build kubectl-tcr: %w\n%s", err, out)
	}
	return errors.Join(
		os.Symlink(self, filepath.Join(dir, "demo")),
		os.Symlink(kubectl, filepath.Join(dir, "kubectl")),
		os.Symlink(helm, filepath.Join(dir, "helm")),
	)
}

// folderIn finds the folder of the demo that wrote a file for other terminals.
var folderIn = regexp.MustCompile(`(?m)^export ` + dirVariable + `='(.*)'$`)

// claim writes what another terminal is to read: to the file that is wanted, unless
// it is that of a demo which still runs, and else to one of its own. It returns
// which.
func (d *demo) claim(wanted string) (string, error) {
	dir, err := filepath.Abs(d.dir)
	if err != nil {
		return "", err
	}
	if err := forsake(wanted); err != nil {
		return "", err
	}
	file := wanted
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		file = filepath.Join(d.dir, "env")
		f, err = os.Create(file)
	}
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(environment(dir))
	return file, errors.Join(err, f.Close())
}

// forsake removes a file that a demo has left which was killed. Another's is none
// of ours to remove.
func forsake(file string) error {
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	folder := folderIn.FindSubmatch(text)
	if folder == nil {
		return fmt.Errorf("%s is there, and not of a demo; remove it, or name another file with --env", file)
	}
	if _, err := os.Stat(string(folder[1])); errors.Is(err, fs.ErrNotExist) {
		return os.Remove(file)
	}
	return nil
}
