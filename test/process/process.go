// Package process runs the servers of a test as child processes: on ports that
// are free, with a log, and never longer than the test itself.
package process

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

// Command describes a child process.
type Command struct {
	Name string // for messages
	Path string
	Args []string
	Dir  string
	Env  []string // all of it; nothing is inherited
	Log  string   // file for stdout and stderr
	// Append keeps what an earlier run has written to Log.
	Append bool
	Quit   syscall.Signal // asks it to end
	// Orphaned is sent by the kernel when we die first. Linux only.
	Orphaned syscall.Signal
	// OwnGroup keeps a terminal's Ctrl-C from the child, so that its owner
	// can stop it in order.
	OwnGroup bool
}

// Server describes a child that serves until it is told to stop. It gets no
// environment: etcd takes every ETCD_ variable for a flag.
func Server(name, path, log string, args []string) Command {
	return Command{
		Name: name, Path: path, Args: args, Log: log,
		Quit: syscall.SIGTERM, Orphaned: syscall.SIGKILL, OwnGroup: true,
	}
}

// Process is a child process that was started.
type Process struct {
	Command
	PID  int
	Done chan struct{} // closed when it has ended
	Err  error         // how it ended; read after Done

	os *os.Process
}

// Launch starts c. Something must wait for Done or call Stop.
func Launch(c Command) (*Process, error) {
	mode := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if !c.Append {
		mode |= os.O_TRUNC
	}
	log, err := os.OpenFile(c.Log, mode, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	defer func() { _ = log.Close() }() // the child has its own descriptor
	cmd := &exec.Cmd{
		Path:        c.Path,
		Args:        append([]string{c.Path}, c.Args...),
		Dir:         c.Dir,
		Env:         append([]string{}, c.Env...), // not nil, which would mean ours
		Stdout:      log,
		Stderr:      log,
		SysProcAttr: childAttributes(c),
	}
	p := &Process{Command: c, Done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The parent-death signal comes when the thread that forked ends, so
		// that thread must live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.Err = cmd.Wait()
			close(p.Done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	p.os, p.PID = cmd.Process, cmd.Process.Pid
	return p, nil
}

// Ended reports whether the process is gone.
func (p *Process) Ended() bool {
	select {
	case <-p.Done:
		return true
	default:
		return false
	}
}

// ErrKilled is the error of Stop where asking was not enough.
var ErrKilled = errors.New("had to be killed, for it did not end")

// Stop asks the process to end, kills it if it has not after stopLimit, and
// returns when it is gone. It is an error if it had to be killed, or was gone
// before it was asked.
func (p *Process) Stop() error {
	if p.Ended() {
		return p.ExitError()
	}
	// An error means that it has just ended.
	_ = p.os.Signal(p.Quit)
	p.Resume() // a paused process would not hear of it
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	select {
	case <-p.Done:
		return nil
	case <-limit.C:
		p.Kill()
		return fmt.Errorf("%s %w within %s; its log is %s", p.Name, ErrKilled, stopLimit, p.Log)
	}
}

// Kill ends the process as a crash does, and returns when it is gone.
func (p *Process) Kill() {
	_ = p.os.Kill() // an error means that it has ended
	<-p.Done
}

// Pause has the process stand still, as a frozen machine does: its connections
// stay open and nothing answers. Resume ends it.
func (p *Process) Pause() { _ = p.os.Signal(syscall.SIGSTOP) } // an error means that it has ended

// Resume ends a Pause, if there was one.
func (p *Process) Resume() { _ = p.os.Signal(syscall.SIGCONT) } // an error means that it has ended

// ExitError describes an end that nobody asked for.
func (p *Process) ExitError() error {
	how := "exit status 0"
	if p.Err != nil {
		how = p.Err.Error()
	}
	return p.withLog(fmt.Errorf("%s ended: %s", p.Name, how))
}

// withLog adds the name of the log and its last lines to err.
func (p *Process) withLog(err error) error {
	return &logError{err: err, log: p.Log, tail: tail(p.Log)}
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
