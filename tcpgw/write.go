package tcpgw

import (
	"encoding/binary"
	"net"
	"sync"
	"time"

	"github.com/gim-im/gim/internal/nowait"
	"github.com/gim-im/gim/wire"
)

const (
	// largeFrame is from how many bytes on a frame is not copied but written from
	// where it is.
	largeFrame = 16 << 10
	// maxPooled keeps a rare large batch from being held for ever, in bytes.
	maxPooled = 64 << 10
	// recordBytes is how much one record of TLS takes, less room for the length of
	// one more frame.
	recordBytes = 16<<10 - maxLengthBytes
	// maxLengthBytes is how long the length of a frame is at most.
	maxLengthBytes = binary.MaxVarintLen32
)

// batch is memory in which what is written at once is put together.
type batch struct {
	copied []byte      // lengths, and frames that are not large
	sent   int         // how much of copied was written
	pieces net.Buffers // the same in order, with large frames in between
	rest   net.Buffers // of pieces, while they are written
}

// batches are lent to writers. They hold no state.
var batches = sync.Pool{New: func() any { return new(batch) }}

func (b *batch) giveBack() {
	if cap(b.copied) > maxPooled {
		return
	}
	clear(b.pieces[:cap(b.pieces)]) // of other people's frames
	b.copied, b.sent, b.pieces, b.rest = b.copied[:0], 0, b.pieces[:0], nil
	batches.Put(b)
}

// WriteFrames implements gateway.Conn. Without TLS it is one system call, as
// long as the socket takes it all, and needs no deadline then: setting one and
// taking it back costs as much.
func (c *conn) WriteFrames(frames [][]byte, deadline time.Time) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	b := batches.Get().(*batch) //nolint:forcetypeassert // nothing else is put there
	defer b.giveBack()
	if c.left != nil {
		if err := c.setWriteDeadline(deadline); err != nil {
			return err
		}
		if err := c.writeLeft(); err != nil {
			return err
		}
		if err := c.setWriteDeadline(time.Time{}); err != nil || len(frames) == 0 {
			return err
		}
	}
	if c.tls == nil {
		b.gather(frames)
		if all, err := c.writeAtOnce(b); all || err != nil {
			return err
		}
	}
	if err := c.setWriteDeadline(deadline); err != nil {
		return err
	}
	if err := c.writeOut(b, frames); err != nil {
		return err
	}
	return c.setWriteDeadline(time.Time{}) // one that stays wakes the process for nothing
}

func (c *conn) setWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return net.ErrClosed
	}
	return c.socket.SetWriteDeadline(t)
}

// writeAtOnce writes what of b the socket takes without waiting. It leaves large
// frames alone. writing is held.
func (c *conn) writeAtOnce(b *batch) (all bool, err error) {
	switch {
	case c.isClosing():
		return false, net.ErrClosed
	case len(b.pieces) > 0:
		return false, nil
	}
	if b.sent, err = nowait.Write(c.socket, b.copied); err != nil {
		c.torn = true
	}
	return b.sent == len(b.copied), err
}

// WriteSome implements gateway.EagerConn. Records of TLS may have to wait: they are
// left to WriteFrames.
func (c *conn) WriteSome(frames [][]byte) (whole bool, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.torn || c.isClosing() {
		return false, net.ErrClosed
	}
	b := batches.Get().(*batch) //nolint:forcetypeassert // nothing else is put there
	defer b.giveBack()
	for _, f := range frames {
		b.copied = append(wire.AppendLength(b.copied, len(f)), f...)
	}
	if c.left == nil && c.tls == nil {
		if b.sent, err = nowait.Write(c.socket, b.copied); err != nil {
			c.torn = true
			return false, err
		}
	}
	if b.sent < len(b.copied) {
		c.left = append(c.left, b.copied[b.sent:]...)
	}
	return c.left == nil, nil
}

// writeLeft writes what WriteSome left. writing is held.
func (c *conn) writeLeft() (err error) {
	if c.left == nil {
		return nil
	}
	if c.tls != nil {
		_, err = c.tls.Write(c.left)
	} else {
		_, err = c.socket.Write(c.left)
	}
	c.left = nil
	c.torn = c.torn || err != nil
	return err
}

// writeLastFrame writes one frame by the deadline that there is. writing is held.
func (c *conn) writeLastFrame(frame []byte) error {
	b := batches.Get().(*batch) //nolint:forcetypeassert // nothing else is put there
	defer b.giveBack()
	frames := [][]byte{frame}
	b.gather(frames)
	if err := c.writeLeft(); err != nil {
		return err
	}
	return c.writeOut(b, frames)
}

// writeOut writes what was not written yet: without TLS what was gathered, by one
// write, or one writev. writing is held.
func (c *conn) writeOut(b *batch, frames [][]byte) (err error) {
	switch {
	case c.tls != nil:
		b.copied = b.copied[:0]
		err = b.writeRecords(c.tls, frames)
	case len(b.pieces) == 0:
		_, err = c.socket.Write(b.copied[b.sent:])
	default:
		b.rest = b.pieces // which WriteTo consumes
		_, err = b.rest.WriteTo(c.socket)
	}
	if err != nil {
		c.torn = true
	}
	return err
}

// gather puts all frames together.
func (b *batch) gather(frames [][]byte) {
	small := 0
	for _, f := range frames {
		small += maxLengthBytes
		if len(f) < largeFrame {
			small += len(f)
		}
	}
	if cap(b.copied) < small {
		b.copied = make([]byte, 0, small) // at once: pieces point into it
	}
	from := 0
	for _, f := range frames {
		b.copied = wire.AppendLength(b.copied, len(f))
		if len(f) < largeFrame {
			b.copied = append(b.copied, f...)
			continue
		}
		b.pieces = append(b.pieces, b.copied[from:], f)
		from = len(b.copied)
	}
	if len(b.pieces) > 0 && from < len(b.copied) {
		b.pieces = append(b.pieces, b.copied[from:])
	}
}

// writeRecords writes all frames in as few records of TLS as they fit into.
func (b *batch) writeRecords(tls net.Conn, frames [][]byte) error {
	for _, f := range frames {
		b.copied = wire.AppendLength(b.copied, len(f))
		for len(b.copied)+len(f) > recordBytes {
			n := max(0, recordBytes-len(b.copied))
			b.copied, f = append(b.copied, f[:n]...), f[n:]
			if _, err := tls.Write(b.copied); err != nil {
				return err
			}
			b.copied = b.copied[:0]
		}
		b.copied = append(b.copied, f...)
	}
	if len(b.copied) == 0 {
		return nil
	}
	_, err := tls.Write(b.copied)
	return err
}
