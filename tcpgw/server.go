package tcpgw

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/internal/metrics"
)

// Transport is the name of this one in metrics and presence.
const transport = "tcp"

const (
	defaultFrameTimeout   = 10 * time.Second
	defaultOpeningTimeout = 10 * time.Second
	defaultIdleAfter      = 5 * time.Second

	minBackoff = 5 * time.Millisecond
	maxBackoff = time.Second
)

// Options say how connections are accepted.
type Options struct {
	Gateway *gateway.Gateway // serves what is accepted; required
	Logger  *slog.Logger     // required

	// TLS encrypts connections; nil leaves them plain.
	TLS *tls.Config
	// ProxyFrom are the networks whose connections begin with a header of the PROXY
	// protocol, version 1 or 2, that says whom they are for. There it is required,
	// and from elsewhere it is taken for garbage.
	ProxyFrom []netip.Prefix

	OpeningTimeout time.Duration    // of TLS and of the PROXY header; 0 means 10 s
	FrameTimeout   time.Duration    // for a frame that has begun to arrive; 0 means 10 s
	IdleAfter      time.Duration    // without a frame, when memory is given back; 0 means 5 s
	Metrics        *metrics.Metrics // nil counts nothing
}

// Server accepts connections. Its methods may be called concurrently.
type Server struct {
	o    Options
	over func() // called when a connection that the gateway served is gone

	mu      sync.Mutex // guards what follows
	opening map[net.Conn]struct{}
	closed  bool
	conns   sync.WaitGroup
}

// New returns a server that accepts nothing yet.
func New(o Options) (*Server, error) {
	if o.Gateway == nil || o.Logger == nil {
		return nil, errors.New("tcpgw: a gateway and a logger are required")
	}
	if o.OpeningTimeout <= 0 {
		o.OpeningTimeout = defaultOpeningTimeout
	}
	if o.FrameTimeout <= 0 {
		o.FrameTimeout = defaultFrameTimeout
	}
	if o.IdleAfter <= 0 {
		o.IdleAfter = defaultIdleAfter
	}
	s := &Server{o: o, opening: make(map[net.Conn]struct{})}
	s.over = func() {
		s.count(-1)
		s.conns.Done()
	}
	return s, nil
}

// Serve accepts connections from l until that is closed, and returns nil then.
// Errors that pass, such as a lack of file descriptors, are waited out.
func (s *Server) Serve(l net.Listener) error {
	var wait time.Duration
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			wait = 0
			s.start(c)
		case errors.Is(err, net.ErrClosed):
			return nil
		default:
			if wait == 0 { // once, not at every attempt
				s.o.Logger.Warn("accepting a TCP connection failed", slog.Any("err", err))
			}
			wait = min(max(2*wait, minBackoff), maxBackoff)
			time.Sleep(wait)
		}
	}
}

// Close ends connections that the gateway does not serve yet, and returns when
// all that were accepted are gone. The listener is to be closed before, and the
// gateway drained.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for c := range s.opening {
		_ = c.Close() // nothing was promised yet
	}
	s.mu.Unlock()
	s.conns.Wait()
}

func (s *Server) start(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Close() // nothing was promised yet
		return
	}
	s.opening[c] = struct{}{}
	s.conns.Add(1)
	go s.handle(c) // ends when the gateway has the connection
}

// handle opens one connection and hands it to the gateway.
func (s *Server) handle(raw net.Conn) {
	opened, addr, err := s.open(raw)
	s.mu.Lock()
	delete(s.opening, raw)
	s.mu.Unlock()
	if err != nil {
		s.o.Logger.Debug("a TCP connection did not open", slog.Any("err", err))
		_ = raw.Close() // nothing was promised yet
		s.conns.Done()
		return
	}
	s.count(1)
	s.o.Gateway.Start(context.Background(), newConn(opened, &s.o), gateway.Peer{Transport: transport, Addr: addr}, s.over)
}

func (s *Server) count(n float64) {
	if s.o.Metrics != nil {
		s.o.Metrics.Connections.WithLabelValues(transport, "proto").Add(n)
	}
}

// open deals with what stands before the first frame.
func (s *Server) open(raw net.Conn) (net.Conn, netip.Addr, error) {
	c, addr := raw, addrOf(raw.RemoteAddr())
	if s.isProxy(addr) {
		behind := proxyproto.NewConn(raw, proxyproto.WithPolicy(proxyproto.REQUIRE), proxyproto.SetReadHeaderTimeout(s.o.OpeningTimeout))
		header := behind.ProxyHeader()
		if header == nil {
			return nil, addr, errors.New("the proxy sent no PROXY header")
		}
		c, addr = &proxied{Conn: behind}, addrOf(behind.RemoteAddr())
	}
	if s.o.TLS == nil {
		return c, addr, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.o.OpeningTimeout)
	defer cancel()
	secure := tls.Server(c, s.o.TLS)
	return secure, addr, secure.HandshakeContext(ctx)
}

func (s *Server) isProxy(addr netip.Addr) bool {
	for _, network := range s.o.ProxyFrom {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// proxied is a connection behind its PROXY header.
type proxied struct{ *proxyproto.Conn }

// CloseWrite ends one side of the connection.
func (p *proxied) CloseWrite() error {
	if c, ok := p.TCPConn(); ok {
		return c.CloseWrite()
	}
	return nil
}

// addrOf is the zero value for an address that is none of TCP.
func addrOf(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap()
}
