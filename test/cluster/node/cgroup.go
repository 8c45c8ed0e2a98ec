//go:build linux

package node

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// cgroups are the hierarchies of a machine.
type cgroups struct {
	mounts  []string // of version 1, or the one of version 2
	unified bool     // version 2
	// empty is a version 2 beside version 1: runc makes cgroups there, too.
	empty []string
}

// wanted are the controllers that the kubelet insists on.
var wanted = []string{"cpu", "cpuset", "memory", "pids"}

func hostCgroups() (cgroups, error) {
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return cgroups{}, err
	}
	found := parseMounts(string(table))
	if found.unified {
		controllers, err := os.ReadFile(filepath.Join(found.mounts[0], "cgroup.controllers"))
		if err != nil {
			return cgroups{}, err
		}
		return found, complete(strings.Fields(string(controllers)))
	}
	var controllers []string
	for _, mount := range found.mounts {
		controllers = append(controllers, strings.Split(filepath.Base(mount), ",")...)
	}
	return found, complete(controllers)
}

// complete says what a node lacks.
func complete(controllers []string) error {
	for _, c := range wanted {
		if !slices.Contains(controllers, c) {
			return fmt.Errorf("a node takes the cgroup controllers %s, and %s is not mounted below /sys/fs/cgroup: "+
				"run on a machine, or in a privileged container, that has them", strings.Join(wanted, ", "), c)
		}
	}
	return nil
}

// parseMounts reads a mount table. Where there is version 1, runc and the
// kubelet use that.
func parseMounts(table string) cgroups {
	var one, two []string
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		switch {
		case len(f) < 4 || !strings.HasPrefix(f[1], "/sys/fs/cgroup"):
		case f[2] == "cgroup":
			one = append(one, f[1])
		case f[2] == "cgroup2":
			two = append(two, f[1])
		}
	}
	if len(one) == 0 && len(two) > 0 {
		return cgroups{mounts: two[:1], unified: true}
	}
	return cgroups{mounts: one, empty: two}
}

// add makes a cgroup of a name in each hierarchy.
func (c cgroups) add(name string) error {
	if c.unified {
		if err := delegate(c.mounts[0]); err != nil {
			return err
		}
	}
	for _, mount := range c.mounts {
		dir := filepath.Join(mount, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return fmt.Errorf("make a cgroup: %w", err)
		}
		if c.unified {
			if err := delegate(dir); err != nil {
				return err
			}
			continue
		}
		if err := inheritCPUs(mount, dir); err != nil {
			return err
		}
	}
	return nil
}

// delegate gives a cgroup's children what the kubelet wants.
func delegate(dir string) error {
	file := filepath.Join(dir, "cgroup.subtree_control")
	for _, c := range append(wanted, "io") {
		err := os.WriteFile(file, []byte("+"+c), 0o644)
		if errors.Is(err, syscall.EBUSY) {
			return fmt.Errorf("give controllers to the children of the cgroup %s: it holds processes itself; "+
				"where this is a container, run it with the cgroup namespace of its host", dir)
		}
		if err != nil && c != "io" {
			return fmt.Errorf("give the controller %s to the children of the cgroup %s: %w", c, dir, err)
		}
	}
	return nil
}

// inheritCPUs sets what a new cpuset of version 1 has none of.
func inheritCPUs(parent, dir string) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(parent, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // another controller's hierarchy
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), bytes.TrimSpace(value), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// remove removes the cgroups of a name, and those below. It is an error if one
// still has processes.
func (c cgroups) remove(name string) error {
	var errs []error
	for _, mount := range slices.Concat(c.mounts, c.empty) {
		errs = append(errs, removeTree(filepath.Join(mount, name)))
	}
	return errors.Join(errs...)
}

// removeTree removes folders alone, for a cgroup's files go with it.
func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeTree(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
