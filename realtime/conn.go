package realtime

import (
	"context"
	"errors"
	"io"
	"net"
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
	out      *socket
	lastPing atomic.Int64 // nanoseconds since 1970; 0 for none
}

var (
	_ gateway.Conn      = (*conn)(nil)
	_ gateway.EagerConn = (*conn)(nil)
)

func (c *conn) open(ws *websocket.Conn, out *socket) {
	c.ws, c.out = ws, out
	ws.SetReadLimit(wire.MaxFrameBytes) // beyond it the library closes with 1009
}

// notePing is called by the library before it answers a ping.
func (c *conn) notePing(context.Context, []byte) bool {
	c.lastPing.Store(time.Now().UnixNano())
	return true
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
	kind, payload, err := c.ws.Read(context.Background()) // Close ends it
	switch {
	case err != nil:
		c.closeAfter(err)
		return nil, err
	case kind == websocket.MessageText && !utf8.Valid(payload):
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
	_ = c.ws.Close(websocket.StatusProtocolError, "protocol error") // gone either way
}

// WriteFrames implements gateway.Conn.
func (c *conn) WriteFrames(frames [][]byte, deadline time.Time) error {
	return c.out.writeFrames(c.kind(), frames, deadline)
}

// WriteSome implements gateway.EagerConn.
func (c *conn) WriteSome(frames [][]byte) (whole bool, err error) {
	return c.out.writeSome(c.kind(), frames)
}

func (c *conn) kind() websocket.MessageType {
	if c.enc == wire.Proto {
		return websocket.MessageBinary
	}
	return websocket.MessageText
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
	_ = c.ws.Close(websocket.StatusCode(code), code.String()) // the same
}
