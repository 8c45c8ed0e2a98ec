//go:build linux

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
)

// The variables by which a program that Main has started again knows what it is
// now, and where.
const (
	roleVariable = "TCR_WEBHOOK_NODE_ROLE"
	dirVariable  = "TCR_WEBHOOK_NODE_DIR"

	// askVariable is set by who wants tests that take root.
	askVariable = "E2E"
)

// What Main starts the program again as.
const (
	roleInit    = "init"
	roleInside  = "inside"
	roleSweeper = "sweeper"
)

// Main runs inside where a node can be started and returns its result, the
// exit code. What takes a network or the caller's caches is done before that by
// prepare, outside, which leaves what inside needs in dir; see Dir. The folder
// is removed at the end, but where the code is not 0 its path is printed.
//
// Main must be called before anything else, for it is also what the program
// does when it is started again.
//
// Unless the variable E2E is set, it runs inside right away: then Start says
// that there is no node to be had, and tests that take one are skipped by
// Require.
func Main(inside func() int, prepare func(ctx context.Context, dir string) error) (code int) {
	switch os.Getenv(roleVariable) {
	case roleSweeper:
		return sweep(os.Stdin)
	case roleInit:
		return beInit()
	case roleInside:
		return inside()
	}
	if os.Getenv(askVariable) == "" {
		return inside()
	}
	code, err := outside(prepare)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// Require skips a test where there is no node to be had.
func Require(t interface {
	Helper()
	Skip(why ...any)
}) {
	t.Helper()
	if !isInside() {
		t.Skip("it takes a node, and so root: run make e2e, or set E2E=1")
	}
}

func isInside() bool { return os.Getenv(roleVariable) == roleInside }

// Dir is the folder that prepare was given.
func Dir() string { return os.Getenv(dirVariable) }

// group is the name of our cgroups, unique on the machine as the folder's is.
func group() string { return filepath.Base(Dir()) }

// outside prepares, and runs the program again in namespaces of its own.
func outside(prepare func(context.Context, string) error) (code int, err error) {
	if err := check(); err != nil {
		return 1, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := install(ctx, os.Stderr); err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", "tcr-webhook-node-")
	if err != nil {
		return 1, err
	}
	if err := os.Setenv(dirVariable, dir); err != nil {
		return 1, err
	}
	s, err := startSweeper()
	if err != nil {
		return 1, errors.Join(err, os.RemoveAll(dir))
	}
	defer func() { err = errors.Join(err, s.end(code != 0)) }()
	if err := errors.Join(compileOwn(ctx, dir), prepare(ctx, dir)); err != nil {
		return 1, err
	}
	groups, err := hostCgroups()
	if err != nil {
		return 1, err
	}
	if err := groups.add(group()); err != nil {
		return 1, err
	}
	return enter(ctx, s)
}

// enter runs the program again as the first process of new namespaces. When
// that ends, the kernel ends all others in them.
func enter(ctx context.Context, s *sweeper) (code int, err error) {
	// The parent-death signal comes when the thread that forked ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := again(roleInit)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		return 1, fmt.Errorf("make namespaces for a node: %w", err)
	}
	told := errors.Join(s.await(cmd.Process.Pid), writeDoor(ctx, cmd.Process.Pid))
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })() // an error means that it has ended
	defer func() { err = errors.Join(err, told) }()
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return cmd.ProcessState.ExitCode(), errors.Join(err, context.Cause(ctx))
}

// writeDoor writes a script by which a person on the machine gets inside, given
// the process there as the machine sees it.
func writeDoor(ctx context.Context, pid int) error {
	binaries, _, err := cluster.NodeBinaries(ctx, os.Stderr)
	if err != nil {
		return err
	}
	script := fmt.Sprintf("#!/bin/sh\n[ $# -gt 0 ] || set -- sh\n"+
		"exec nsenter -t %d -n -m -u -p -i env KUBECONFIG=%s/admin.kubeconfig PATH=%s:$PATH \"$@\"\n", pid, data, binaries)
	return os.WriteFile(Door(), []byte(script), 0o755)
}

// Door is a script for a person on the machine, which runs a command, or a shell,
// where the node is, with kubectl at hand.
func Door() string { return filepath.Join(Dir(), "enter") }

// again is this program with the same arguments, in a role.
func again(role string) *exec.Cmd {
	return &exec.Cmd{
		Path: "/proc/self/exe",
		Args: os.Args,
		Env:  append(os.Environ(), roleVariable+"="+role),
	}
}
