package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// process is a contender as a server of its own.
type process struct {
	greeting
	cmd   *exec.Cmd
	stdin io.Closer
}

// startProcess starts this binary once more, as a server, and returns when it
// listens. It ends with stop, or with this process.
func startProcess(ctx context.Context, name string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(ctx, self, serveCommand, name)}
	p.cmd.Stderr = os.Stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start server of %s: %w", name, err)
	}
	if err := json.NewDecoder(stdout).Decode(&p.greeting); err != nil {
		return nil, errors.Join(fmt.Errorf("start server of %s: %w", name, err), p.stop())
	}
	return p, nil
}

func (p *process) stop() error { return errors.Join(p.stdin.Close(), p.cmd.Wait()) }

// cpuTime is what all threads of the process have had so far, to the
// nanosecond. A thread that ends takes its share with it, which those of a Go
// program hardly ever do.
func (p *process) cpuTime() (time.Duration, error) {
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
		return 0, errors.New("this kernel keeps no schedstat: bench runs on Linux with CONFIG_SCHED_INFO")
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

// maxRSS is the most memory that the process has had, in MiB.
func (p *process) maxRSS() (float64, error) {
	content, err := os.ReadFile(p.proc("status"))
	if err != nil {
		return 0, err
	}
	return highWater(string(content))
}

func highWater(status string) (float64, error) {
	_, rest, _ := strings.Cut(status, "VmHWM:")
	var kib float64
	if _, err := fmt.Sscanf(rest, "%f kB", &kib); err != nil {
		return 0, fmt.Errorf("read VmHWM: %w", err)
	}
	return kib / 1024, nil
}

func (p *process) proc(file string) string {
	return filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), file)
}
