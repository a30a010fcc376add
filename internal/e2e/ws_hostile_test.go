package e2e

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// message kinds of a connection that speaks enc, and of one that does not.
func kinds(enc wire.Encoding) (right, wrong websocket.MessageType) {
	if enc == wire.JSON {
		return websocket.MessageText, websocket.MessageBinary
	}
	return websocket.MessageBinary, websocket.MessageText
}

// signedIn connects a new device of bob.
func signedIn(t *testing.T, app gimtest.App, enc wire.Encoding) (k *talk, token string) {
	t.Helper()
	token, _ = app.Token(t, "bob")
	return newTalk(t, app, enc, token), token
}

func (k *talk) lives() {
	k.t.Helper()
	if f := k.ask(&wire.ClientFrame{Body: &wire.ClientFrame_Ping{Ping: &wire.Ping{}}}); f.GetPong() == nil {
		k.t.Errorf("a ping was answered with %v", f)
	}
}

func TestWS_SigningInTwiceCloses(t *testing.T) {
	onWires(t, func(t *testing.T, app gimtest.App, enc wire.Encoding) {
		k, token := signedIn(t, app, enc)
		id := k.say(&wire.ClientFrame{Body: signIn(token, nil)})
		frames := k.wantClosed(4500)
		if len(frames) != 1 || frames[0].GetId() != id || frames[0].GetError().GetCode() != "bad_request" {
			t.Errorf("before the close: %v", frames)
		}
	})
}

// What a later version of the protocol may have is answered, and not held
// against the client.
func TestWS_AnswersAnUnknownFrame(t *testing.T) {
	onWires(t, func(t *testing.T, app gimtest.App, enc wire.Encoding) {
		k, _ := signedIn(t, app, enc)
		unknown := []byte(`{"id":77,"dance":{"with":"me"}}`)
		if enc == wire.Proto {
			unknown = []byte{0x08, 77, 0xa2, 0x06, 0} // id, and a field 100 that holds nothing
		}
		kind, _ := kinds(enc)
		for range 4 {
			k.raw(kind, unknown)
			if f := k.hear(); f.GetId() != 77 || f.GetError().GetCode() != "unsupported" {
				t.Fatalf("got %v", f)
			}
		}
		k.lives()
	})
}

func TestWS_TheThirdMalformedFrameInARowCloses(t *testing.T) {
	onWires(t, func(t *testing.T, app gimtest.App, enc wire.Encoding) {
		k, _ := signedIn(t, app, enc)
		right, wrong := kinds(enc)
		for range 2 {
			k.raw(right, []byte("{{{"))
			k.raw(wrong, []byte(`{"id":1,"ping":{}}`))
			for range 2 {
				if f := k.hear(); f.GetError().GetCode() != "bad_request" {
					t.Fatalf("got %v", f)
				}
			}
			k.lives() // which begins the count anew
		}
		for range 3 {
			k.raw(right, []byte("{{{"))
		}
		frames := k.wantClosed(4500)
		if len(frames) != 3 {
			t.Errorf("before the close: %v, want three errors", frames)
		}
	})
}

// dialRaw opens a WebSocket by hand and returns the socket.
func dialRaw(t *testing.T, url, subprotocol string) (net.Conn, *bufio.Reader) {
	t.Helper()
	host := strings.TrimPrefix(url, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /v1/ws HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", host, subprotocol)
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("upgrade: %v, %v", err, resp)
	}
	return conn, r
}

// frame is a WebSocket frame, masked with zeros unless it is to be wrong.
func frame(opcode byte, masked bool, payload []byte) []byte {
	f := []byte{0x80 | opcode}
	var mask byte
	if masked {
		mask = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		f = append(f, mask|byte(n))
	case n < 1<<16:
		f = binary.BigEndian.AppendUint16(append(f, mask|126), uint16(n))
	default:
		f = binary.BigEndian.AppendUint64(append(f, mask|127), uint64(n))
	}
	if masked {
		f = append(f, 0, 0, 0, 0)
	}
	return append(f, payload...)
}

// closeCode reads frames up to that of the close.
func closeCode(t *testing.T, r io.Reader) int {
	t.Helper()
	for {
		var head [2]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			t.Fatalf("the connection ended without a close frame: %v", err)
		}
		payload := make([]byte, head[1]&0x7f)
		if _, err := io.ReadFull(r, payload); err != nil || len(payload) > 125 {
			t.Fatalf("frame of %d: %v", len(payload), err)
		}
		if head[0]&0x0f == 8 && len(payload) >= 2 {
			return int(binary.BigEndian.Uint16(payload))
		}
	}
}

