package tcpgw

import (
	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/internal/nowait"
	"github.com/gim-im/gim/wire"
)

var (
	_ gateway.QuickConn = (*conn)(nil)
	_ gateway.EagerConn = (*conn)(nil)
)

// TryWrite implements gateway.QuickConn by one system call. It needs neither a
// deadline nor much of a stack. With TLS, and behind a proxy that says whose
// connection it is, nothing is written.
func (c *conn) TryWrite(frame []byte) (written bool) {
	if c.tls != nil || !c.writing.TryLock() {
		return false
	}
	defer c.writing.Unlock()
	if c.torn || c.left != nil || c.isClosing() {
		return false
	}
	b := batches.Get().(*batch) //nolint:forcetypeassert // nothing else is put there
	defer b.giveBack()
	b.copied = append(wire.AppendLength(b.copied, len(frame)), frame...)
	n, err := nowait.Write(c.socket, b.copied)
	if err != nil || n == 0 {
		return false
	}
	if n < len(b.copied) { // the peer has not read for so long that it has to come again
		c.torn = true
		_ = c.socket.Close()
	}
	return true
}
