package realtime

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/internal/nowait"
	"github.com/gim-im/gim/wire"
)

// Buffers that the library keeps for a connection, in bytes. Frames of data pass
// it by, so they hold what is left: control frames, and the headers of fragments.
const (
	readBuffer  = 16
	writeBuffer = 128 // a whole control frame, so that it is written at once
)

// idleAfter is how long after a frame that took memory a connection gives that
// back.
const idleAfter = 5 * time.Second

// lean is the response to a handshake. When the library takes the connection over
// it gets a socket with small buffers; net/http would leave it 4 KiB each way.
type lean struct {
	http.ResponseWriter
	socket *socket // nil before
}

// Hijack implements http.Hijacker.
func (l *lean) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, brw, err := http.NewResponseController(l.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	s := &socket{Conn: conn, idleAfter: idleAfter}
	s.in.Init()
	for brw.Reader.Buffered() > 0 { // the client did not wait for the answer
		if err := s.in.Fill(brw.Reader); err != nil {
			return nil, nil, errors.Join(err, conn.Close())
		}
	}
	s.ahead = bufio.NewReaderSize(s, readBuffer)
	l.socket = s
	return s, bufio.NewReadWriter(s.ahead, bufio.NewWriterSize(s, writeBuffer)), nil
}

// socket is what a WebSocket goes through. The library sees a net.Conn and talks
// through it when it has to: in the handshake, about control frames, fragments
// and everything that breaks the protocol, and to close. Frames of data that come
// in one piece, which is what clients send, are taken out before it sees them, and
// frames to the client are written past it. So an idle connection waits in few
// nested calls, on a small stack and with a buffer of a few bytes, and a frame
// costs no allocation.
type socket struct {
	net.Conn
	in    wire.Buffer   // the reader's; the library's once Close has begun
	ahead *bufio.Reader // what the library has read of in and not yet used

	reading sync.Mutex // held while it is read from past the library
	active  bool       // more was needed than at rest
	bounded bool       // there is a deadline for reads, to become idle
	since   time.Time  // when it was set

	idleAfter time.Duration

	writing sync.Mutex // held while something is written, so that frames stay whole
	ended   bool       // nothing may be written after what was
	left    *[]byte    // borrowed: what is to be written before anything else; nil for nothing

	mu      sync.Mutex // guards leaving, and the deadline of reads against leave
	leaving bool       // only the library reads from now on

	parting sync.Mutex // held by leave; before reading and mu
}

// Read implements net.Conn, for the library. It gives nothing back: the reader may
// still hold a frame that is in the same memory.
func (s *socket) Read(p []byte) (int, error) {
	if early := s.in.Buffered(); len(early) > 0 {
		n := copy(p, early)
		s.in.Skip(n)
		return n, nil
	}
	return s.Conn.Read(p)
}

// turn says who goes on reading.
type turn int

const (
	more    turn = iota // a frame is not there as a whole: fill
	ours                // here it is
	library             // what comes is for the library
)

// next returns the next frame of data if it was read as a whole. It stays valid
// until the next call. onPing is called for a ping, and answers it if it can.
func (s *socket) next(onPing func(frame) (answered bool)) (kind websocket.MessageType, payload []byte, whose turn, err error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	for !s.isLeaving() && s.ahead.Buffered() == 0 {
		f, whole := parseFrame(s.in.Buffered())
		switch {
		case !whole:
			return 0, nil, more, nil
		case f.op == opText || f.op == opBinary:
			s.in.Skip(f.size)
			s.active = s.in.Borrows()
			f.unmask(f.payload)
			return websocket.MessageType(f.op), f.payload, ours, nil
		case f.op == opPong, f.op == opPing && onPing(f):
			s.in.Skip(f.size)
		default:
			return 0, nil, library, s.handOver()
		}
	}
	return 0, nil, library, s.handOver()
}

// handOver prepares for the library to read: nothing ends that early, and it takes
// a larger stack.
func (s *socket) handOver() error {
	s.active = true
	if !s.bounded {
		return nil
	}
	s.bounded = false
	return s.setReadDeadline(time.Time{})
}

