//go:build !linux

package gimtest

import "syscall"

// dieWithParent has no counterpart here: only the end of a test stops gim.
func dieWithParent() *syscall.SysProcAttr { return nil }
