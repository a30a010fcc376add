package tcpgw

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/internal/metrics"
)

// Options say how connections are accepted.
type Options struct {
	Gateway *gateway.Gateway // serves what is accepted; required
	Logger  *slog.Logger     // required
	// TLS is what every connection begins with; nil for none.
	TLS *tls.Config
	// ProxyFrom are the networks of proxies in front of gim. A connection from there
	// has to begin with a header of the PROXY protocol, version 2, which says whose it
	// is; from elsewhere such a header is not honoured.
	ProxyFrom []netip.Prefix
	// FrameTimeout is how long a frame may take from its first byte to its last, and
	// a header of a proxy; 10 s if 0.
	FrameTimeout time.Duration
	// IdleAfter is how long after a frame a connection gives back the memory that it
	// took; 5 s if 0.
	IdleAfter time.Duration
	// Metrics counts the open connections; nil counts nothing.
	Metrics *metrics.Metrics
}

// transport is the name of this one in metrics and presence.
const transport = "tcp"

// Server accepts connections. Make it with New.
type Server struct{ Options }

// New returns a server that accepts nothing yet.
func New(o Options) (*Server, error) {
	if o.Gateway == nil || o.Logger == nil {
		return nil, errors.New("tcpgw: Gateway and Logger are required")
	}
	if o.FrameTimeout <= 0 {
		o.FrameTimeout = 10 * time.Second
	}
	if o.IdleAfter <= 0 {
		o.IdleAfter = 5 * time.Second
	}
	return &Server{o}, nil
}

// Serve accepts connections from l until ctx ends, and then waits for those there
// are: gateway.Drain closes them. It closes l. The error is nil after ctx has
// ended. What fails while l is open, such as a lack of file descriptors, is tried
// again.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	var connections sync.WaitGroup
	defer connections.Wait()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	defer l.Close()          //nolint:errcheck // nothing to do about it
	over := connections.Done // when a connection is over
	if s.Metrics != nil {
		open := s.Metrics.Connections.WithLabelValues(transport, "proto")
		over = func() { open.Dec(); connections.Done() }
	}
	for wait := (backOff{}); ; {
		socket, err := l.Accept()
		switch {
		case ctx.Err() != nil && err != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			if wait.last == 0 { // once for each time that it begins
				s.Logger.WarnContext(ctx, "accepting TCP connections fails, and is tried again", slog.Any("err", err))
			}
			wait.sleep(ctx)
			continue
		}
		wait = backOff{}
		connections.Add(1)
		s.count()
		go s.serve(ctx, socket, over) // ends when the gateway has the connection
	}
}

// backOff makes room for what is missing to come back.
type backOff struct{ last time.Duration }

func (b *backOff) sleep(ctx context.Context) {
	b.last = min(max(2*b.last, 5*time.Millisecond), time.Second)
	select {
	case <-time.After(b.last):
	case <-ctx.Done():
	}
}

func (s *Server) count() {
	if s.Metrics != nil {
		s.Metrics.Connections.WithLabelValues(transport, "proto").Inc()
	}
}

// serve hands one connection to the gateway; over is called when it is over.
func (s *Server) serve(ctx context.Context, socket net.Conn, over func()) {
	taken := false
	defer func() {
		if !taken {
			_ = socket.Close() // nothing was promised yet
			over()
		}
	}()
	defer s.recover(ctx)
	addr, err := s.peerOf(ctx, socket)
	if err != nil {
		s.Logger.DebugContext(ctx, "TCP connection turned away", slog.Any("err", err), slog.Any("peer", socket.RemoteAddr()))
		return
	}
	taken = true
	// Ending ctx ends accepting; the connections are the gateway's to end.
	s.Gateway.Start(context.Background(), s.newConn(socket), gateway.Peer{Transport: transport, Addr: addr}, over)
}

// recover keeps a panic from costing more than this connection.
func (s *Server) recover(ctx context.Context) {
	if reason := recover(); reason != nil {
		s.Logger.ErrorContext(ctx, "panic on a TCP connection", slog.Any("reason", reason), slog.String("stack", string(debug.Stack())))
	}
}
