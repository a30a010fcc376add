package gimtest

import "syscall"

// dieWithParent lets the kernel kill the child when the test binary dies: one
// that runs into its timeout cleans up nothing.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
