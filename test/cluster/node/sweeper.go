//go:build linux

package node

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// sweeper is a process that cleans up once we have ended, even if we are killed.
type sweeper struct {
	cmd  *exec.Cmd
	pipe io.WriteCloser
}

// keep, written to a sweeper, has it leave the folder.
const keep = "keep"

func startSweeper() (*sweeper, error) {
	cmd := again(roleSweeper)
	// Whoever signals our process group means us; the sweeper comes after.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start what cleans up after a node: %w", err)
	}
	return &sweeper{cmd, pipe}, nil
}

// await has the sweeper wait until the processes of a namespace are gone, given
// one of them.
func (s *sweeper) await(pid int) error {
	namespace, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	if err != nil {
		return fmt.Errorf("find the namespace of a node: %w", err)
	}
	_, err = fmt.Fprintln(s.pipe, namespace)
	return err
}

// end returns when all is clean. Of a run that failed the folder stays.
func (s *sweeper) end(failed bool) error {
	if failed {
		fmt.Fprintln(os.Stderr, "the logs are in "+Dir()+"/logs")
		if _, err := fmt.Fprintln(s.pipe, keep); err != nil {
			return err
		}
	}
	if err := errors.Join(s.pipe.Close(), s.cmd.Wait()); err != nil {
		return fmt.Errorf("clean up after a node: the cgroups %s, or the folder %s, could not be removed: %w", group(), Dir(), err)
	}
	return nil
}

// sweepLimit is how long processes that were killed may take to be gone.
const sweepLimit = 30 * time.Second

// sweep waits until its parent has ended, however it did, and removes what it
// has left. Nobody may be there any more to read an error but by the exit code.
func sweep(parent io.Reader) int {
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	said, err := io.ReadAll(parent)
	if err != nil {
		return 1
	}
	groups, err := hostCgroups()
	if err != nil {
		return 1
	}
	told := strings.Fields(string(said))
	clean := func() bool { return gone(told) && groups.remove(group()) == nil }
	code := 0
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for limit := time.After(sweepLimit); code == 0 && !clean(); {
		select {
		case <-poll.C:
		case <-limit:
			code = 1
		}
	}
	if !slices.Contains(told, keep) && os.RemoveAll(Dir()) != nil {
		code = 1
	}
	return code
}

// gone reports whether no process is in one of the namespaces.
func gone(namespaces []string) bool {
	links, err := filepath.Glob("/proc/[0-9]*/ns/pid")
	return err == nil && !slices.ContainsFunc(links, func(link string) bool {
		namespace, err := os.Readlink(link) // an error means that it has ended
		return err == nil && slices.Contains(namespaces, namespace)
	})
}
