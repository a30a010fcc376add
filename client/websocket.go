package client

import (
	"context"
	"errors"

	"github.com/coder/websocket"
)

// webSocket is a link over WebSocket.
type webSocket struct{ ws *websocket.Conn }

func (l *webSocket) write(ctx context.Context, payload []byte) error {
	return l.closed(l.ws.Write(ctx, websocket.MessageBinary, payload))
}

func (l *webSocket) read(ctx context.Context) ([]byte, error) {
	_, payload, err := l.ws.Read(ctx)
	return payload, l.closed(err)
}

// close says the code for a client that leaves.
func (l *webSocket) close() error { return l.ws.Close(websocket.StatusNormalClosure, "") }

func (l *webSocket) drop() error { return l.ws.CloseNow() }

// closed makes the server's close frame readable.
func (*webSocket) closed(err error) error {
	if e, ok := errors.AsType[websocket.CloseError](err); ok {
		return &ClosedError{Code: int(e.Code), Reason: e.Reason}
	}
	return err
}
