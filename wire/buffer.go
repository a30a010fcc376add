package wire

import (
	"io"
	"sync"
)

const (
	// ownBuffer is what a Buffer at rest holds, in bytes.
	ownBuffer = 64
	// smallBuffer is what it borrows first, in bytes.
	smallBuffer = 512
	// readAhead is up to which size a buffer grows because reads fill it, in bytes.
	// Beyond that it grows for a frame that needs it.
	readAhead = 32 << 10
)

// Buffer holds what was read from a connection and not yet understood. Nearly
// all of it is borrowed, and given back at Rest: at rest it has room for a few
// bytes, which a ping fits into. It grows with what has arrived, to four times as
// much or 8 KiB, and not with what somebody announces. A Buffer is for one
// goroutine.
type Buffer struct {
	buf        []byte
	start, end int     // of what was read and not yet taken
	full       bool    // the last read filled buf: more may be waiting
	lent       *[]byte // buf, unless it is own
	own        [ownBuffer]byte
}

// Init makes a buffer empty and at rest. It must not be copied from then on.
func (b *Buffer) Init() { b.buf = b.own[:] }

// Rest gives back what is borrowed. A buffer at rest borrows again when it has
// more to hold than a few bytes. With something in it it does not rest.
func (b *Buffer) Rest() {
	switch {
	case b.start != b.end:
	case b.lent != nil:
		b.giveBack()
	default:
		b.start, b.end = 0, 0
	}
}

// Borrows reports whether the buffer holds more than when it was made.
func (b *Buffer) Borrows() bool { return b.lent != nil }

// Buffered returns what was read and not yet taken; it stays valid until Fill or
// Rest is called. What is written to it is kept.
func (b *Buffer) Buffered() []byte { return b.buf[b.start:b.end] }

// Skip takes the first n bytes of what is buffered.
func (b *Buffer) Skip(n int) { b.start += n }

// Fill reads once from r. What Buffered returned before is not valid any more.
func (b *Buffer) Fill(r io.Reader) error {
	b.makeRoom()
	n, err := r.Read(b.buf[b.end:])
	b.end += n
	b.full = b.end == len(b.buf)
	if n > 0 {
		return nil // an error comes again with the next read
	}
	return err
}

// makeRoom moves what is left to the front of a buffer with room for more: a
// small one where that is enough.
func (b *Buffer) makeRoom() {
	left := b.buf[b.start:b.end]
	want := len(left) + 1
	if b.full {
		want = max(want, min(len(b.buf)+1, readAhead))
	}
	switch {
	case b.lent == nil && b.end > 0, want > len(b.buf): // no longer at rest, or no room
		b.grow(want, left)
	case want <= smallBuffer && len(b.buf) > bufferSizes[1]:
		b.grow(want, left) // it gets smaller
	case b.start > 0: // else a large frame in many pieces would be copied for each
		copy(b.buf, left)
	}
	b.start, b.end = 0, len(left)
}

func (b *Buffer) grow(want int, left []byte) {
	lent := borrow(want)
	copy(*lent, left)
	if b.lent != nil {
		b.giveBack()
	}
	b.buf, b.lent = *lent, lent
}

// giveBack returns what is borrowed. It has its own then, empty.
func (b *Buffer) giveBack() {
	for class, size := range bufferSizes {
		if len(*b.lent) == size {
			buffers[class].Put(b.lent)
		}
	}
	b.buf, b.lent = b.own[:], nil
	b.start, b.end = 0, 0
}

// bufferSizes are the sizes of what is lent. The last holds any frame of a
// client with what stands in front of it on any transport.
var bufferSizes = [...]int{smallBuffer, 8 << 10, readAhead, MaxFrameBytes + 16}

// buffers are lent, one pool for each size. They hold no state.
var buffers [len(bufferSizes)]sync.Pool

// borrow returns a buffer of at least n bytes. What is larger than any frame of a
// client, as frames of a server may be, is made anew, with room to spare.
func borrow(n int) *[]byte {
	size := 2 * n
	for class, s := range bufferSizes {
		if n > s {
			continue
		}
		if lent, ok := buffers[class].Get().(*[]byte); ok {
			return lent
		}
		size = s
		break
	}
	fresh := make([]byte, size)
	return &fresh
}
