package gimtest

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/wire"
)

// Frame is what a Proxy may change.
type Frame = wire.ServerFrame

// Proxy starts a server in front of g that passes everything on, except that
// alter may change what clients are told over WebSocket in protobuf: it is given
// every frame of g and returns what the client gets instead, which may be
// nothing. It is called concurrently, but for one connection in order; state
// per connection is what the maker returns. Proxy returns the address in place
// of g.URL.
func (g *Gim) Proxy(tb testing.TB, alter func() func(*Frame) []*Frame) string {
	tb.Helper()
	target, err := url.Parse(g.URL)
	if err != nil {
		tb.Fatalf("gimtest: %v", err)
	}
	rest := httputil.NewSingleHostReverseProxy(target)
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	rest.Transport = transport
	rest.ErrorLog = log.New(io.Discard, "", 0) // a server that is gone is what some tests want
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/ws") {
			g.proxyWebSocket(w, r, alter())
			return
		}
		rest.ServeHTTP(w, r)
	}))
	tb.Cleanup(transport.CloseIdleConnections)
	tb.Cleanup(server.Close)
	return server.URL
}

// proxyWebSocket serves one connection until either side ends it.
func (g *Gim) proxyWebSocket(w http.ResponseWriter, r *http.Request, alter func(*Frame) []*Frame) {
	front, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{wire.SubprotocolProto}})
	if err != nil {
		return // Accept has answered
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context())) // that of r ends with the handshake
	defer cancel()
	back, resp, err := websocket.Dial(ctx, g.WSURL, &websocket.DialOptions{Subprotocols: []string{wire.SubprotocolProto}})
	if resp != nil && resp.Body != nil {
		defer resp.Body.Close() //nolint:errcheck // a handshake has no body worth an error
	}
	if err != nil {
		_ = front.CloseNow() // the client sees that it is over
		return
	}
	back.SetReadLimit(-1)
	toServer := make(chan struct{})
	go func() { // ends with either connection
		defer close(toServer)
		pass(ctx, front, back, func(frame []byte) [][]byte { return [][]byte{frame} })
	}()
	pass(ctx, back, front, func(frame []byte) (out [][]byte) {
		f := new(Frame)
		if proto.Unmarshal(frame, f) != nil {
			return [][]byte{frame}
		}
		for _, altered := range alter(f) {
			if raw, err := proto.Marshal(altered); err == nil {
				out = append(out, raw)
			}
		}
		return out
	})
	<-toServer
}

// pass copies frames, and the end of the connection with its code.
func pass(ctx context.Context, from, to *websocket.Conn, change func([]byte) [][]byte) {
	for {
		kind, frame, err := from.Read(ctx)
		if err != nil {
			code := websocket.CloseStatus(err)
			if code < websocket.StatusNormalClosure || code == websocket.StatusNoStatusRcvd {
				_ = to.CloseNow() // there is no code to pass on
				return
			}
			_ = to.Close(code, "")
			return
		}
		for _, out := range change(frame) {
			if to.Write(ctx, kind, out) != nil {
				_ = from.CloseNow() // the other side is gone
				return
			}
		}
	}
}
