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

	mu     sync.Mutex // held while writing, so that frames stay whole; guards sealed
	sealed bool       // a close frame was written: nothing may follow
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
	return s.Conn.Write(p)
}

// writeFrames writes messages of one kind, with one system call if the network takes
// them at once. Only where it does not, is there a deadline to be set.
func (s *socket) writeFrames(kind websocket.MessageType, frames [][]byte, deadline time.Time) error {
	b, ok := batches.Get().(*batch)
	if !ok {
		b = newBatch()
	}
	defer b.giveBack()
	for _, payload := range frames {
		b.bytes = append(appendHeader(b.bytes, kind, len(payload)), payload...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sealed {
		return net.ErrClosed
	}
	rest := b.bytes[b.tryWrite(s.raw):]
	if len(rest) == 0 {
		return nil
	}
	if err := s.SetWriteDeadline(deadline); err != nil {
		return err
	}
	if _, err := s.Conn.Write(rest); err != nil {
		return err
	}
	return s.SetWriteDeadline(time.Time{}) // answers to pings have none
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
	bytes []byte

	// Of tryWrite, which would have to allocate them for each call.
	written int
	write   func(fd uintptr) (done bool)
}

// maxPooled keeps a large page from being held for ever, in bytes.
const maxPooled = 256 << 10

// batches are lent to writers. They hold no state.
var batches sync.Pool

func (b *batch) giveBack() {
	if cap(b.bytes) <= maxPooled {
		b.bytes = b.bytes[:0]
		batches.Put(b)
	}
}
