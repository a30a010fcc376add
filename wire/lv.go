package wire

import (
	"encoding/binary"
	"io"
	"sync"

	"github.com/gim-im/gim/domain"
)

// LV framing: each frame has its length in front, as an unsigned varint in its
// shortest form. Protobuf calls this the delimited format and its libraries read
// it, see https://protobuf.dev/programming-guides/techniques/#streaming.

// AppendLength appends the length that stands in front of a frame of n bytes.
func AppendLength(dst []byte, n int) []byte {
	return binary.AppendUvarint(dst, uint64(n)) //nolint:gosec // a length is not negative
}

// maxLengthBytes is how long the length of a frame may be. Five bytes hold
// anything below 2^35, which is far beyond every limit.
const maxLengthBytes = 5

const (
	// ownBuffer is what a Decoder at rest holds, in bytes.
	ownBuffer = 64
	// smallBuffer is what it borrows first, in bytes.
	smallBuffer = 512
	// readAhead is up to which size a buffer grows because reads fill it, in bytes.
	// Beyond that it grows for a frame that needs it.
	readAhead = 32 << 10
)

// Decoder cuts frames out of a byte stream. It hands out slices of its buffer,
// moves what is left to the front, and allocates nothing per frame: the buffer is
// borrowed, and given back at Rest. It grows with what has arrived, to four times
// as much or 8 KiB, and not with what a length announces. A Decoder is for one
// goroutine.
type Decoder struct {
	limit      int // of a frame, in bytes
	buf        []byte
	start, end int     // of what was read and not yet cut
	full       bool    // the last read filled buf: more may be waiting
	lent       *[]byte // buf, unless it is own
	own        [ownBuffer]byte
}

// NewDecoder returns a decoder at rest that refuses frames of more than limit bytes.
func NewDecoder(limit int) *Decoder {
	d := new(Decoder)
	d.Init(limit)
	return d
}

// Init makes a decoder that is part of something else what NewDecoder returns. It
// must not be copied from then on.
func (d *Decoder) Init(limit int) {
	d.limit, d.buf = limit, d.own[:]
}

// Rest gives back what is borrowed. A decoder at rest borrows again when it has
// more to hold than a few bytes. With a frame that has begun it does not rest.
func (d *Decoder) Rest() {
	switch {
	case d.start != d.end:
	case d.lent != nil:
		d.giveBack()
	default:
		d.start, d.end = 0, 0
	}
}

// Borrows reports whether the decoder holds more than when it was made.
func (d *Decoder) Borrows() bool { return d.lent != nil }

// Next returns the next frame that was read as a whole; it stays valid until
// Fill is called. ok is false when there is none yet. An error is a
// *domain.Error: the stream cannot be read any further.
func (d *Decoder) Next() (frame []byte, ok bool, err error) {
	rest := d.buf[d.start:d.end]
	length, n, err := parseLength(rest, d.limit)
	if n == 0 || err != nil || len(rest)-n < length {
		return nil, false, err
	}
	d.start += n + length
	return rest[n : n+length], true, nil
}

// parseLength reads a frame's length; n is how many bytes it takes, 0 when it is
// not there as a whole yet.
func parseLength(data []byte, limit int) (length, n int, err error) {
	var value uint64
	for n < len(data) && n < maxLengthBytes {
		b := data[n]
		value |= uint64(b&0x7f) << (7 * n)
		n++
		if b >= 0x80 {
			continue
		}
		switch {
		case b == 0 && n > 1:
			return 0, 0, domain.Failure(domain.CodeBadRequest, "The length of a frame is not in its shortest form.")
		case value > uint64(limit): //nolint:gosec // a limit is not negative
			return 0, 0, domain.Failure(domain.CodeTooLarge, "A frame may have at most %d bytes; this one announces %d.", limit, value)
		}
		return int(value), n, nil //nolint:gosec // within limit
	}
	if n == maxLengthBytes {
		return 0, 0, domain.Failure(domain.CodeTooLarge, "A frame may have at most %d bytes; its length is longer than %d bytes.", limit, maxLengthBytes)
	}
	return 0, 0, nil
}

// Buffered returns what was read and not yet handed out; it stays valid as a frame
// does. When Next found nothing and it is not empty, a frame has begun and not
// ended.
func (d *Decoder) Buffered() []byte { return d.buf[d.start:d.end] }

// Fill reads once from r. The frames handed out before are not valid any more.
func (d *Decoder) Fill(r io.Reader) error {
	d.makeRoom()
	n, err := r.Read(d.buf[d.end:])
	d.end += n
	d.full = d.end == len(d.buf)
	if n > 0 {
		return nil // an error comes again with the next read
	}
	return err
}

// makeRoom moves what is left to the front of a buffer with room for more: a
// small one where that is enough.
func (d *Decoder) makeRoom() {
	left := d.buf[d.start:d.end]
	want := len(left) + 1
	if d.full {
		want = max(want, min(len(d.buf)+1, readAhead))
	}
	switch {
	case d.lent == nil && d.end > 0, want > len(d.buf): // no longer at rest, or no room
		d.grow(want, left)
	case want <= smallBuffer && len(d.buf) > bufferSizes[1]:
		d.grow(want, left) // it gets smaller
	case d.start > 0: // else a large frame in many pieces would be copied for each
		copy(d.buf, left)
	}
	d.start, d.end = 0, len(left)
}

func (d *Decoder) grow(want int, left []byte) {
	lent := borrow(want)
	copy(*lent, left)
	if d.lent != nil {
		d.giveBack()
	}
	d.buf, d.lent = *lent, lent
}

// giveBack returns what is borrowed. The decoder has its own buffer then, empty.
func (d *Decoder) giveBack() {
	for class, size := range bufferSizes {
		if len(*d.lent) == size {
			buffers[class].Put(d.lent)
		}
	}
	d.buf, d.lent = d.own[:], nil
	d.start, d.end = 0, 0
}

// bufferSizes are the sizes of what is lent. The last holds any frame of a
// client with its length.
var bufferSizes = [...]int{smallBuffer, 8 << 10, readAhead, MaxFrameBytes + maxLengthBytes}

// buffers are lent to decoders, one pool for each size. They hold no state.
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
