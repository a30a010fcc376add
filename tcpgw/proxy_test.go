package tcpgw

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/gim-im/gim/wire"
)

var here = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// header makes a header as a proxy does.
func header(t *testing.T, h *proxyproto.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := h.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func tcpHeader(t *testing.T, source, target string) []byte {
	t.Helper()
	from, to := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(source)), net.TCPAddrFromAddrPort(netip.MustParseAddrPort(target))
	return header(t, proxyproto.HeaderProxyFromAddrs(2, from, to))
}

func TestPeerOf_TakesTheAddressFromTheHeader(t *testing.T) {
	t.Parallel()
	local := header(t, &proxyproto.Header{Version: 2, Command: proxyproto.LOCAL, TransportProtocol: proxyproto.UNSPEC})
	v4 := tcpHeader(t, "192.0.2.9:4711", "198.51.100.1:7272")
	long := bytes.Clone(v4)
	long[14], long[15] = 0x10, 0x01 // 4097
	padded := append(bytes.Clone(v4), make([]byte, 1000)...)
	padded[14], padded[15] = (12+1000)>>8, (12+1000)&0xff
	tests := map[string]struct {
		raw  []byte
		want string // "" for an error
	}{
		"IPv4":                {v4, "192.0.2.9"},
		"IPv6":                {tcpHeader(t, "[2001:db8::9]:4711", "[2001:db8::1]:7272"), "2001:db8::9"},
		"IPv4 as IPv6":        {tcpHeader(t, "[::ffff:192.0.2.9]:4711", "[2001:db8::1]:7272"), "192.0.2.9"},
		"with more in it":     {padded, "192.0.2.9"},
		"of the proxy itself": {local, "127.0.0.1"},
		"of version 1":        {[]byte("PROXY TCP4 192.0.2.9 198.51.100.1 4711 7272\r\n"), ""},
		"too long":            {append(long, make([]byte, 4097)...), ""},
		"an unknown command":  {append(append(bytes.Clone(v4[:12]), 0x2f), v4[13:]...), ""},
		"half of it":          {v4[:20], ""},
		"none":                {bytes.Repeat([]byte{5, 0x12, 3, 0x0a, 1, 'x'}, 3), ""},
		"nothing":             {nil, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			near, far := sockets(t)
			go func() { // ends with the header
				for _, b := range append(tt.raw, "rest"...)[:len(tt.raw)] {
					_, _ = far.Write([]byte{b})
				}
				if tt.want != "" {
					_, _ = io.WriteString(far, "rest")
				}
				_ = far.Close()
			}()
			s := &Server{Options{ProxyFrom: here, FrameTimeout: patience}}
			addr, err := s.peerOf(t.Context(), near)
			if tt.want == "" {
				if err == nil {
					t.Errorf("no error, but %v", addr)
				}
				return
			}
			if err != nil || addr != netip.MustParseAddr(tt.want) {
				t.Fatalf("got %v, %v; want %s", addr, err, tt.want)
			}
			if rest, err := io.ReadAll(near); err != nil || string(rest) != "rest" {
				t.Errorf("after the header comes %q, %v", rest, err)
			}
		})
	}
}

func TestPeerOf_TheHeaderHasToComeInTime(t *testing.T) {
	t.Parallel()
	near, _ := sockets(t)
	s := &Server{Options{ProxyFrom: here, FrameTimeout: 50 * time.Millisecond}}
	if _, err := s.peerOf(t.Context(), near); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("waited for the header with %v, want %v", err, os.ErrDeadlineExceeded)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.FrameTimeout = time.Hour
	if _, err := s.peerOf(ctx, near); err == nil {
		t.Error("waited for the header after the end")
	}
}

func TestPeerOf_NobodyElseGivesAnAddress(t *testing.T) {
	t.Parallel()
	near, far := sockets(t)
	write(t, far, tcpHeader(t, "192.0.2.9:4711", "198.51.100.1:7272"))
	s := &Server{Options{ProxyFrom: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
	if addr, err := s.peerOf(t.Context(), near); err != nil || addr != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("got %v, %v; want the address of the socket", addr, err)
	}
}

// The header comes before TLS, and the first frame may come with it.
func TestServe_BehindAProxy(t *testing.T) {
	t.Parallel()
	config, client := tlsConfigs(t)
	refused := append([]byte{5}, 0x12, 3, 0x0a, 1, 'x')
	proxied := tcpHeader(t, "192.0.2.9:4711", "198.51.100.1:7272")
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		conn := dial(t, serve(t, Options{ProxyFrom: here}, 0))
		write(t, conn, append(bytes.Clone(proxied), refused...))
		wantClosed(t, conn, wire.CloseUnauthenticated)
	})
	t.Run("TLS", func(t *testing.T) {
		t.Parallel()
		conn := dial(t, serve(t, Options{ProxyFrom: here, TLS: config}, 0))
		write(t, conn, proxied)
		over := tls.Client(conn, client)
		write(t, over, refused)
		wantClosed(t, over, wire.CloseUnauthenticated)
	})
	t.Run("without a header", func(t *testing.T) {
		t.Parallel()
		conn := dial(t, serve(t, Options{ProxyFrom: here}, 0))
		write(t, conn, bytes.Repeat(refused, 4))
		if rest, err := io.ReadAll(conn); len(rest) > 0 {
			t.Errorf("got %q, %v; want an end and no word", rest, err)
		}
	})
	t.Run("a header from elsewhere is garbage", func(t *testing.T) {
		t.Parallel()
		conn := dial(t, serve(t, Options{}, 0))
		write(t, conn, append(bytes.Clone(proxied), refused...))
		if errs := wantClosed(t, conn, wire.CloseUnauthenticated); !strings.Contains(strings.Join(errs, " "), "bad_request") {
			t.Errorf("answered %q, want bad_request", errs)
		}
	})
}

// A proxy that has connected and said nothing does not hold up a stop.
func TestServe_StopsWhileAHeaderIsAwaited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		s, err := New(Options{Gateway: newGateway(t, 0), Logger: slog.New(slog.DiscardHandler), ProxyFrom: here, FrameTimeout: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		l := &flaky{conns: make(chan net.Conn), closed: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		begin := time.Now()
		go func() { ended <- s.Serve(ctx, l) }()
		l.conns <- from{near, "127.0.0.1:4711"}
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil || time.Since(begin) != 0 {
			t.Errorf("serve: %v after %v", err, time.Since(begin))
		}
		_ = far.Close()
	})
}

// from is a connection that comes from somewhere.
type from struct {
	net.Conn
	addr string
}

func (f from) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(f.addr)) }
