package realtime

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/wire"
)

// nobody refuses every sign-in; what these tests look at comes before one.
type nobody struct {
	gateway.Bus
	gateway.Messages
	gateway.Devices
	gateway.Store
}

func (nobody) Healthy() bool { return true }
func (nobody) NewID() string { return "id" }
func (nobody) User(context.Context, string) (domain.Principal, error) {
	return domain.Principal{}, domain.ErrUnauthorized
}

// serve starts a server and returns its address. When the test is over it checks
// that every connection has ended.
func serve(t *testing.T, allowed []string, change ...func(*gateway.Options)) (url string) {
	t.Helper()
	return serveWith(t, Options{AllowedOrigins: allowed}, change...)
}

func noGateway(t *testing.T, change ...func(*gateway.Options)) *gateway.Gateway {
	t.Helper()
	o := gateway.Options{
		Hub: gateway.NewHub(nobody{}), Auth: nobody{}, Messages: nobody{}, Devices: nobody{}, Store: nobody{}, IDs: nobody{},
		Logger: slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&o)
	}
	g, err := gateway.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func serveWith(t *testing.T, o Options, change ...func(*gateway.Options)) (url string) {
	t.Helper()
	g := noGateway(t, change...)
	o.Gateway = g
	o.Refuse = func(w http.ResponseWriter, _ *http.Request, err error) {
		http.Error(w, string(domain.CodeOf(err)), http.StatusForbidden)
	}
	handler, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(handler)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := g.Run(ctx); err != nil { // closes what is left and waits for it
			t.Error(err)
		}
		web.Close()
	})
	return web.URL
}

// raw is a client that may break every rule.
type raw struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

func dialRaw(t *testing.T, url, subprotocol string) *raw {
	t.Helper()
	host := strings.TrimPrefix(url, "http://")
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", host, subprotocol)
	if err != nil {
		t.Fatal(err)
	}
	k := &raw{t: t, conn: conn, r: bufio.NewReader(conn)}
	answer, err := http.ReadResponse(k.r, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %v, %v", answer, err)
	}
	_ = answer.Body.Close()
	return k
}

// send writes a frame with a mask of zeros, which changes nothing.
func (k *raw) send(first byte, payload []byte) {
	k.t.Helper()
	header := []byte{first, 0}
	switch n := len(payload); {
	case n < 126:
		header[1] = 0x80 | byte(n)
	case n < 1<<16:
		header[1] = 0x80 | 126
		header = binary.BigEndian.AppendUint16(header, uint16(n))
	default:
		header[1] = 0x80 | 127
		header = binary.BigEndian.AppendUint64(header, uint64(n))
	}
	k.write(append(append(header, 0, 0, 0, 0), payload...))
}

// write may meet a connection that the server has given up already.
func (k *raw) write(b []byte) { _, _ = k.conn.Write(b) }

// wantClosed reads to the close frame.
func (k *raw) wantClosed(code uint16) {
	k.t.Helper()
	for {
		opcode, payload, err := k.frame()
		if err != nil {
			k.t.Errorf("no close frame, want %d: %v", code, err)
			return
		}
		if opcode != 8 {
			continue
		}
		if got := binary.BigEndian.Uint16(payload); got != code {
			k.t.Errorf("closed with %d %q, want %d", got, payload[2:], code)
		}
		return
	}
}

