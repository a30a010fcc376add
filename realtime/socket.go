package realtime

import (
	"encoding/binary"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/coder/websocket"
)

// socket is the connection beneath a WebSocket. The library reads and writes control
// frames through it; frames of gim's own are written here, without the library: it
// would take several locks and system calls for each.
type socket struct {
	net.Conn
	raw   syscall.RawConn // to write without waiting; nil where there is no such thing
	early []byte          // to be read first; the reader's

	mu     sync.Mutex // held while writing, so that frames stay whole; guards what follows
	sealed bool       // a close frame was written: nothing may follow
	left   *batch     // what is to be written before anything else; nil for nothing
}

func newSocket(conn net.Conn) *socket {
	s := &socket{Conn: conn}
	if c, ok := conn.(syscall.Conn); ok {
		s.raw, _ = c.SyscallConn() // nil with an error, which the next write has too
	}
	return s
}

// Read implements net.Conn.
func (s *socket) Read(p []byte) (int, error) {
	if len(s.early) == 0 {
		return s.Conn.Read(p)
	}
	n := copy(p, s.early)
	if s.early = s.early[n:]; len(s.early) == 0 {
		s.early = nil
	}
	return n, nil
}

// What the first two bytes of a frame from a server say.
const (
	finBit      = 0x80
	closeHeader = finBit | 0x8
	length16    = 126 // two bytes of length follow
	length64    = 127 // eight
)

// Write implements net.Conn. The library writes each control frame as a whole.
func (s *socket) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(p) > 0 && p[0] == closeHeader {
		s.sealed = true
	}
	if s.left != nil { // in the middle of a frame
		s.left.bytes = append(s.left.bytes, p...)
		return len(p), nil
	}
	return s.Conn.Write(p)
}

// writeFrames writes messages of one kind, with one system call if the network takes
// them at once. Only where it does not, is there a deadline to be set.
func (s *socket) writeFrames(kind websocket.MessageType, frames [][]byte, deadline time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if whole, err := s.some(kind, frames); whole || err != nil {
		return err
	}
	b := s.left
	s.left = nil
	defer b.giveBack()
	if err := s.SetWriteDeadline(deadline); err != nil {
		return err
	}
	if _, err := s.Conn.Write(b.bytes[b.written:]); err != nil {
		return err
	}
	return s.SetWriteDeadline(time.Time{}) // answers to pings have none
}

// writeSome is writeFrames without waiting, see [gateway.EagerConn].
func (s *socket) writeSome(kind websocket.MessageType, frames [][]byte) (whole bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.some(kind, frames)
}

// some is called with mu held.
func (s *socket) some(kind websocket.MessageType, frames [][]byte) (whole bool, err error) {
	if s.sealed && len(frames) > 0 {
		return false, net.ErrClosed
	}
	b := s.left
	if b == nil {
		b = borrowBatch()
	}
	for _, payload := range frames {
		b.bytes = append(appendHeader(b.bytes, kind, len(payload)), payload...)
	}
	if s.left == nil {
		b.tryWrite(s.raw)
	}
	if b.written == len(b.bytes) {
		s.left = nil
		b.giveBack()
		return true, nil
	}
	s.left = b
	return false, nil
}

// appendHeader appends what stands before a message of n bytes that is one frame.
func appendHeader(dst []byte, kind websocket.MessageType, n int) []byte {
	dst = append(dst, finBit|byte(kind)) // the library's kinds are the protocol's opcodes
	switch {
	case n < length16:
		return append(dst, byte(n))
	case n < 1<<16:
		return append(dst, length16, byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, length64), uint64(n))
}

// batch is memory in which what is written at once is put together.
type batch struct {
	bytes   []byte
	written int // how much of it is

	write func(fd uintptr) (done bool) // of tryWrite, which would have to make it each time
}

// maxPooled keeps a large page from being held for ever, in bytes.
const maxPooled = 256 << 10

// batches are lent to writers. They hold no state.
var batches sync.Pool

func borrowBatch() *batch {
	if b, ok := batches.Get().(*batch); ok {
		return b
	}
	return newBatch()
}

func (b *batch) giveBack() {
	if cap(b.bytes) <= maxPooled {
		b.bytes, b.written = b.bytes[:0], 0
		batches.Put(b)
	}
}
