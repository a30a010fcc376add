package realtime

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/internal/gateway/conntest"
	"github.com/gim-im/gim/wire"
)

func TestConn_IsAConn(t *testing.T) {
	t.Parallel()
	conntest.Run(t, func(t *testing.T, enc wire.Encoding) (gateway.Conn, conntest.Peer) { return connect(t, enc) }, wire.JSON, wire.Proto)
}

// connect makes a connection over a real socket, with nobody serving it.
func connect(t testing.TB, enc wire.Encoding) (gateway.Conn, conntest.Peer) {
	accepted, over := make(chan *conn, 1), make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &conn{enc: enc}
		answer := &lean{ResponseWriter: w}
		ws, err := websocket.Accept(answer, r, &websocket.AcceptOptions{Subprotocols: []string{enc.String()}, OnPingReceived: c.notePing})
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		c.open(ws, answer.socket)
		accepted <- c
		<-over
	}))
	ws, _, err := websocket.Dial(t.Context(), web.URL, &websocket.DialOptions{Subprotocols: []string{enc.String()}}) //nolint:bodyclose // there is none
	if err != nil {
		t.Fatal(err)
	}
	ws.SetReadLimit(-1)
	c := <-accepted
	t.Cleanup(func() {
		c.Close(0, 0)
		_ = ws.CloseNow()
		close(over)
		web.Close()
	})
	return c, &peer{ctx: t.Context(), ws: ws, enc: enc, kind: kindOf(enc)}
}

func kindOf(enc wire.Encoding) websocket.MessageType {
	if enc == wire.Proto {
		return websocket.MessageBinary
	}
	return websocket.MessageText
}

// peer is the client's end of a WebSocket.
type peer struct {
	ctx  context.Context //nolint:containedctx // of the test
	ws   *websocket.Conn
	enc  wire.Encoding
	kind websocket.MessageType
	// announced is the frame before a close that has a time in it.
	announced *conntest.Closed
}

func (p *peer) Send(frame []byte) error { return p.ws.Write(p.ctx, p.kind, frame) }

func (p *peer) Receive() ([]byte, error) {
	kind, frame, err := p.ws.Read(p.ctx)
	if closed, ok := errors.AsType[websocket.CloseError](err); ok {
		last := &conntest.Closed{Code: wire.CloseCode(closed.Code)} //nolint:gosec // two bytes
		if p.announced != nil && p.announced.Code == last.Code {
			last = p.announced
		}
		return nil, last
	}
	if announced, ok := conntest.ParseClosing(p.enc, frame); ok && err == nil {
		p.announced = announced
		return p.Receive()
	}
	if err == nil && kind != p.kind {
		return nil, errors.New("received a frame of the wrong kind")
	}
	return frame, err
}

// Ping returns with the pong, which somebody has to read.
func (p *peer) Ping() error {
	go func() { _, _, _ = p.ws.Read(p.ctx) }() // ends with the connection
	return p.ws.Ping(p.ctx)
}

func (p *peer) Drop() { _ = p.ws.CloseNow() }

func TestSubprotocols_ChooseTheEncoding(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		offered []string
		named   string
		kind    websocket.MessageType
	}{
		{"none", nil, "", websocket.MessageText},
		{"JSON", []string{wire.SubprotocolJSON}, wire.SubprotocolJSON, websocket.MessageText},
		{"protobuf", []string{wire.SubprotocolProto}, wire.SubprotocolProto, websocket.MessageBinary},
		{"strangers only", []string{"chat", "gim.v9.json"}, "", websocket.MessageText},
		{"a stranger first", []string{"chat", wire.SubprotocolProto}, wire.SubprotocolProto, websocket.MessageBinary},
	}
	url := serve(t, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ws, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Subprotocols: tt.offered}) //nolint:bodyclose // there is none
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = ws.CloseNow() }()
			if ws.Subprotocol() != tt.named {
				t.Errorf("subprotocol %q, want %q", ws.Subprotocol(), tt.named)
			}
			if err := ws.Write(t.Context(), tt.kind, []byte("{")); err != nil { // malformed in both
				t.Fatal(err)
			}
			if kind, answer, err := ws.Read(t.Context()); err != nil || kind != tt.kind || !strings.Contains(string(answer), "bad_request") {
				t.Errorf("answered %v %q, %v", kind, answer, err)
			}
		})
	}
}
