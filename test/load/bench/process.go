package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/tcr-webhook/tcr-webhook/test/load/machine"
)

// process is a contender as a server of its own.
type process struct {
	greeting
	machine.PID
	cmd   *exec.Cmd
	stdin io.Closer
}

// startProcess starts this binary once more, as a server, and returns when it
// listens. It ends with stop, or with this process. Ours drains for as long as
// more says, which others do not.
func startProcess(ctx context.Context, name string, more ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(ctx, self, append([]string{serveCommand, name}, more...)...)}
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
	p.PID = machine.PID(p.cmd.Process.Pid)
	if err := json.NewDecoder(stdout).Decode(&p.greeting); err != nil {
		return nil, errors.Join(fmt.Errorf("start server of %s: %w", name, err), p.stop())
	}
	return p, nil
}

func (p *process) stop() error { return errors.Join(p.stdin.Close(), p.cmd.Wait()) }
