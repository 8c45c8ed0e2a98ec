package process

import "syscall"

// childAttributes cannot tie the child's life to ours here: when we are
// killed outright, it stays.
func childAttributes(c Command) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: c.OwnGroup}
}
