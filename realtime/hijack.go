package realtime

import (
	"bufio"
	"net"
	"net/http"
	"sync"
	"time"
)

// Buffers of a connection, in bytes. net/http would leave it 4 KiB each way, of
// which an idle one has no use: what is larger passes them by.
const (
	readBuffer  = 512
	writeBuffer = 256 // holds the header of a frame, and control frames as a whole
)

// lean is the response to a handshake. When the library takes the connection over
// it gets a small one.
type lean struct {
	http.ResponseWriter
	conn *corked // nil before
}

// Hijack implements http.Hijacker.
func (l *lean) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, brw, err := http.NewResponseController(l.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	l.conn = &corked{Conn: conn}
	if n := brw.Reader.Buffered(); n > 0 { // the client did not wait for the answer
		early, _ := brw.Reader.Peek(n) // what is buffered can be peeked at
		l.conn.early = append(l.conn.early, early...)
	}
	return l.conn, bufio.NewReadWriter(bufio.NewReaderSize(l.conn, readBuffer), bufio.NewWriterSize(l.conn, writeBuffer)), nil
}

// corked is a connection that can hold back what is written to it, so that many
// frames leave with one system call.
type corked struct {
	net.Conn
	early []byte // to be read first; the reader's

	mu   sync.Mutex // held while writing
	held *[]byte    // nil: writes go through
}

// Read implements net.Conn.
func (c *corked) Read(p []byte) (int, error) {
	if len(c.early) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.early)
	if c.early = c.early[n:]; len(c.early) == 0 {
		c.early = nil
	}
	return n, nil
}

// Write implements net.Conn.
func (c *corked) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == nil {
		return c.Conn.Write(p)
	}
	*c.held = append(*c.held, p...)
	return len(p), nil
}

// cork begins to hold back.
func (c *corked) cork() {
	c.mu.Lock()
	defer c.mu.Unlock()
	held, ok := heldBuffers.Get().(*[]byte)
	if !ok {
		held = new([]byte)
	}
	c.held = held
}

// uncork writes what was held back.
func (c *corked) uncork(deadline time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	held := c.held
	c.held = nil
	if err := c.SetWriteDeadline(deadline); err != nil {
		return err
	}
	if _, err := c.Conn.Write(*held); err != nil {
		return err
	}
	if cap(*held) <= maxHeld {
		*held = (*held)[:0]
		heldBuffers.Put(held)
	}
	return c.SetWriteDeadline(time.Time{}) // answers to pings have none
}

// maxHeld keeps a large page from being held for ever.
const maxHeld = 256 << 10

// heldBuffers lends buffers to connections that are corked. It holds no state.
var heldBuffers sync.Pool
