package cluster

import "syscall"

// childAttributes makes the kernel end the child when we end, however we do.
func childAttributes(c command) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: c.ownGroup, Pdeathsig: c.orphaned}
}
