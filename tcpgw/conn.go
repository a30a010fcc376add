package tcpgw

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/wire"
)

// conn is a TCP connection as the gateway sees it.
type conn struct {
	server *Server
	socket net.Conn
	tls    *tls.Conn   // around socket; nil where plain
	shaken atomic.Bool // the TLS handshake is done

	// The reader's own.
	decoder wire.Decoder
	known   bool      // the first frame came: whoever is there speaks the protocol
	active  bool      // a frame came that was too large for a connection at rest
	cut     bool      // a frame came since the deadline was set
	bound   bound     // what the deadline of reads is for
	set     time.Time // when it was set

	writing sync.Mutex // held while frames are written, so that they stay whole
	torn    bool       // a frame was cut off; guarded by writing
	left    []byte     // to be written before anything else; guarded by writing

	mu      sync.Mutex // guards closing, and the deadlines against Close
	closing bool
}

var _ gateway.Conn = (*conn)(nil)

// bound is what a read may end for before anything comes.
type bound uint8

const (
	unbound bound = iota
	byFrame       // a frame has begun, and has to arrive
	byIdle        // the connection is to become idle
)

func (s *Server) newConn(socket net.Conn) *conn {
	c := &conn{server: s, socket: socket}
	c.decoder.Init(wire.MaxFrameBytes)
	if s.TLS != nil {
		c.tls = tls.Server(socket, s.TLS)
	}
	return c
}

// Encoding implements gateway.Conn.
func (c *conn) Encoding() wire.Encoding { return wire.Proto }

// LastPing implements gateway.Conn: everything here is a frame.
func (c *conn) LastPing() time.Time { return time.Time{} }

// stream is what frames go through.
func (c *conn) stream() net.Conn {
	if c.tls != nil {
		return c.tls
	}
	return c.socket
}

// ReadFrame implements gateway.Conn. It ends as soon as Close is called, which
// reads what may still come.
func (c *conn) ReadFrame() ([]byte, error) {
	if c.tls != nil && !c.shaken.Load() {
		if err := c.shake(); err != nil {
			return nil, err
		}
	}
	for {
		if !c.known {
			if err := c.greet(c.decoder.Buffered()); err != nil {
				return nil, err
			}
		}
		frame, ok, err := c.decoder.Next()
		if ok || err != nil {
			c.known, c.active, c.cut = true, c.decoder.Borrows(), true
			return frame, err
		}
		if !c.active {
			c.decoder.Rest()
		}
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
}

// fill reads once. A frame that has begun has to be whole in time; between frames
// the gateway watches over silence.
func (c *conn) fill() error {
	if err := c.expect(); err != nil {
		return err
	}
	err := c.decoder.Fill(c.stream())
	if !errors.Is(err, os.ErrDeadlineExceeded) || c.isClosing() {
		return err
	}
	if c.bound == byIdle {
		c.active = false
		c.decoder.Rest()
		return gateway.ErrIdle
	}
	return domain.Failure(domain.CodeBadRequest, "A frame that has begun has to be whole within %s.", c.server.FrameTimeout)
}

// expect sets the deadline for what is read next. It is not set again for every
// frame: a connection becomes idle half of the time earlier or later.
func (c *conn) expect() error {
	want, in := unbound, time.Duration(0)
	switch {
	case len(c.decoder.Buffered()) > 0:
		want, in = byFrame, c.server.FrameTimeout
	case c.active:
		want, in = byIdle, c.server.IdleAfter
	}
	if want == unbound && c.bound == unbound {
		return nil
	}
	now := time.Now()
	if want == c.bound && (want == byFrame && !c.cut || want == byIdle && now.Sub(c.set) < in/2) {
		return nil
	}
	c.bound, c.set, c.cut = want, now, false
	if want == unbound {
		return c.setReadDeadline(time.Time{})
	}
	return c.setReadDeadline(now.Add(in))
}

func (c *conn) setReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return net.ErrClosed
	}
	return c.socket.SetReadDeadline(t)
}

func (c *conn) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}
