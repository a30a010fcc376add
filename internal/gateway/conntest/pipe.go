// Package conntest holds what every gateway.Conn has to do, as a test suite, and
// a Conn in memory for testing what stands on one.
package conntest

import (
	"bytes"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/wire"
)

// Pipe is a gateway.Conn in memory. It holds no frame: a write waits until the
// peer takes it. All methods may be called concurrently.
type Pipe struct {
	enc            wire.Encoding
	up, down       chan []byte
	closed         chan struct{}
	once           sync.Once
	code           wire.CloseCode
	reconnectAfter time.Duration
	lastPing       atomic.Int64 // nanoseconds since 1970
}

var (
	_ gateway.Conn = (*Pipe)(nil)
	_ Peer         = (*PipePeer)(nil)
)

// NewPipe returns both ends of a connection.
func NewPipe(enc wire.Encoding) (*Pipe, *PipePeer) {
	p := &Pipe{enc: enc, up: make(chan []byte), down: make(chan []byte), closed: make(chan struct{})}
	return p, &PipePeer{p}
}

// Encoding implements gateway.Conn.
func (p *Pipe) Encoding() wire.Encoding { return p.enc }

// ReadFrame implements gateway.Conn. An empty frame stands for one of a wrong kind.
func (p *Pipe) ReadFrame() ([]byte, error) {
	select {
	case frame := <-p.up:
		if len(frame) == 0 {
			return nil, gateway.ErrBadFrame
		}
		return frame, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// WriteFrames implements gateway.Conn.
func (p *Pipe) WriteFrames(frames [][]byte, deadline time.Time) error {
	select {
	case <-p.closed:
		return net.ErrClosed
	default:
	}
	late := time.NewTimer(time.Until(deadline))
	defer late.Stop()
	for _, payload := range frames {
		select {
		case p.down <- bytes.Clone(payload):
		case <-p.closed:
			return net.ErrClosed
		case <-late.C:
			return os.ErrDeadlineExceeded
		}
	}
	return nil
}

// Close implements gateway.Conn. There is nobody to wait for.
func (p *Pipe) Close(code wire.CloseCode, reconnectAfter time.Duration) {
	p.once.Do(func() {
		p.code, p.reconnectAfter = code, reconnectAfter
		close(p.closed)
	})
}

// LastPing implements gateway.Conn.
func (p *Pipe) LastPing() time.Time {
	if ns := p.lastPing.Load(); ns != 0 {
		return time.Unix(0, ns)
	}
	return time.Time{}
}

// PipePeer is the client's end of a Pipe.
type PipePeer struct{ p *Pipe }

// Send implements Peer.
func (c *PipePeer) Send(frame []byte) error {
	select {
	case c.p.up <- bytes.Clone(frame):
		return nil
	case <-c.p.closed:
		return net.ErrClosed
	}
}

// Receive implements Peer.
func (c *PipePeer) Receive() ([]byte, error) {
	select {
	case frame := <-c.p.down:
		return frame, nil
	case <-c.p.closed:
		return nil, &Closed{Code: c.p.code, ReconnectAfter: c.p.reconnectAfter}
	}
}

// Ping implements Peer.
func (c *PipePeer) Ping() error {
	c.p.lastPing.Store(time.Now().UnixNano())
	return nil
}

// Drop implements Peer.
func (c *PipePeer) Drop() { c.p.Close(0, 0) }
