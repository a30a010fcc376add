package realtime

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/wire"
)

// conn is a WebSocket as the gateway sees it.
type conn struct {
	enc      wire.Encoding
	ws       *websocket.Conn
	socket   *socket
	lastPing atomic.Int64 // nanoseconds since 1970; 0 for none
}

var (
	_ gateway.Conn      = (*conn)(nil)
	_ gateway.QuickConn = (*conn)(nil)
	_ gateway.EagerConn = (*conn)(nil)
)

func (c *conn) open(ws *websocket.Conn, below *socket) {
	c.ws, c.socket = ws, below
	ws.SetReadLimit(wire.MaxFrameBytes) // beyond it the library closes with 1009
}

// notePing is called by the library before it answers a ping.
func (c *conn) notePing(context.Context, []byte) bool {
	c.lastPing.Store(time.Now().UnixNano())
	return true
}

// answerPing is notePing for a ping that the library does not see.
func (c *conn) answerPing(ping frame) (answered bool) {
	held := borrowHeld()
	defer giveBack(held)
	*held = appendFrame(*held, opPong, ping.payload)
	ping.unmask((*held)[len(*held)-len(ping.payload):])
	if !c.socket.tryWrite(*held) {
		return false
	}
	return c.notePing(context.Background(), nil)
}

// Encoding implements gateway.Conn.
func (c *conn) Encoding() wire.Encoding { return c.enc }

// LastPing implements gateway.Conn.
func (c *conn) LastPing() time.Time {
	if at := c.lastPing.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

// ReadFrame implements gateway.Conn.
func (c *conn) ReadFrame() ([]byte, error) {
	for {
		kind, payload, whose, err := c.socket.next(c.answerPing)
		if err != nil {
			return nil, err
		}
		switch whose {
		case ours:
			return c.check(kind, payload)
		case library:
			return c.readByLibrary()
		case more:
			if err := c.socket.fill(); err != nil {
				return nil, err
			}
		}
	}
}

func (c *conn) readByLibrary() ([]byte, error) {
	c.socket.awaitLeave()
	kind, payload, err := c.ws.Read(context.Background()) // Close ends it
	if err != nil {
		c.closeAfter(err)
		return nil, err
	}
	return c.check(kind, payload)
}

// check refuses frames of the wrong kind.
func (c *conn) check(kind websocket.MessageType, payload []byte) ([]byte, error) {
	switch {
	case kind == websocket.MessageText && !utf8.Valid(payload):
		c.socket.leave()
		_ = c.ws.Close(websocket.StatusInvalidFramePayloadData, "text is not valid UTF-8") // gone either way
		return nil, errors.New("text is not valid UTF-8")
	case (kind == websocket.MessageText) != (c.enc == wire.JSON):
		return nil, gateway.ErrBadFrame
	}
	return payload, nil
}

// closeAfter says 1002 to a peer that broke the protocol in a way that the
// library noticed without saying so, such as a frame without a mask.
func (c *conn) closeAfter(err error) {
	_, network := errors.AsType[net.Error](err)
	_, goodbye := errors.AsType[websocket.CloseError](err)
	if network || goodbye || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return
	}
	c.socket.leave()
	_ = c.ws.Close(websocket.StatusProtocolError, "protocol error") // gone either way
}

// WriteFrames implements gateway.Conn. It is one system call, as long as the socket
// takes it all.
func (c *conn) WriteFrames(frames [][]byte, deadline time.Time) error {
	return c.socket.writeAll(c.op(), frames, deadline)
}

// WriteSome implements gateway.EagerConn.
func (c *conn) WriteSome(frames [][]byte) (whole bool, err error) {
	return c.socket.writeSome(c.op(), frames)
}

// TryWrite implements gateway.QuickConn.
func (c *conn) TryWrite(payload []byte) (written bool) {
	held := borrowHeld()
	defer giveBack(held)
	*held = appendFrame(*held, c.op(), payload)
	return c.socket.tryWrite(*held)
}

func (c *conn) op() byte {
	if c.enc == wire.Proto {
		return opBinary
	}
	return opText
}

// maxHeld keeps a large page from being held for ever, in bytes.
const maxHeld = 256 << 10

// heldBuffers are lent to put together in them what is written at once. They hold
// no state.
var heldBuffers sync.Pool

func borrowHeld() *[]byte {
	if held, ok := heldBuffers.Get().(*[]byte); ok {
		return held
	}
	return new([]byte)
}

func giveBack(held *[]byte) {
	if cap(*held) <= maxHeld {
		*held = (*held)[:0]
		heldBuffers.Put(held)
	}
}

// goodbyeTimeout bounds what is written before a close.
const goodbyeTimeout = 2 * time.Second

// Close implements gateway.Conn. A close frame has no place for reconnectAfter,
// so a frame of gim's goes before it.
func (c *conn) Close(code wire.CloseCode, reconnectAfter time.Duration) {
	if code == 0 {
		_ = c.ws.CloseNow() // nobody is told
		return
	}
	if reconnectAfter > 0 {
		closing := wire.AppendClosing(nil, c.enc, code, reconnectAfter)
		_ = c.WriteFrames([][]byte{closing}, time.Now().Add(goodbyeTimeout)) // the peer may be gone already
	}
	c.socket.leave()
	_ = c.ws.Close(websocket.StatusCode(code), code.String()) // the same
}
