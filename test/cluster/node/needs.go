//go:build linux

package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// need is a file that a node cannot do without.
type need struct {
	name string
	// in are the folders to look in; the first is named where it is in none.
	in  []string
	pkg string // of Debian
}

// cniFolders are where distributions put CNI's plugins.
var cniFolders = []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"}

// binFolders are searched whatever PATH is: cron and CI leave sbin out.
var binFolders = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

func needs() []need {
	return []need{
		{"runc", binFolders, "runc"},
		{"iptables", binFolders, "iptables"},
		{"ip", binFolders, "iproute2"},
		{"bridge", cniFolders, "containernetworking-plugins"},
		{"host-local", cniFolders, "containernetworking-plugins"},
		{"loopback", cniFolders, "containernetworking-plugins"},
		{"portmap", cniFolders, "containernetworking-plugins"},
	}
}

// find is where the need is met, or "".
func (n need) find() string {
	for _, dir := range n.in {
		path := filepath.Join(dir, n.name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// missing are the packages that would meet the needs that are not met.
func missing(all []need) (packages []string) {
	for _, n := range all {
		if n.find() == "" && !slices.Contains(packages, n.pkg) {
			packages = append(packages, n.pkg)
		}
	}
	return packages
}

// check says why no node can run here, whatever is installed.
func check() error {
	if os.Geteuid() != 0 {
		return errors.New("a node takes root: it makes namespaces, mounts and cgroups of its own; run as root, e.g. sudo -E make e2e")
	}
	_, err := hostCgroups()
	return err
}

// install installs what is missing with apt-get, and says what that is where
// there is no apt-get or it cannot.
func install(ctx context.Context, progress io.Writer) error {
	packages := missing(needs())
	if len(packages) == 0 {
		return nil
	}
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return fmt.Errorf("a node needs what Debian's packages %s hold, and there is no apt-get here; install them", strings.Join(packages, " "))
	}
	fmt.Fprintf(progress, "installing %s ...\n", strings.Join(packages, " "))
	get := func(args ...string) error {
		cmd := exec.CommandContext(ctx, apt, append([]string{"-qq", "-y", "--no-install-recommends"}, args...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
		}
		return nil
	}
	install := append([]string{"install"}, packages...)
	if get(install...) != nil { // the lists may be old, or none
		if err := errors.Join(get("update"), get(install...)); err != nil {
			return fmt.Errorf("install %s, which a node needs: %w", strings.Join(packages, " "), err)
		}
	}
	if still := missing(needs()); len(still) > 0 {
		return fmt.Errorf("a node still lacks files of %s after they were installed", strings.Join(still, " "))
	}
	return nil
}
