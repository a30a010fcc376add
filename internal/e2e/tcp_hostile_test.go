package e2e

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/internal/config"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// line is a TCP client that may break every rule.
type line struct {
	t       *testing.T
	conn    net.Conn
	decoder *wire.Decoder
}

func dialLine(t *testing.T, addr string) *line {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(2 * patience)); err != nil {
		t.Fatal(err)
	}
	return &line{t: t, conn: conn, decoder: wire.NewDecoder(8 << 20)}
}

func (l *line) write(data []byte) {
	l.t.Helper()
	if _, err := l.conn.Write(data); err != nil {
		l.t.Fatalf("write: %v", err)
	}
}

// framed is a frame with its length.
func framed(t *testing.T, f proto.Message) []byte {
	t.Helper()
	payload, err := proto.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return append(wire.AppendLength(nil, len(payload)), payload...)
}

func signInFrame(token string) *wire.ClientFrame {
	return &wire.ClientFrame{Id: 1, Body: &wire.ClientFrame_SignIn{SignIn: &wire.SignIn{Token: token}}}
}

func pingFrame(id uint64) *wire.ClientFrame {
	return &wire.ClientFrame{Id: id, Body: &wire.ClientFrame_Ping{Ping: &wire.Ping{}}}
}

// hear returns the next frame; an error is the end of the connection.
func (l *line) hear() (*wire.ServerFrame, error) {
	for {
		payload, ok, err := l.decoder.Next()
		if err != nil {
			return nil, err
		}
		if ok {
			f := new(wire.ServerFrame)
			return f, proto.Unmarshal(payload, f)
		}
		if err := l.decoder.Fill(l.conn); err != nil {
			return nil, err
		}
	}
}

func (l *line) signIn(token string) {
	l.t.Helper()
	l.write(framed(l.t, signInFrame(token)))
	if f, err := l.hear(); err != nil || f.GetSignedIn() == nil {
		l.t.Fatalf("sign-in was answered with %v, %v", f, err)
	}
}

// wantEnd wants the connection to end with a closing frame of code as its last, and
// returns what came before that.
func (l *line) wantEnd(code wire.CloseCode) (before []*wire.ServerFrame) {
	l.t.Helper()
	for {
		f, err := l.hear()
		if err == nil {
			before = append(before, f)
			continue
		}
		if !errors.Is(err, io.EOF) {
			l.t.Fatalf("ended with %v after %v, want the end of the stream", err, before)
		}
		n := len(before) - 1
		if n < 0 || wire.CloseCode(before[n].GetClosing().GetCode()) != code || before[n].GetClosing().GetReason() != code.String() {
			l.t.Fatalf("the last frames are %v, want closing %d", before, code)
		}
		return before[:n]
	}
}

// onTCP starts a gim of its own with an app whose user is bob.
func onTCP(t *testing.T, change func(*config.Config)) (*gimtest.Gim, gimtest.App) {
	t.Helper()
	g := gimtest.Start(t, gimtest.Options{Configure: func(c *config.Config) {
		c.RateLimitSends = 0
		if change != nil {
			change(c)
		}
	}})
	app := g.NewApp(t, "tcp")
	app.NewUsers(t, "alice", "bob")
	return g, app
}

func TestTCP_LengthsThatNoFrameHasEndTheConnection(t *testing.T) {
	t.Parallel()
	g, _ := onTCP(t, nil)
	for name, tt := range map[string]struct {
		head []byte
		code string
	}{
		"one too many":           {wire.AppendLength(nil, wire.MaxFrameBytes+1), "too_large"},
		"2^31-1":                 {wire.AppendLength(nil, math.MaxInt32), "too_large"},
		"2^32-1":                 {binary.AppendUvarint(nil, math.MaxUint32), "too_large"},
		"2^63":                   {binary.AppendUvarint(nil, 1<<63), "too_large"},
		"ten bytes":              {bytes.Repeat([]byte{0xff}, 10), "too_large"},
		"not the shortest":       {[]byte{0x81, 0x00}, "bad_request"},
		"zero, not the shortest": {[]byte{0x80, 0x80, 0x00}, "bad_request"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := dialLine(t, g.TCPAddr)
			l.write(tt.head)
			if before := l.wantEnd(wire.CloseBadRequest); len(before) != 1 || before[0].GetError().GetCode() != tt.code {
				t.Errorf("before the end: %v", before)
			}
		})
	}
}

func TestTCP_ShortAndLargestFramesAreFrames(t *testing.T) {
	t.Parallel()
	g, app := onTCP(t, nil)
	token, _ := app.Token(t, "bob")
	l := dialLine(t, g.TCPAddr)
	l.signIn(token)
	largest := append(wire.AppendLength(nil, wire.MaxFrameBytes), bytes.Repeat([]byte{0xff}, wire.MaxFrameBytes)...)
	for _, bad := range [][]byte{{0}, {1, 0xff}, largest} { // no body, garbage, a lot of it
		l.write(bad)
		if f, err := l.hear(); err != nil || f.GetError().GetCode() != "bad_request" {
			t.Fatalf("answered %v, %v", f, err)
		}
		l.write(framed(t, pingFrame(7))) // not the third in a row
		if f, err := l.hear(); err != nil || f.GetPong() == nil || f.GetId() != 7 {
			t.Fatalf("a ping was answered with %v, %v", f, err)
		}
	}
	l.write([]byte{1, 0xff, 1, 0xff, 1, 0xff})
	if before := l.wantEnd(wire.CloseBadRequest); len(before) != 3 {
		t.Errorf("before the end: %v", before)
	}
}