// Who breaks the rules of WebSocket is told so with its own codes.
func TestWS_ClosesOnAViolationOfWebSocket(t *testing.T) {
	const text, binaryFrame, ping = 1, 2, 9
	tests := map[string]struct {
		enc  wire.Encoding
		send []byte
		want int
	}{
		"too large":              {wire.JSON, frame(text, true, make([]byte, wire.MaxFrameBytes+1)), 1009},
		"too large, protobuf":    {wire.Proto, frame(binaryFrame, true, make([]byte, wire.MaxFrameBytes+1)), 1009},
		"text that is not UTF-8": {wire.JSON, frame(text, true, []byte("{\"id\":1,\"ping\":{\"\xff\":1}}")), 1007},
		"not masked":             {wire.JSON, frame(text, false, []byte(`{"id":1,"ping":{}}`)), 1002},
		"a reserved opcode":      {wire.JSON, frame(3, true, []byte("x")), 1002},
		"a reserved bit":         {wire.JSON, append([]byte{0xc1 | 0x20}, frame(text, true, []byte("x"))[1:]...), 1002},
		"a long ping":            {wire.JSON, frame(ping, true, make([]byte, 126)), 1002},
	}
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				conn, r := dialRaw(t, g.URL, tt.enc.String())
				_, _ = conn.Write(tt.send) // the server may have had enough before the end
				if got := closeCode(t, r); got != tt.want {
					t.Errorf("closed with %d, want %d", got, tt.want)
				}
			})
		}
	})
}

func TestWS_RefusesForeignOrigins(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		for origin, want := range map[string]int{
			"": 101, g.URL: 101, "https://evil.example": 403, "null": 403, "http://127.0.0.1:1": 403, g.URL + ".evil.example": 403,
		} {
			header := http.Header{}
			if origin != "" {
				header.Set("Origin", origin)
			}
			ws, resp, err := websocket.Dial(t.Context(), g.URL+"/v1/ws", &websocket.DialOptions{HTTPHeader: header})
			if err == nil {
				_ = ws.CloseNow()
			}
			if resp == nil {
				t.Fatalf("origin %q: %v", origin, err)
			}
			if resp.StatusCode != want {
				t.Errorf("origin %q: status %d, want %d", origin, resp.StatusCode, want)
			}
			if resp.Body != nil {
				_ = resp.Body.Close()
			}
		}
	})
}

// A client that does not read is closed before it costs more than its queue, and
// nobody else notices; what it missed is in its log.
func TestWS_ClosesWhoDoesNotReadAndServesTheOthers(t *testing.T) {
	t.Parallel()
	g := gimtest.Start(t, gimtest.Options{Configure: unlimited})
	app := g.NewApp(t, "slow")
	app.NewUsers(t, "alice", "bob")
	stuck, _ := signedIn(t, app, wire.Proto) // nothing reads it from here on
	alive, _ := signedIn(t, app, wire.JSON)
	big := []byte(`{"text":"` + strings.Repeat("x", 60<<10) + `"}`)
	to, sends := "bob", 0
	alice := app.For(t, "alice")
	for deadline := time.Now().Add(patience); ; sends++ {
		got, err := alice.SendMessageWithResponse(t.Context(), nil, client.SendMessageRequest{To: client.Target{UserId: &to}, Type: "text", Content: big})
		if err != nil || got.JSON201 == nil {
			t.Fatalf("send: %v, %+v", err, got)
		}
		if m := alive.message(); m.GetSeq() != int64(sends)+1 {
			t.Fatalf("the other device got %d, want %d", m.GetSeq(), sends+1)
		}
		if strings.Contains(metrics(t, g), `gim_connection_closes_total{code="4001"} 1`) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %d messages the connection that is not read still stands", sends)
		}
	}
	stuck.ends(4001)
	token, _ := app.Token(t, "bob")
	back, none := dialWS(t, app.URL, wire.Proto), int64(0)
	back.signIn(token, &none)
	for i := range sends + 1 {
		if m := back.message(); m.GetSeq() != int64(i)+1 {
			t.Fatalf("after coming back: %d, want %d", m.GetSeq(), i+1)
		}
	}
}

// ends reads until the connection is over. A frame that was cut off in the middle
// leaves no way to say why.
func (k *talk) ends(code websocket.StatusCode) {
	k.t.Helper()
	for {
		_, err := k.read()
		if got := websocket.CloseStatus(err); got != -1 && got != code {
			k.t.Errorf("closed with %d, want %d", got, code)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			k.t.Error("the connection still stands")
		}
		if err != nil {
			return
		}
	}
}

// metrics is what the operator sees.
func metrics(t *testing.T, g *gimtest.Gim) string {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, g.AdminURL+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
