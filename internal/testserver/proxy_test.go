package testserver

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// echoServer sends back what it gets and returns its address.
func echoServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // ends with the connection
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func dialProxy(t *testing.T, p *Proxy) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// echo sends text and reads it back, or what comes of it within the time.
func echo(conn net.Conn, text string, within time.Duration) (string, error) {
	if _, err := io.WriteString(conn, text); err != nil {
		return "", err
	}
	return receive(conn, len(text), within)
}

func receive(conn net.Conn, size int, within time.Duration) (string, error) {
	_ = conn.SetReadDeadline(time.Now().Add(within))
	buf := make([]byte, size)
	n, err := io.ReadFull(conn, buf)
	return string(buf[:n]), err
}

// dialAndEcho is for connections that are broken at once: whether the dial or
// the echo notices is a matter of timing.
func dialAndEcho(p *Proxy) error {
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = echo(conn, "hello", plenty)
	return err
}

const plenty = 10 * time.Second

func wantEcho(t *testing.T, conn net.Conn) {
	t.Helper()
	if got, err := echo(conn, "hello", plenty); err != nil || got != "hello" {
		t.Fatalf("echo = %q, %v; want hello", got, err)
	}
}

func TestProxy_PassesBothDirections(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, echoServer(t))
	wantEcho(t, dialProxy(t, p))
}

func TestProxy_DelayHoldsDataBack(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, echoServer(t))
	conn := dialProxy(t, p)
	p.Delay(50 * time.Millisecond)
	start := time.Now()
	wantEcho(t, conn)
	if took := time.Since(start); took < 100*time.Millisecond {
		t.Errorf("the echo took %v, want at least 50ms in each direction", took)
	}
}

func TestProxy_BlackholeIsSilentAndHealsWithoutLoss(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, echoServer(t))
	conn := dialProxy(t, p)
	wantEcho(t, conn)
	p.Blackhole()
	if got, err := echo(conn, "later", 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("in the hole: %q, %v; want the deadline", got, err)
	}
	p.Heal()
	if got, err := receive(conn, 5, plenty); err != nil || got != "later" {
		t.Errorf("after it: %q, %v; want later", got, err)
	}
}

func TestProxy_ResetBreaksOpenConnectionsOnly(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, echoServer(t))
	conn := dialProxy(t, p)
	wantEcho(t, conn)
	p.Reset()
	if _, err := receive(conn, 1, plenty); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read after the reset: %v, want ECONNRESET", err)
	}
	wantEcho(t, dialProxy(t, p))
}

func TestProxy_DownBreaksNewConnectionsUntilHealed(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, echoServer(t))
	p.Down()
	if err := dialAndEcho(p); err == nil {
		t.Error("answered while down")
	}
	p.Heal()
	wantEcho(t, dialProxy(t, p))
}

func TestProxy_CutAfterBreaksInMidMessageOnce(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, echoServer(t))
	conn := dialProxy(t, p)
	p.CutAfter(3)
	got, err := echo(conn, "hello", plenty)
	if got != "hel" || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("echo = %q, %v; want hel and a reset", got, err)
	}
	wantEcho(t, dialProxy(t, p))
}

func TestProxy_UnreachableTargetResets(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, "/nonexistent/socket")
	if err := dialAndEcho(p); err == nil {
		t.Error("answered without a target")
	}
}
