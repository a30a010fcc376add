package tcpgw

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/wire"
)

const (
	// goodbyeTimeout bounds how long the last frame may take to be written, and
	// then how long the other side may take to close as well.
	goodbyeTimeout = 2 * time.Second
	// maxJoined is how much is copied together to be written at once, in bytes. More
	// is written from where it lies.
	maxJoined = 64 << 10
)

// conn is a TCP connection as the gateway sees it.
type conn struct {
	net.Conn
	o *Options

	reading sync.Mutex // held while reading; guards what follows
	decoder wire.Decoder
	sniffed bool      // the first bytes were looked at
	bound   bound     // what the deadline of reads is for
	set     time.Time // when it was set
	active  bool      // a frame has come since the connection was idle

	writing sync.Mutex // held while writing; guards gone
	gone    bool       // the last frame was written

	deadlines sync.Mutex // held while the deadline of reads is changed; guards leaving
	leaving   bool       // Close has set the last one
}

var _ gateway.Conn = (*conn)(nil)

// bound is what a read may end for before anything comes.
type bound uint8

const (
	unbound bound = iota
	byFrame       // a frame has begun, and has to arrive
	byIdle        // the connection is to become idle
)

func newConn(c net.Conn, o *Options) *conn {
	made := &conn{Conn: c, o: o}
	made.decoder.Init(wire.MaxFrameBytes)
	return made
}

// Encoding implements gateway.Conn.
func (*conn) Encoding() wire.Encoding { return wire.Proto }

// LastPing implements gateway.Conn: every sign of life is a frame.
func (*conn) LastPing() time.Time { return time.Time{} }

// ReadFrame implements gateway.Conn.
func (c *conn) ReadFrame() ([]byte, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	for {
		frame, ok, err := c.decoder.Next()
		if ok || err != nil {
			c.active = true
			return frame, err
		}
		c.expect()
		if err := c.decoder.Fill(c.Conn); err != nil {
			return nil, c.explain(err)
		}
		if err := c.sniff(); err != nil {
			return nil, err
		}
	}
}

// expect sets the deadline for what is read next. It is not set again for every
// frame: a connection becomes idle half of the time earlier or later.
func (c *conn) expect() {
	want, in := unbound, time.Duration(0)
	switch {
	case c.decoder.Buffered() > 0:
		want, in = byFrame, c.o.FrameTimeout
	case c.active:
		want, in = byIdle, c.o.IdleAfter
	}
	now := time.Now()
	if want == c.bound && (want != byIdle || now.Sub(c.set) < in/2) {
		return
	}
	c.bound, c.set = want, now
	var deadline time.Time
	if want != unbound {
		deadline = now.Add(in)
	}
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	if !c.leaving {
		_ = c.SetReadDeadline(deadline) // a closed connection says so when it is read
	}
}

// explain says what an error of a read means.
func (c *conn) explain(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) || c.isLeaving() {
		return err
	}
	if c.bound == byIdle {
		c.active = false
		c.decoder.Rest()
		return gateway.ErrIdle
	}
	return domain.Failure(domain.CodeBadRequest, "A frame that has begun must be complete within %s.", c.o.FrameTimeout)
}

func (c *conn) isLeaving() bool {
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	return c.leaving
}

// WriteFrames implements gateway.Conn.
func (c *conn) WriteFrames(frames [][]byte, deadline time.Time) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.gone {
		return net.ErrClosed
	}
	return c.write(frames, deadline)
}

// write is called with writing held. Frames that are small together are copied
// into one buffer, others are gathered by the system (writev).
func (c *conn) write(frames [][]byte, deadline time.Time) error {
	if err := c.SetWriteDeadline(deadline); err != nil {
		return err
	}
	total := 0
	for _, frame := range frames {
		total += len(frame)
	}
	buf := joined.get()
	defer joined.put(buf)
	_, gathers := c.Conn.(*net.TCPConn)
	if total <= maxJoined || !gathers {
		for _, frame := range frames {
			*buf = append(wire.AppendLength(*buf, len(frame)), frame...)
		}
		_, err := c.Conn.Write(*buf)
		return err
	}
	return c.gather(frames, *buf)
}

// gather writes frames and their lengths, for which it uses scratch.
func (c *conn) gather(frames [][]byte, scratch []byte) error {
	vector := make(net.Buffers, 0, 2*len(frames))
	for _, frame := range frames {
		begin := len(scratch)
		scratch = wire.AppendLength(scratch, len(frame))
		vector = append(vector, scratch[begin:len(scratch):len(scratch)], frame)
	}
	_, err := vector.WriteTo(c.Conn)
	return err
}

// Close implements gateway.Conn. The last frame says why; what the other side
// sends until it has read that is thrown away, so that the system does not reset
// the connection over it.
func (c *conn) Close(code wire.CloseCode, reconnectAfter time.Duration) {
	if code != 0 {
		if !c.leave() {
			return // the first one is at it
		}
		c.lastWords(wire.AppendClosing(nil, wire.Proto, code, reconnectAfter))
		c.reading.Lock() // the reader has let go at the deadline, if not before
		_, _ = io.Copy(io.Discard, c.Conn)
		c.reading.Unlock()
	}
	_ = c.Conn.Close() // nothing is left to be lost
}

// leave sets the deadline of whatever is read from now on. It reports whether this
// was the first time.
func (c *conn) leave() (first bool) {
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	if c.leaving {
		return false
	}
	c.leaving = true
	_ = c.SetReadDeadline(time.Now().Add(2 * goodbyeTimeout)) // a closed connection says so when it is read
	return true
}

// lastWords writes a last frame and ends this side of the connection.
func (c *conn) lastWords(frame []byte) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.gone {
		return
	}
	c.gone = true
	_ = c.write([][]byte{frame}, time.Now().Add(goodbyeTimeout)) // the other side may be gone already
	closeWrite(c.Conn)
}

// closeWrite ends one side of a connection, where the kind of connection can.
func closeWrite(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // the other side may be gone already
	}
}

// buffers lends the memory in which frames are put together. It holds no state.
type buffers struct{ pool sync.Pool }

var joined buffers

func (b *buffers) get() *[]byte {
	if buf, ok := b.pool.Get().(*[]byte); ok {
		return buf
	}
	return new([]byte)
}

func (b *buffers) put(buf *[]byte) {
	if cap(*buf) <= 2*maxJoined {
		*buf = (*buf)[:0]
		b.pool.Put(buf)
	}
}
