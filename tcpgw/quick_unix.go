//go:build unix

package tcpgw

import (
	"syscall"

	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/wire"
)

var _ gateway.QuickConn = (*conn)(nil)

// TryWrite implements gateway.QuickConn by one system call. It needs neither a
// deadline nor much of a stack. With TLS, and behind a proxy that says whose
// connection it is, nothing is written.
func (c *conn) TryWrite(frame []byte) (written bool) {
	socket, ok := c.socket.(syscall.Conn)
	if !ok || c.tls != nil || !c.writing.TryLock() {
		return false
	}
	defer c.writing.Unlock()
	raw, err := socket.SyscallConn()
	if err != nil || c.torn || c.isClosing() {
		return false
	}
	b := batches.Get().(*batch) //nolint:forcetypeassert // nothing else is put there
	defer b.giveBack()
	b.copied = append(wire.AppendLength(b.copied, len(frame)), frame...)
	n := 0
	if err := raw.Write(func(fd uintptr) bool {
		n, err = syscall.Write(int(fd), b.copied) //nolint:gosec // a descriptor is small
		return true                               // do not wait
	}); err != nil || n <= 0 {
		return false
	}
	if n < len(b.copied) { // the peer has not read for so long that it has to come again
		c.torn = true
		_ = c.socket.Close()
	}
	return true
}