func TestTCP_AFrameMayComeByteByByte_AndManyAtOnce(t *testing.T) {
	t.Parallel()
	g, app := onTCP(t, nil)
	token, _ := app.Token(t, "bob")
	l := dialLine(t, g.TCPAddr)
	for _, b := range framed(t, signInFrame(token)) {
		l.write([]byte{b})
	}
	if f, err := l.hear(); err != nil || f.GetSignedIn() == nil {
		t.Fatalf("sign-in was answered with %v, %v", f, err)
	}
	var many []byte
	for i := range 1000 {
		many = append(many, framed(t, pingFrame(uint64(i)+2))...) //nolint:gosec // counts up
	}
	l.write(many)
	for i := range 1000 {
		if f, err := l.hear(); err != nil || f.GetPong() == nil || f.GetId() != uint64(i)+2 { //nolint:gosec // counts up
			t.Fatalf("ping %d was answered with %v, %v", i, f, err)
		}
	}
	whole := framed(t, pingFrame(9))
	for cut := 1; cut < len(whole); cut++ {
		l.write(whole[:cut])
		l.write(whole[cut:])
		if f, err := l.hear(); err != nil || f.GetId() != 9 {
			t.Fatalf("a ping cut at %d was answered with %v, %v", cut, f, err)
		}
	}
}

func TestTCP_WhatIsNoClientFrame(t *testing.T) {
	t.Parallel()
	g, app := onTCP(t, nil)
	deep := []byte{0x5b} // field 11, the beginning of a group, over and over
	deep = bytes.Repeat(deep, 10_000)
	for name, tt := range map[string]struct {
		frame []byte
		code  string // "" is taken
	}{
		"a frame of a server":  {framed(t, &wire.ServerFrame{Id: 1, Body: &wire.ServerFrame_Signaled{Signaled: &wire.Signaled{}}}), "unsupported"},
		"10,000 deep":          {append(wire.AppendLength(nil, len(deep)), deep...), "bad_request"},
		"an unknown kind":      {[]byte{5, 0x08, 77, 0xa2, 0x06, 0}, "unsupported"},
		"an unknown field":     {[]byte{7, 0x08, 7, 0x1a, 0, 0xa2, 0x06, 0}, ""},
		"an id that is a text": {[]byte{3, 0x0a, 1, 'x'}, "unsupported"}, // a field 1 that is not known
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token, _ := app.Token(t, "bob") // a device of its own: a second connection would replace the first
			l := dialLine(t, g.TCPAddr)
			l.signIn(token)
			l.write(tt.frame)
			f, err := l.hear()
			if err != nil || f.GetError().GetCode() != tt.code || (tt.code == "" && f.GetPong() == nil) {
				t.Fatalf("answered %v, %v; want %q", f, err, tt.code)
			}
			l.write(framed(t, pingFrame(8)))
			if f, err := l.hear(); err != nil || f.GetPong() == nil {
				t.Errorf("a ping was answered with %v, %v", f, err)
			}
		})
	}
}

// The seed of gim noted who had signed in before it knew whether that was true,
// and fell over a connection that was closed before.
func TestTCP_NothingHappensWithoutASignIn(t *testing.T) {
	t.Parallel()
	g, app := onTCP(t, nil)
	token, device := app.Token(t, "bob")
	before := dialLine(t, g.TCPAddr)
	before.write(framed(t, pingFrame(1)))
	if got := before.wantEnd(wire.CloseUnauthenticated); len(got) != 1 || got[0].GetError().GetCode() != "unauthorized" {
		t.Errorf("before the end: %v", got)
	}
	refused := dialLine(t, g.TCPAddr)
	refused.write(append(framed(t, signInFrame("nonsense")),
		framed(t, &wire.ClientFrame{Id: 2, Body: &wire.ClientFrame_Sync{Sync: &wire.Sync{}}})...))
	if got := refused.wantEnd(wire.CloseUnauthenticated); len(got) != 1 || got[0].GetId() != 1 {
		t.Errorf("before the end: %v", got)
	}
	devices, err := app.For(t, "bob").GetDeviceWithResponse(t.Context(), device, nil)
	if err != nil || devices.JSON200 == nil || devices.JSON200.LastSeenAt != nil {
		t.Errorf("the device counts as seen: %v, %+v", err, devices)
	}
	twice := dialLine(t, g.TCPAddr)
	twice.signIn(token)
	twice.write(framed(t, signInFrame(token)))
	if got := twice.wantEnd(wire.CloseBadRequest); len(got) != 1 || got[0].GetError().GetCode() != "bad_request" {
		t.Errorf("before the end: %v", got)
	}
}

func TestTCP_OtherProtocolsAreAnsweredInTheirOwn(t *testing.T) {
	t.Parallel()
	g, app := onTCP(t, nil)
	web := dialLine(t, g.TCPAddr)
	web.write([]byte("GET /v1/ws HTTP/1.1\r\nHost: example.com\r\n\r\n"))
	answer, err := io.ReadAll(web.conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") || !strings.Contains(string(answer), "REST") {
		t.Errorf("HTTP was answered with %q, %v", answer, err)
	}
	secure := tls.Client(dialLine(t, g.TCPAddr).conn, &tls.Config{ServerName: "example.com", MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(t.Context()); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("TLS was answered with %v, want an alert", err)
	}
	token, _ := app.Token(t, "bob")
	dialLine(t, g.TCPAddr).signIn(token) // nothing of this concerns others
}
