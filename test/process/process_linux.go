package process

import "syscall"

// childAttributes makes the kernel end the child when we end, however we do.
func childAttributes(c Command) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: c.OwnGroup, Pdeathsig: c.Orphaned}
}