// fill reads once. After a frame that took memory the connection becomes idle when
// nothing more comes. It waits here, and not in next, for the sake of a small stack.
func (s *socket) fill() error {
	s.reading.Lock()
	defer s.reading.Unlock()
	if s.isLeaving() {
		return nil
	}
	if !s.active {
		s.in.Rest()
	} else if now := time.Now(); !s.bounded || now.Sub(s.since) >= s.idleAfter/2 { // not for every frame
		s.bounded, s.since = true, now
		if err := s.setReadDeadline(now.Add(s.idleAfter)); err != nil {
			return err
		}
	}
	err := s.in.Fill(s.Conn)
	if !errors.Is(err, os.ErrDeadlineExceeded) || s.isLeaving() {
		return ignoring(err, os.ErrDeadlineExceeded)
	}
	s.bounded = false
	if err := s.setReadDeadline(time.Time{}); err != nil {
		return err
	}
	if len(s.in.Buffered()) > 0 {
		return nil // in the middle of a frame
	}
	s.active = false
	s.in.Rest()
	return gateway.ErrIdle
}

func ignoring(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

// setReadDeadline does nothing once Close has begun.
func (s *socket) setReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaving {
		return nil
	}
	return s.SetReadDeadline(t)
}

func (s *socket) isLeaving() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leaving
}

// leave makes everybody read through the library from now on. When it returns
// nobody reads past it any more.
func (s *socket) leave() {
	s.parting.Lock()
	defer s.parting.Unlock()
	if s.isLeaving() {
		return
	}
	s.mu.Lock()
	s.leaving = true
	s.mu.Unlock()
	if !s.reading.TryLock() {
		_ = s.SetReadDeadline(time.Unix(1, 0)) // a socket that is gone says so when it is used
		s.reading.Lock()
	}
	_ = s.SetReadDeadline(time.Time{}) // the same
	s.reading.Unlock()
}

// awaitLeave keeps the library from meeting the deadline by which leave ends a read.
func (s *socket) awaitLeave() {
	s.parting.Lock()
	defer s.parting.Unlock()
}

// Write implements net.Conn, for the library, which writes a control frame at once.
// Nothing goes out after a close.
func (s *socket) Write(p []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if len(p) > 0 && p[0]&opMask == opClose {
		s.ended = true
	}
	if s.left != nil { // in the middle of a frame
		*s.left = append(*s.left, p...)
		return len(p), nil
	}
	return s.Conn.Write(p)
}

// writeAll writes whole frames of one kind. Only what the peer does not take at once
// needs a deadline.
func (s *socket) writeAll(op byte, frames [][]byte, deadline time.Time) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if whole, err := s.some(op, frames); whole || err != nil {
		return err
	}
	left := s.left
	s.left = nil
	defer giveBack(left)
	err := s.writeRest(*left, deadline)
	s.ended = s.ended || err != nil
	return err
}

// writeSome is writeAll without waiting, see [gateway.EagerConn].
func (s *socket) writeSome(op byte, frames [][]byte) (whole bool, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.some(op, frames)
}

// some is called with writing held.
func (s *socket) some(op byte, frames [][]byte) (whole bool, err error) {
	if s.ended && len(frames) > 0 {
		return false, net.ErrClosed
	}
	held := s.left
	if held == nil {
		held = borrowHeld()
	}
	for _, payload := range frames {
		*held = appendFrame(*held, op, payload)
	}
	if s.left != nil {
		return false, nil
	}
	n, err := nowait.Write(s.Conn, *held)
	switch {
	case err != nil:
		s.ended = true
	case n < len(*held):
		*held = append((*held)[:0], (*held)[n:]...)
		s.left = held
		return false, nil
	}
	giveBack(held)
	return err == nil, err
}

func (s *socket) writeRest(frames []byte, deadline time.Time) error {
	if err := s.SetWriteDeadline(deadline); err != nil {
		return err
	}
	if _, err := s.Conn.Write(frames); err != nil {
		return err
	}
	return s.SetWriteDeadline(time.Time{}) // answers to pings have none
}

// tryWrite writes a frame if that takes no waiting. It reports false when nothing
// was written.
func (s *socket) tryWrite(whole []byte) (written bool) {
	if !s.writing.TryLock() {
		return false
	}
	defer s.writing.Unlock()
	if s.ended || s.left != nil {
		return false
	}
	n, err := nowait.Write(s.Conn, whole)
	if err != nil || n == 0 {
		return false
	}
	if n < len(whole) { // the peer has not read for so long that it has to come again
		s.ended = true
		_ = s.Close()
	}
	return true
}