func (k *raw) frame() (opcode byte, payload []byte, err error) {
	var header [2]byte
	if _, err = io.ReadFull(k.r, header[:]); err != nil {
		return 0, nil, err
	}
	n := int(header[1])
	switch n {
	case 126:
		var long [2]byte
		_, err = io.ReadFull(k.r, long[:])
		n = int(binary.BigEndian.Uint16(long[:]))
	case 127:
		return 0, nil, errors.New("a longer frame than any here")
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(k.r, payload)
	return header[0] & 0xf, payload, err
}

func TestViolations_CloseWithTheCodesOfTheRFC(t *testing.T) {
	t.Parallel()
	const fin, text, binaryFrame, ping = 0x80, 1, 2, 9
	tests := []struct {
		name string
		do   func(k *raw)
		code uint16
	}{
		{"no mask", func(k *raw) { k.write([]byte{fin | text, 2, '{', '}'}) }, 1002},
		{"a reserved bit", func(k *raw) { k.send(fin|0x40|text, []byte("{}")) }, 1002},
		{"an unknown opcode", func(k *raw) { k.send(fin|3, nil) }, 1002},
		{"a continuation of nothing", func(k *raw) { k.send(fin, []byte("{}")) }, 1002},
		{"a new message inside of another", func(k *raw) { k.send(text, []byte("{")); k.send(fin|text, []byte("}")) }, 1002},
		{"a ping in parts", func(k *raw) { k.send(ping, nil) }, 1002},
		{"a long ping", func(k *raw) { k.send(fin|ping, make([]byte, 126)) }, 1002},
		{"a length below zero", func(k *raw) {
			k.write(append([]byte{fin | text, 0xff}, []byte("\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00")...))
		}, 1002},
		{"a close with half a code", func(k *raw) { k.send(fin|8, []byte{3}) }, 1002},
		{"text that is not UTF-8", func(k *raw) { k.send(fin|text, []byte("{\"a\":\"\xff\"}")) }, 1007},
		{"text that is not UTF-8 in parts", func(k *raw) { k.send(text, []byte("\xc3")); k.send(fin, []byte("(")) }, 1007},
		{"one byte too many", func(k *raw) { k.send(fin|text, make([]byte, wire.MaxFrameBytes+1)) }, 1009},
		{"far too many", func(k *raw) { k.send(fin|text, make([]byte, 4<<20)) }, 1009},
		{"too many in parts", func(k *raw) {
			k.send(text, make([]byte, wire.MaxFrameBytes))
			k.send(fin, make([]byte, 10))
		}, 1009},
		{"a second malformed frame and a third", func(k *raw) {
			for range 3 {
				k.send(fin|binaryFrame, []byte("{}")) // the other kind
			}
		}, 4500},
	}
	url := serve(t, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k := dialRaw(t, url, wire.SubprotocolJSON)
			go tt.do(k)
			k.wantClosed(tt.code)
		})
	}
}

func TestSignIn_NotInTimeCloses(t *testing.T) {
	t.Parallel()
	url := serve(t, nil, func(o *gateway.Options) { o.SignInTimeout = 100 * time.Millisecond })
	for _, first := range []byte{0, 0x80 | 9, 1} { // nothing, a ping, part of a frame
		k := dialRaw(t, url, wire.SubprotocolJSON)
		if first != 0 {
			k.send(first, []byte("{"))
		}
		k.wantClosed(4501)
	}
}

func TestOrigin_DecidesWhichPagesMayConnect(t *testing.T) {
	t.Parallel()
	url := serve(t, []string{"https://Chat.example.com", "http://localhost:3000"})
	own := strings.TrimPrefix(url, "http://")
	tests := []struct {
		name    string
		origins []string
		status  int
	}{
		{"none", nil, 101},
		{"the server's own", []string{"http://" + own}, 101},
		{"the server's own behind TLS", []string{"https://" + own}, 101},
		{"a listed one", []string{"https://chat.example.com"}, 101},
		{"a listed one with a port", []string{"http://localhost:3000"}, 101},
		{"a listed host with another scheme", []string{"http://chat.example.com"}, 403},
		{"a listed host with another port", []string{"http://localhost:3001"}, 403},
		{"a stranger", []string{"https://evil.example"}, 403},
		{"a stranger that looks like a listed one", []string{"https://chat.example.com.evil.example"}, 403},
		{"the host's name as a user", []string{"http://" + own + "@evil.example"}, 403},
		{"null", []string{"null"}, 403},
		{"empty", []string{""}, 403},
		{"two", []string{"https://chat.example.com", "https://evil.example"}, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header = http.Header{
				"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
				"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Origin": tt.origins,
			}
			answer, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close() //nolint:errcheck // nothing to do about it
			if answer.StatusCode != tt.status {
				t.Errorf("status %d, want %d", answer.StatusCode, tt.status)
			}
			if answer.Header.Get("Sec-Websocket-Extensions") != "" {
				t.Error("offers compression")
			}
			if body := make([]byte, 9); tt.status == 403 {
				if _, err := io.ReadFull(answer.Body, body); err != nil || string(body) != "forbidden" {
					t.Errorf("refused with %q, %v", body, err)
				}
			}
		})
	}
}
