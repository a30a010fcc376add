//go:build !linux

package app

import (
	"syscall"
	"time"
)

// endSilent does nothing: there is no such setting.
func endSilent(time.Duration) func(network, address string, c syscall.RawConn) error { return nil }
