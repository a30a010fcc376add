package tcpgw

import (
	"time"

	"github.com/gim-im/gim/wire"
)

// goodbyeTimeout bounds a close from the last frame to the peer's end.
const goodbyeTimeout = 2 * time.Second

// Close implements gateway.Conn. The last frame says why, then this side ends and
// the peer is waited for: a socket that is closed with bytes unread is reset, and
// a reset may overtake the last frame.
func (c *conn) Close(code wire.CloseCode, reconnectAfter time.Duration) {
	if code == 0 {
		c.mu.Lock()
		c.closing = true
		c.mu.Unlock()
		_ = c.socket.Close() // nobody is told
		return
	}
	deadline, first := c.startClosing()
	if !first {
		return
	}
	defer c.socket.Close() //nolint:errcheck // nothing to do about it
	if c.tls != nil && !c.shaken.Load() {
		return // there is no way to say anything
	}
	closing := wire.AppendClosing(nil, wire.Proto, code, reconnectAfter)
	if c.writeLast(func() error { return c.writeLastFrame(closing) }) {
		c.hangUp(deadline)
	}
}

// startClosing ends ReadFrame, and at deadline a write that is under way. From
// here on only the caller uses the socket.
func (c *conn) startClosing() (deadline time.Time, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return time.Time{}, false
	}
	c.closing = true
	now := time.Now()
	deadline = now.Add(goodbyeTimeout)
	_ = c.socket.SetReadDeadline(now) // a socket that is gone says so when it is used
	_ = c.socket.SetWriteDeadline(deadline)
	return deadline, true
}

// writeLast waits for a write that is under way and calls write. It reports false
// when that one, or this, was cut off: then there is nothing more to say.
func (c *conn) writeLast(write func() error) (ok bool) {
	c.writing.Lock()
	defer c.writing.Unlock()
	return !c.torn && write() == nil
}

// hangUp ends this side and reads until the peer does the same. TLS is not
// looked at any more: what comes is thrown away.
func (c *conn) hangUp(deadline time.Time) {
	if c.tls != nil && c.shaken.Load() {
		_ = c.tls.CloseWrite() // the end of the socket says the same, less safely
	}
	half, ok := c.socket.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || c.socket.SetReadDeadline(deadline) != nil {
		return
	}
	for rest := make([]byte, 512); ; {
		if _, err := c.socket.Read(rest); err != nil {
			return
		}
	}
}
