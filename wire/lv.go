package wire

import (
	"encoding/binary"

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

// Decoder cuts frames out of a byte stream. It hands out slices of its buffer,
// moves what is left to the front, and allocates nothing per frame. A Decoder is
// for one goroutine.
type Decoder struct {
	Buffer
	limit int // of a frame, in bytes
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
	d.limit = limit
	d.Buffer.Init()
}

// Next returns the next frame that was read as a whole; it stays valid until
// Fill is called. ok is false when there is none yet. An error is a
// *domain.Error: the stream cannot be read any further.
func (d *Decoder) Next() (frame []byte, ok bool, err error) {
	rest := d.Buffered()
	length, n, err := parseLength(rest, d.limit)
	if n == 0 || err != nil || len(rest)-n < length {
		return nil, false, err
	}
	d.Skip(n + length)
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
