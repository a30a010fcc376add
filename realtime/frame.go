package realtime

import (
	"encoding/binary"
	"math"

	"github.com/gim-im/gim/wire"
)

// What RFC 6455, section 5.2, says about frames, as far as gim reads and writes
// them itself.
const (
	opText, opBinary        = 1, 2
	opClose, opPing, opPong = 8, 9, 10

	opMask     = 0x0f
	finBit     = 0x80 // the whole message is in this frame
	firstBits  = 0xf0 // fin, and three that belong to extensions
	maskBit    = 0x80
	maskBytes  = 4
	maxControl = 125 // bytes of payload in a control frame
	len16      = 126 // says that the length has two bytes
	len64      = 127 // eight
)

// frame is one from a client. Its payload is masked.
type frame struct {
	op      byte // opStranger for what is the library's to understand
	size    int  // of the whole
	mask    [maskBytes]byte
	payload []byte
}

// opStranger stands for what is no simple frame: a fragment, one without a mask,
// one that is too long or breaks the protocol, or a close.
const opStranger = 0

// parseFrame reads the frame that data begins with. It is whole when all of it is
// there, and also when it is a stranger, whatever there is of it.
func parseFrame(data []byte) (f frame, whole bool) {
	if len(data) < 2 {
		return f, false
	}
	op, length, header := data[0]&opMask, int(data[1]&^maskBit), 2+maskBytes
	if data[0]&firstBits != finBit || data[1]&maskBit == 0 {
		return f, true
	}
	switch op {
	case opText, opBinary:
	case opPing, opPong:
		if length > maxControl {
			return f, true
		}
	default:
		return f, true
	}
	switch {
	case length == len16 && len(data) < 4, length == len64 && len(data) < 10:
		return f, false
	case length == len16:
		length, header = int(binary.BigEndian.Uint16(data[2:])), header+2
	case length == len64:
		long := binary.BigEndian.Uint64(data[2:])
		if long > wire.MaxFrameBytes {
			return f, true
		}
		length, header = int(long), header+8
	}
	if length > wire.MaxFrameBytes {
		return f, true
	}
	if len(data) < header+length {
		return f, false
	}
	f = frame{op: op, size: header + length, payload: data[header : header+length]}
	copy(f.mask[:], data[header-maskBytes:])
	return f, true
}

// unmask takes the mask from p, which is the payload or a copy of it.
func (f *frame) unmask(p []byte) {
	key := binary.LittleEndian.Uint32(f.mask[:])
	if key == 0 {
		return
	}
	twice := uint64(key)<<32 | uint64(key)
	for ; len(p) >= 8; p = p[8:] {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^twice)
	}
	for i := range p {
		p[i] ^= f.mask[i%maskBytes]
	}
}

// appendFrame appends a frame to a client, which has no mask.
func appendFrame(dst []byte, op byte, payload []byte) []byte {
	dst = append(dst, finBit|op)
	switch n := len(payload); {
	case n < len16:
		dst = append(dst, byte(n))
	case n <= math.MaxUint16:
		dst = binary.BigEndian.AppendUint16(append(dst, len16), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, len64), uint64(n))
	}
	return append(dst, payload...)
}
