//go:build !linux

package testserver

import "syscall"

// dieWithParent has no counterpart here: only Main and the end of a test stop
// the servers.
func dieWithParent() *syscall.SysProcAttr { return nil }

// stopped cannot be told here; the signal acts within moments.
func stopped(int) bool { return true }
