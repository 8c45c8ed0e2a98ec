package machine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// PID is a running process, as Linux tells of it.
type PID int

// ChildNamed finds the process of this name that this one has started.
func ChildNamed(name string) (PID, error) {
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		return 0, err
	}
	for _, list := range lists {
		children, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for field := range strings.FieldsSeq(string(children)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				return 0, fmt.Errorf("read %s: %w", list, err)
			}
			comm, err := os.ReadFile(PID(child).proc("comm"))
			if err == nil && strings.TrimSpace(string(comm)) == name {
				return PID(child), nil
			}
		}
	}
	return 0, fmt.Errorf("no child of this process is named %s", name)
}

// CPUTime is what all threads of the process have had so far, to the
// nanosecond. A thread that ends takes its share with it, which those of a Go
// program hardly ever do.
func (p PID) CPUTime() (time.Duration, error) {
	files, err := filepath.Glob(p.proc("task/*/schedstat"))
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, f := range files {
		content, err := os.ReadFile(f)
		if errors.Is(err, os.ErrNotExist) {
			continue // it has ended since
		}
		ns, err := onCPU(content, err)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", f, err)
		}
		sum += ns
	}
	if sum == 0 {
		return 0, errors.New("this kernel keeps no schedstat: this needs Linux with CONFIG_SCHED_INFO")
	}
	return sum, nil
}

// onCPU is the first of a schedstat's three figures: ns on the CPU.
func onCPU(schedstat []byte, err error) (time.Duration, error) {
	if err != nil {
		return 0, err
	}
	first, _, _ := bytes.Cut(schedstat, []byte(" "))
	ns, err := strconv.ParseInt(string(first), 10, 64)
	return time.Duration(ns), err
}

// RSS is the memory that the process has now, in MiB.
func (p PID) RSS() (float64, error) { return p.status("VmRSS:") }

// AnonRSS is what of RSS is the process's own, such as its heap, in MiB.
func (p PID) AnonRSS() (float64, error) { return p.status("RssAnon:") }

// FileRSS is what of RSS are pages of files, such as the binary, in MiB. The
// kernel shares them among processes, and drops them when memory is short.
func (p PID) FileRSS() (float64, error) { return p.status("RssFile:") }

// MaxRSS is the most memory that the process has had, in MiB.
func (p PID) MaxRSS() (float64, error) {
	return p.status("VmHWM:")
}

func (p PID) status(key string) (float64, error) {
	content, err := os.ReadFile(p.proc("status"))
	if err != nil {
		return 0, err
	}
	return mebibytes(string(content), key)
}

func mebibytes(status, key string) (float64, error) {
	_, rest, _ := strings.Cut(status, key)
	var kib float64
	if _, err := fmt.Sscanf(rest, "%f kB", &kib); err != nil {
		return 0, fmt.Errorf("read %s %w", key, err)
	}
	return kib / 1024, nil
}

func (p PID) proc(file string) string {
	return filepath.Join("/proc", strconv.Itoa(int(p)), file)
}
