package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/wire"
)

// Conn is one long connection at the level of frames: it neither reconnects nor
// keeps a cursor. One goroutine may read while others write.
type Conn struct {
	ws *websocket.Conn
}

// ClosedError says that the server ended the connection, and why.
type ClosedError struct {
	Code   int // of the WebSocket; 4000 and up are gim's, see docs/protocol.md
	Reason string
}

// Error implements error.
func (e *ClosedError) Error() string {
	return fmt.Sprintf("connection closed: %d %s", e.Code, e.Reason)
}

// maxServerFrame bounds what Read accepts: a page of a log is the largest frame.
const maxServerFrame = 8 << 20

// Dial opens a WebSocket to the gim at server, the address of its REST API
// ("http://127.0.0.1:8080"), speaking protobuf. The first frame has to be a
// sign-in. Close the connection when done.
func Dial(ctx context.Context, server string) (*Conn, error) {
	address := strings.TrimSuffix(server, "/") + "/v1/ws"
	ws, resp, err := websocket.Dial(ctx, address, &websocket.DialOptions{
		HTTPClient:   &http.Client{Timeout: 30 * time.Second},
		Subprotocols: []string{wire.SubprotocolProto},
	})
	if resp != nil && resp.Body != nil {
		defer resp.Body.Close() //nolint:errcheck // a handshake has no body worth an error
	}
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	ws.SetReadLimit(maxServerFrame)
	return &Conn{ws: ws}, nil
}

// Write sends one frame.
func (c *Conn) Write(ctx context.Context, f *wire.ClientFrame) error {
	payload, err := proto.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode frame: %w", err)
	}
	return closed(c.ws.Write(ctx, websocket.MessageBinary, payload))
}

// Read returns the next frame. When the server has closed the connection the
// error is a *ClosedError. After ctx has ended the connection is of no more use.
func (c *Conn) Read(ctx context.Context) (*wire.ServerFrame, error) {
	_, payload, err := c.ws.Read(ctx)
	if err != nil {
		return nil, closed(err)
	}
	f := new(wire.ServerFrame)
	if err := proto.Unmarshal(payload, f); err != nil {
		return nil, fmt.Errorf("decode frame: %w", err)
	}
	return f, nil
}

// SignIn sends the first frame and returns the answer to it. Without after only
// what is new is pushed.
func (c *Conn) SignIn(ctx context.Context, token string, after *int64) (*wire.SignedIn, error) {
	in := &wire.SignIn{Token: token, After: after, Client: "gim-go"}
	if err := c.Write(ctx, &wire.ClientFrame{Id: 1, Body: &wire.ClientFrame_SignIn{SignIn: in}}); err != nil {
		return nil, err
	}
	f, err := c.Read(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case f.GetSignedIn() != nil:
		return f.GetSignedIn(), nil
	case f.GetError() != nil:
		return nil, fmt.Errorf("sign in: %s: %s", f.GetError().GetCode(), f.GetError().GetMessage())
	}
	return nil, errors.New("sign in: the server answered with another frame")
}

// Close ends the connection with the code for a client that leaves.
func (c *Conn) Close() error {
	return c.ws.Close(websocket.StatusNormalClosure, "")
}

// closed makes the server's close frame readable.
func closed(err error) error {
	if e, ok := errors.AsType[websocket.CloseError](err); ok {
		return &ClosedError{Code: int(e.Code), Reason: e.Reason}
	}
	return err
}
