package tcpgw

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/internal/gateway/conntest"
	"github.com/gim-im/gim/internal/metrics"
	"github.com/gim-im/gim/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

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

func newGateway(t *testing.T, signIn time.Duration) *gateway.Gateway {
	t.Helper()
	g, err := gateway.New(gateway.Options{
		Hub: gateway.NewHub(nobody{}), Auth: nobody{}, Messages: nobody{}, Devices: nobody{}, Store: nobody{}, IDs: nobody{},
		Logger: slog.New(slog.DiscardHandler), SignInTimeout: signIn,
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// logs is a log that tests read.
type logs struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// serve starts a server on loopback. When the test is over everything has to be
// gone, and nothing above debug to have been logged.
func serve(t *testing.T, o Options, signIn time.Duration) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	said := new(logs)
	o.Gateway = newGateway(t, signIn)
	o.Logger = slog.New(slog.NewTextHandler(said, nil))
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }() // ends with ctx
	t.Cleanup(func() {
		cancel()
		if err := o.Gateway.Run(ctx); err != nil { // closes what is left and waits for it
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
		if text := said.String(); text != "" {
			t.Errorf("logged above debug: %s", text)
		}
	})
	return l.Addr().String()
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func write(t *testing.T, conn net.Conn, data []byte) {
	t.Helper()
	if _, err := conn.Write(data); err != nil {
		t.Fatal(err)
	}
}

// wantClosed reads frames up to the end and returns the codes of errors.
func wantClosed(t *testing.T, conn net.Conn, code wire.CloseCode) (errs []string) {
	t.Helper()
	p := &peer{conn: conn, decoder: wire.NewDecoder(8 << 20)}
	for {
		frame, err := p.Receive()
		if err == nil {
			errs = append(errs, string(frame))
			continue
		}
		if closed, ok := errors.AsType[*conntest.Closed](err); !ok || closed.Code != code {
			t.Errorf("ended with %v, want code %d", err, code)
		}
		return errs
	}
}

func TestNew_NeedsAGatewayAndALogger(t *testing.T) {
	t.Parallel()
	if _, err := New(Options{Logger: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("a missing gateway was taken")
	}
	if _, err := New(Options{Gateway: newGateway(t, 0)}); err == nil {
		t.Error("a missing logger was taken")
	}
}

func TestServe_RefusedSignInIsAnsweredAndClosed(t *testing.T) {
	t.Parallel()
	conn := dial(t, serve(t, Options{}, 0))
	write(t, conn, []byte{5, 0x12, 3, 0x0a, 1, 'x'}) // sign_in {token: "x"}
	if errs := wantClosed(t, conn, wire.CloseUnauthenticated); len(errs) != 1 || !strings.Contains(errs[0], "unauthorized") {
		t.Errorf("answered %q, want one error", errs)
	}
}

func TestServe_CountsConnectionsWhileTheyAreOpen(t *testing.T) {
	t.Parallel()
	m := metrics.New()
	wait := func(want string) {
		t.Helper()
		for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
			answer := httptest.NewRecorder()
			m.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
			if strings.Contains(answer.Body.String(), want+"\n") {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("the metrics lack %s", want)
			}
		}
	}
	conn := dial(t, serve(t, Options{Metrics: m}, 0))
	wait(`gim_connections{encoding="proto",transport="tcp"} 1`)
	_ = conn.Close()
	wait(`gim_connections{encoding="proto",transport="tcp"} 0`)
}

// Whoever does not sign in is gone in time, whatever little they send meanwhile.
func TestServe_TheSignInHasADeadline(t *testing.T) {
	t.Parallel()
	config, _ := tlsConfigs(t)
	plain, secure := serve(t, Options{}, 300*time.Millisecond), serve(t, Options{TLS: config}, 300*time.Millisecond)
	drip := func(conn net.Conn, data []byte) {
		for _, b := range data {
			if _, err := conn.Write([]byte{b}); err != nil {
				return // closed
			}
			time.Sleep(20 * time.Millisecond) // what is tested is slowness
		}
	}
	for name, data := range map[string][]byte{
		"nothing": nil, "one long frame": append([]byte{100}, bytes.Repeat([]byte{0x0a}, 100)...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, plain)
			go drip(conn, data) // ends with the connection
			wantClosed(t, conn, wire.CloseUnauthenticated)
		})
	}
	t.Run("half a handshake", func(t *testing.T) {
		t.Parallel()
		conn := dial(t, secure)
		go drip(conn, append([]byte{22, 3, 1, 0, 200, 1, 0, 0, 196}, make([]byte, 100)...))
		if _, err := io.ReadAll(conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("ended with %v, want an end", err)
		}
	})
	t.Run("a handshake and no more", func(t *testing.T) {
		t.Parallel()
		conn := tls.Client(dial(t, secure), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is our own
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		wantClosed(t, conn, wire.CloseUnauthenticated)
	})
}

// flaky is a listener that fails for some time.
type flaky struct {
	failures int
	since    time.Time
	waits    []time.Duration // between calls
	conns    chan net.Conn
	once     sync.Once
	closed   chan struct{}
}

func (f *flaky) Accept() (net.Conn, error) {
	f.waits = append(f.waits, time.Since(f.since))
	f.since = time.Now()
	if f.failures--; f.failures >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	select {
	case conn := <-f.conns:
		return conn, nil
	case <-f.closed:
		return nil, net.ErrClosed
	}
}

func (f *flaky) Close() error   { f.once.Do(func() { close(f.closed) }); return nil }
func (f *flaky) Addr() net.Addr { return &net.TCPAddr{} }

func TestServe_TriesAgainWhenThereAreNoFileDescriptors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		said := new(logs)
		s, err := New(Options{Gateway: newGateway(t, 0), Logger: slog.New(slog.NewTextHandler(said, nil))})
		if err != nil {
			t.Fatal(err)
		}
		l := &flaky{failures: 12, since: time.Now(), conns: make(chan net.Conn), closed: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(ctx, l) }()
		near, far := net.Pipe()
		l.conns <- near // it is accepted in the end
		_ = far.Close()
		synctest.Wait()
		if n := strings.Count(said.String(), "\n"); n != 1 || !strings.Contains(said.String(), "too many open files") {
			t.Errorf("logged %d lines, want one with the reason: %s", n, said)
		}
		if first, last := l.waits[1], l.waits[12]; first != 5*time.Millisecond || last != time.Second {
			t.Errorf("waited %v at first and %v in the end, want 5 ms and 1 s", first, last)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
}

func TestServe_EndsWhenItsListenerIsClosedByOthers(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	s, err := New(Options{Gateway: newGateway(t, 0), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(t.Context(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("serve: %v, want %v", err, net.ErrClosed)
	}
}
