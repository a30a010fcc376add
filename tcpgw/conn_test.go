package tcpgw

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/internal/gateway/conntest"
	"github.com/gim-im/gim/wire"
)

func TestConn_IsAConn(t *testing.T) {
	t.Parallel()
	conntest.Run(t, func(t *testing.T, _ wire.Encoding) (gateway.Conn, conntest.Peer) { return connect(t, nil, nil) }, wire.Proto)
}

func TestConn_IsAConnWithTLS(t *testing.T) {
	t.Parallel()
	server, client := tlsConfigs(t)
	conntest.Run(t, func(t *testing.T, _ wire.Encoding) (gateway.Conn, conntest.Peer) { return connect(t, server, client) }, wire.Proto)
}

// connect makes a connection over a real socket, with nobody serving it.
func connect(t *testing.T, server, client *tls.Config) (*conn, *peer) {
	t.Helper()
	near, far := sockets(t)
	s := &Server{Options{Logger: slog.New(slog.DiscardHandler), TLS: server, FrameTimeout: time.Minute, IdleAfter: time.Hour}}
	c := s.newConn(near)
	p := &peer{conn: far, decoder: wire.NewDecoder(8 << 20)}
	if client != nil {
		p.conn = tls.Client(far, client)
		done := make(chan error, 1)
		go func() { done <- c.shake() }() // ends with the handshake
		if err := errors.Join(p.conn.(*tls.Conn).Handshake(), <-done); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		c.Close(0, 0)
		c.decoder.Rest()
		_ = p.conn.Close()
	})
	return c, p
}

// sockets returns both ends of a connection over loopback.
func sockets(t testing.TB) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if far, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close() })
	if near, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = near.Close() })
	return near, far
}

// peer is the client's end of a connection.
type peer struct {
	conn    net.Conn
	decoder *wire.Decoder
	closed  *conntest.Closed // the last frame, if it was one of these
}

func (p *peer) Send(frame []byte) error {
	_, err := p.conn.Write(append(wire.AppendLength(nil, len(frame)), frame...))
	return err
}

func (p *peer) Receive() ([]byte, error) {
	for {
		frame, ok, err := p.decoder.Next()
		switch {
		case err != nil:
			return nil, err
		case ok && p.closed != nil:
			return nil, errors.New("a frame after the one that closes")
		case ok:
			if p.closed, ok = conntest.ParseClosing(wire.Proto, frame); !ok {
				return frame, nil
			}
			continue
		}
		err = p.decoder.Fill(p.conn)
		if errors.Is(err, io.EOF) && p.closed != nil {
			_ = p.conn.Close()
			return nil, p.closed
		}
		if err != nil {
			return nil, err
		}
	}
}

func (p *peer) Ping() error { return errors.ErrUnsupported }

func (p *peer) Drop() { _ = p.conn.Close() }

// Frames stay whole and in order however many come at once and whatever their
// sizes, so also where some are copied and some are not.
func TestWriteFrames_KeepsBatchesInOrder(t *testing.T) {
	t.Parallel()
	server, client := tlsConfigs(t)
	for name, tt := range map[string]struct{ server, client *tls.Config }{"plain": {}, "TLS": {server, client}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, p := connect(t, tt.server, tt.client)
			sizes := []int{
				0, 1, 127, 128, largeFrame - 1, largeFrame, 3, largeFrame + 1, 0, recordBytes - 3, recordBytes - 2, recordBytes - 1,
				recordBytes, recordBytes + 1, maxPooled, 5, 300 << 10, 7,
			}
			var frames [][]byte
			for i, n := range sizes {
				frame := make([]byte, n)
				for j := range frame {
					frame[j] = byte(i + j)
				}
				frames = append(frames, frame)
			}
			var writer sync.WaitGroup
			defer writer.Wait()
			writer.Go(func() {
				for range 3 { // the memory of a batch is used again
					for n := range frames {
						if err := c.WriteFrames(frames[:n], time.Now().Add(time.Minute)); err != nil {
							t.Errorf("write %d frames: %v", n, err)
						}
					}
				}
			})
			for range 3 {
				for n := range frames {
					for i, want := range frames[:n] {
						if got, err := p.Receive(); err != nil || string(got) != string(want) {
							t.Fatalf("frame %d of %d: %d bytes, %v; want %d", i, n, len(got), err, len(want))
						}
					}
				}
			}
		})
	}
}

// counted counts what reaches the socket as calls of the operating system.
type counted struct {
	net.Conn
	calls int
}

func (c *counted) Write(b []byte) (int, error) { c.calls++; return c.Conn.Write(b) }

func TestWriteFrames_WritesABatchOfSmallFramesAtOnce(t *testing.T) {
	t.Parallel()
	near, far := sockets(t)
	go func() { _, _ = io.Copy(io.Discard, far) }() // ends with the socket
	socket := &counted{Conn: near}
	c := (&Server{Options{Logger: slog.New(slog.DiscardHandler)}}).newConn(socket)
	frames := make([][]byte, 100)
	for i := range frames {
		frames[i] = make([]byte, 300)
	}
	if err := c.WriteFrames(frames, time.Now().Add(time.Minute)); err != nil || socket.calls != 1 {
		t.Errorf("%d writes, %v; want one", socket.calls, err)
	}
}
