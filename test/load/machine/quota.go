package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// period is what a quota is a share of: Kubernetes' own
// (--cpu-cfs-quota-period).
const period = 100 * time.Millisecond

// HoldCPU holds the process to so many CPUs, in a cgroup of its own, as a CPU
// limit of Kubernetes does, until release. That takes root.
func (p PID) HoldCPU(cpus float64) (release func() error, err error) {
	name := "tcr-webhook-" + strconv.Itoa(int(p))
	quota := int(cpus * float64(period.Microseconds()))
	for _, h := range []struct {
		parent string
		files  map[string]string
	}{
		{"/sys/fs/cgroup", map[string]string{"cpu.max": fmt.Sprintf("%d %d", quota, period.Microseconds())}},
		{"/sys/fs/cgroup/cpu", map[string]string{
			"cpu.cfs_period_us": strconv.FormatInt(period.Microseconds(), 10), "cpu.cfs_quota_us": strconv.Itoa(quota),
		}},
	} {
		if _, err := os.Stat(filepath.Join(h.parent, "cgroup.procs")); err != nil {
			continue // of the other version
		}
		return p.hold(h.parent, name, h.files)
	}
	return nil, errors.New("hold a process to its CPU: no cgroups are mounted below /sys/fs/cgroup")
}

func (p PID) hold(parent, name string, files map[string]string) (release func() error, err error) {
	dir := filepath.Join(parent, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, fmt.Errorf("hold a process to its CPU: %w", err)
	}
	move := func(to string) error {
		return os.WriteFile(filepath.Join(to, "cgroup.procs"), []byte(strconv.Itoa(int(p))), 0o644)
	}
	for file, value := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, file), []byte(value), 0o644))
	}
	if err = errors.Join(err, move(dir)); err != nil {
		return nil, errors.Join(fmt.Errorf("hold a process to its CPU: %w", err), os.Remove(dir))
	}
	return func() error {
		err := move(parent)
		if errors.Is(err, syscall.ESRCH) {
			err = nil // it has ended
		}
		return errors.Join(err, os.Remove(dir))
	}, nil
}
