package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// stopLimit is how long a process may take to end by itself: ten times what an
// idle API server needs.
const stopLimit = 10 * time.Second

// command describes a child process.
type command struct {
	name string // for messages
	path string
	args []string
	dir  string
	env  []string       // all of it; nothing is inherited
	log  string         // file for stdout and stderr, emptied first
	quit syscall.Signal // asks it to end
	// orphaned is sent by the kernel when we die first. Linux only.
	orphaned syscall.Signal
	// ownGroup keeps a terminal's Ctrl-C from the child, so that its owner
	// can stop it in order.
	ownGroup bool
}

// process is a child process that was started.
type process struct {
	command
	pid  int
	done chan struct{} // closed when it has ended
	err  error         // how it ended; read after done
	os   *os.Process
}

// launch starts c. Something must wait for done or call stop.
func launch(c command) (*process, error) {
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	defer func() { _ = log.Close() }() // the child has its own descriptor
	cmd := &exec.Cmd{
		Path:        c.path,
		Args:        append([]string{c.path}, c.args...),
		Dir:         c.dir,
		Env:         append([]string{}, c.env...), // not nil, which would mean ours
		Stdout:      log,
		Stderr:      log,
		SysProcAttr: childAttributes(c),
	}
	p := &process{command: c, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The parent-death signal comes when the thread that forked ends, so
		// that thread must live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	p.os, p.pid = cmd.Process, cmd.Process.Pid
	return p, nil
}

// ended reports whether the process is gone.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop asks the process to end, kills it if it has not after stopLimit, and
// returns when it is gone. It is an error if it had to be killed, or was gone
// before it was asked.
func (p *process) stop() error {
	if p.ended() {
		return p.exitError()
	}
	// An error means that it has just ended.
	_ = p.os.Signal(p.quit)
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	select {
	case <-p.done:
		return nil
	case <-limit.C:
		_ = p.os.Kill()
		<-p.done
		return fmt.Errorf("%s did not end within %s and was killed; its log is %s", p.name, stopLimit, p.log)
	}
}

// exitError describes an end that nobody asked for.
func (p *process) exitError() error {
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	return p.withLog(fmt.Errorf("%s ended: %s", p.name, how))
}

// withLog adds the name of the log and its last lines to err.
func (p *process) withLog(err error) error {
	return &logError{err: err, log: p.log, tail: tail(p.log)}
}

// logError is an error that the last lines of a log explain.
type logError struct {
	err  error
	log  string
	tail string
}

func (e *logError) Error() string {
	if e.tail == "" {
		return fmt.Sprintf("%v; its log %s is empty", e.err, e.log)
	}
	return fmt.Sprintf("%v; the last lines of %s:\n%s", e.err, e.log, e.tail)
}

func (e *logError) Unwrap() error { return e.err }

// portTaken reports whether err is a process that ended because another held
// the port it was told to listen on.
func portTaken(err error) bool {
	var e *logError
	return errors.As(err, &e) && strings.Contains(e.tail, syscall.EADDRINUSE.Error())
}

// tail returns the last lines of a log, indented, or the reason why not.
func tail(log string) string {
	const count = 15
	text, err := os.ReadFile(filepath.Clean(log))
	if err != nil {
		return err.Error()
	}
	trimmed := strings.TrimSpace(string(text))
	if trimmed == "" {
		return ""
	}
	all := strings.Split(trimmed, "\n")
	return "\t" + strings.Join(all[max(0, len(all)-count):], "\n\t")
}
