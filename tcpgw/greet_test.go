package tcpgw

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/wire"
)

// wantHTTP reads the one answer that a browser gets, and the end.
func wantHTTP(t *testing.T, conn net.Conn) {
	t.Helper()
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "/v1/ws") || !strings.Contains(string(body), "TCP") {
		t.Errorf("answered %d %q, %v", resp.StatusCode, body, err)
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("then came %q, %v; want the end", rest, err)
	}
}

func TestGreet_AnswersHTTPInHTTP(t *testing.T) {
	t.Parallel()
	config, _ := tlsConfigs(t)
	plain, secure := serve(t, Options{}, 0), serve(t, Options{TLS: config}, 0)
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.0\r\n\r\n", "POST /v1/messages HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100_000),
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "OPTIONS * HTTP/1.1\r\n\r\n", "DELETE / HTTP/1.1\r\n\r\n", "TRACE / HTTP/1.1\r\n\r\n",
	} {
		t.Run(request[:6], func(t *testing.T) {
			t.Parallel()
			conn := dial(t, plain)
			write(t, conn, []byte(request))
			wantHTTP(t, conn)
			conn = dial(t, secure) // it does not know that there is TLS
			write(t, conn, []byte(request))
			wantHTTP(t, conn)
			over := tls.Client(dial(t, secure), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is our own
			write(t, over, []byte(request))
			wantHTTP(t, over)
		})
	}
	t.Run("byte by byte", func(t *testing.T) {
		t.Parallel()
		conn := dial(t, plain)
		for _, b := range []byte("GET / HTTP/1.1\r\n\r\n") {
			write(t, conn, []byte{b})
		}
		wantHTTP(t, conn)
	})
}

func TestGreet_AnswersTLSWithAnAlert(t *testing.T) {
	t.Parallel()
	conn := tls.Client(dial(t, serve(t, Options{}, 0)), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is our own
	if err := conn.Handshake(); err == nil || !strings.Contains(err.Error(), "remote error: tls: handshake failure") {
		t.Errorf("handshake: %v, want an alert", err)
	}
}

func TestGreet_PlainFramesOnThePortOfTLSEnd(t *testing.T) {
	t.Parallel()
	config, _ := tlsConfigs(t)
	conn := dial(t, serve(t, Options{TLS: config}, 0))
	write(t, conn, append(wire.AppendLength(nil, 1000), make([]byte, 1000)...))
	if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
		t.Errorf("got %q, %v; want the end", rest, err)
	}
}

func TestGreet_OldTLSIsRefused(t *testing.T) {
	t.Parallel()
	cert, key := newPair(t, 1)
	loaded, err := LoadCertificate(file(t, "cert", cert), file(t, "key", key), nil)
	if err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(dial(t, serve(t, Options{TLS: loaded.Config()}, 0)), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}) //nolint:gosec // on purpose
	if err := conn.Handshake(); err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("handshake with TLS 1.1: %v, want an alert", err)
	}
}

// What greet takes for another protocol must not be what somebody signs in with.
func TestGreet_SignInsAreNotTakenForAnythingElse(t *testing.T) {
	t.Parallel()
	for n := range 300 {
		for id := range uint64(300) {
			in := &wire.ClientFrame{Id: id, Body: &wire.ClientFrame_SignIn{SignIn: &wire.SignIn{Token: strings.Repeat("t", n)}}}
			payload, err := proto.Marshal(in)
			if err != nil {
				t.Fatal(err)
			}
			first := append(wire.AppendLength(nil, len(payload)), payload...)
			if isHTTP(first) || isTLS(first) {
				t.Fatalf("a token of %d bytes under the id %d is taken for another protocol: %x", n, id, first[:8])
			}
		}
	}
	if !isTLS(clientHello(t)) {
		t.Error("a handshake of TLS is not known")
	}
}

// clientHello is how TLS begins.
func clientHello(t *testing.T) []byte {
	t.Helper()
	near, far := net.Pipe()
	go func() { _ = tls.Client(near, &tls.Config{ServerName: "x"}).Handshake() }() //nolint:gosec // ends with the pipe
	hello := make([]byte, 5)
	if _, err := io.ReadFull(far, hello); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(far.Close(), near.Close()); err != nil {
		t.Fatal(err)
	}
	return hello
}
