//go:build linux

package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
)

// beInit is the first process of the namespaces: it furnishes them, runs the
// program inside, and waits for the orphans that containerd's shims leave.
func beInit() int {
	if err := errors.Join(furnish(), os.Setenv(roleVariable, roleInside)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	child, err := os.StartProcess("/proc/self/exe", os.Args, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err != nil {
		fmt.Fprintln(os.Stderr, "start the program inside of the namespaces:", err)
		return 1
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 1
		case pid == child.Pid && status.Exited():
			return status.ExitStatus()
		case pid == child.Pid:
			return 128 + int(status.Signal())
		}
	}
}

// data is the folder of everything a node writes but its logs, in memory.
const data = "/run/node"

// hidden are the folders that kubelet, runc, CNI and iptables write to by
// themselves. They are empty here, and the machine's stay as they are.
var hidden = []string{"/run", "/var/lib", "/var/log"}

// furnish makes the namespaces of this process those of a node.
func furnish() error {
	checkout, err := cluster.Checkout()
	if err != nil {
		return err
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	// What we need of the machine may lie below what is hidden.
	visible := []string{Dir(), checkout}
	for _, dir := range hidden {
		if err := hide(dir, visible); err != nil {
			return err
		}
	}
	for _, dir := range []string{data, filepath.Join(data, "home"), filepath.Join(Dir(), "tmp"), logs()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return errors.Join(
		os.Setenv("PATH", strings.Join(binFolders, ":")+":"+os.Getenv("PATH")),
		os.Setenv("HOME", filepath.Join(data, "home")),
		os.Setenv("TMPDIR", filepath.Join(Dir(), "tmp")),
		syscall.Sethostname([]byte(Name)),
		ownHosts(),
		connect(),
	)
}

// logs is the folder for what a node's programs write, which is there to be
// read when they have ended.
func logs() string { return filepath.Join(Dir(), "logs") }

// hide puts an empty folder over dir, in which the visible ones stay.
func hide(dir string, visible []string) error {
	held := map[string]*os.File{}
	for _, v := range visible {
		if !strings.HasPrefix(v, dir+"/") {
			continue
		}
		f, err := os.Open(v)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // nothing was written
		held[v] = f
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("hide %s: %w", dir, err)
	}
	for path, f := range held {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), path, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
			return fmt.Errorf("keep %s: %w", path, err)
		}
	}
	return nil
}
