package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The frames of RFC 6455 that a client of gim meets.
const (
	opContinuation = 0x0
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa

	finBit, maskBit = 0x80, 0x80
	length16        = 126 // two bytes of length follow
	length64        = 127 // eight
)

const (
	// wsBuffer is what a reader begins with, in bytes. It grows while reads fill it.
	wsBuffer = 4 << 10
	// maxReadAhead is how far, in bytes. Beyond that it grows for a frame that needs it.
	maxReadAhead = 64 << 10
	// maxServerFrame bounds a frame, in bytes: a page of a log is the largest.
	maxServerFrame = 8 << 20
)

// appendMasked appends a frame from a client. The mask is zero: it keeps web pages
// from fooling proxies, and here is none. The server's work with it is the same.
func appendMasked(dst []byte, op byte, payload []byte) []byte {
	dst = append(dst, finBit|op)
	switch n := len(payload); {
	case n < length16:
		dst = append(dst, maskBit|byte(n))
	case n < 1<<16:
		dst = append(dst, maskBit|length16, byte(n>>8), byte(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, maskBit|length64), uint64(n))
	}
	return append(append(dst, 0, 0, 0, 0), payload...)
}

// wsReader reads the messages of a WebSocket, answers pings, and tells a close.
type wsReader struct {
	line       *line
	buf        []byte
	start, end int    // of what was read and not yet cut
	parts      []byte // of a message that has begun
	partial    bool
}

func (r *wsReader) next() ([]byte, error) {
	for {
		head, payload, ok, err := r.cut()
		if err != nil {
			return nil, err
		}
		if !ok {
			if err := r.fill(); err != nil {
				return nil, err
			}
			continue
		}
		switch op := head &^ finBit; {
		case head == finBit|opBinary && !r.partial:
			return payload, nil
		case op == opPing:
			err = r.line.control(opPong, payload)
		case op == opPong:
		case op == opClose:
			_ = r.line.control(opClose, payload) // it is over either way
			return nil, closedBy(payload)
		case op == opBinary && !r.partial, op == opContinuation && r.partial:
			r.parts, r.partial = append(r.parts, payload...), head&finBit == 0
			if !r.partial {
				whole := r.parts
				r.parts = nil
				return whole, nil
			}
		default:
			return nil, fmt.Errorf("a WebSocket frame that has no place here: %#x", head)
		}
		if err != nil {
			return nil, err
		}
	}
}

// cut returns the next frame that is there as a whole.
func (r *wsReader) cut() (head byte, payload []byte, ok bool, err error) {
	rest := r.buf[r.start:r.end]
	if len(rest) < 2 {
		return 0, nil, false, nil
	}
	length, n := uint64(rest[1]), 2
	switch {
	case length == length16 && len(rest) >= 4:
		length, n = uint64(binary.BigEndian.Uint16(rest[2:])), 4
	case length == length64 && len(rest) >= 10:
		length, n = binary.BigEndian.Uint64(rest[2:]), 10
	case length > length64:
		return 0, nil, false, errors.New("a WebSocket frame from the server is masked")
	case length >= length16:
		return 0, nil, false, nil
	}
	if length > maxServerFrame {
		return 0, nil, false, fmt.Errorf("a WebSocket frame of %d bytes is too large", length)
	}
	whole := n + int(length) //nolint:gosec // bounded above
	if len(rest) < whole {
		if whole > len(r.buf) {
			r.grow(2 * whole)
		}
		return 0, nil, false, nil
	}
	r.start += whole
	return rest[0], rest[n:whole], true, nil
}

func (r *wsReader) grow(size int) {
	bigger := make([]byte, size)
	r.end = copy(bigger, r.buf[r.start:r.end])
	r.buf, r.start = bigger, 0
}

// fill reads once.
func (r *wsReader) fill() error {
	if r.start > 0 {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
	}
	n, err := r.line.conn.Read(r.buf[r.end:])
	r.end += n
	if r.end == len(r.buf) && r.end < maxReadAhead { // more may be waiting
		r.grow(2 * len(r.buf))
	}
	if n > 0 {
		return nil // an error comes again with the next read
	}
	return err
}
