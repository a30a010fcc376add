package tcpgw

import (
	"encoding/binary"
	"net"
	"sync"
	"time"

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
	b.copied, b.pieces, b.rest = b.copied[:0], b.pieces[:0], nil
	batches.Put(b)
}

// WriteFrames implements gateway.Conn. Without TLS it is one system call, as
// long as the socket takes it all.
func (c *conn) WriteFrames(frames [][]byte, deadline time.Time) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.setWriteDeadline(deadline); err != nil {
		return err
	}
	if err := c.writeAll(frames); err != nil {
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

// writeAll is called with writing held.
func (c *conn) writeAll(frames [][]byte) (err error) {
	b := batches.Get().(*batch) //nolint:forcetypeassert // nothing else is put there
	defer b.giveBack()
	if c.tls != nil {
		err = b.writeRecords(c.tls, frames)
	} else {
		err = b.writeOnce(c.socket, frames)
	}
	if err != nil {
		c.torn = true
	}
	return err
}

// writeOnce writes all frames by one write, or one writev.
func (b *batch) writeOnce(socket net.Conn, frames [][]byte) error {
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
	if len(b.pieces) == 0 {
		_, err := socket.Write(b.copied)
		return err
	}
	if from < len(b.copied) {
		b.pieces = append(b.pieces, b.copied[from:])
	}
	b.rest = b.pieces // which WriteTo consumes
	_, err := b.rest.WriteTo(socket)
	return err
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
