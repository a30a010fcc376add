package app

import (
	"syscall"
	"time"
)

// tcpUserTimeout is TCP_USER_TIMEOUT, which package syscall does not name on every
// processor.
const tcpUserTimeout = 0x12

// endSilent sets a listener up so that its connections, which take the setting over, end
// when nothing that they sent has been acknowledged for so long.
func endSilent(after time.Duration) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		controlled := c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(after.Milliseconds())) //nolint:gosec // a descriptor
		})
		if controlled != nil {
			return controlled
		}
		return err
	}
}
