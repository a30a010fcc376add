package client

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/gim-im/gim/wire"
)

// webSocket is a link over WebSocket.
type webSocket struct{ ws *websocket.Conn }

func dialWebSocket(ctx context.Context, address string) (link, error) {
	ws, resp, err := websocket.Dial(ctx, address, &websocket.DialOptions{
		HTTPClient:   &http.Client{Timeout: 30 * time.Second},
		Subprotocols: []string{wire.SubprotocolProto},
	})
	if resp != nil && resp.Body != nil {
		defer resp.Body.Close() //nolint:errcheck // a handshake has no body worth an error
	}
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(maxServerFrame)
	return &webSocket{ws: ws}, nil
}

func (l *webSocket) write(ctx context.Context, payload []byte) error {
	return l.closed(l.ws.Write(ctx, websocket.MessageBinary, payload))
}

func (l *webSocket) read(ctx context.Context) ([]byte, error) {
	_, payload, err := l.ws.Read(ctx)
	return payload, l.closed(err)
}

// close says the code for a client that leaves.
func (l *webSocket) close() error { return l.ws.Close(websocket.StatusNormalClosure, "") }

// closed makes the server's close frame readable.
func (*webSocket) closed(err error) error {
	if e, ok := errors.AsType[websocket.CloseError](err); ok {
		return &ClosedError{Code: int(e.Code), Reason: e.Reason}
	}
	return err
}
