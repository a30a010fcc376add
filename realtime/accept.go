package realtime

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/coder/websocket"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/internal/metrics"
	"github.com/gim-im/gim/wire"
)

// Options say how connections are accepted.
type Options struct {
	Gateway *gateway.Gateway // serves what is accepted; required
	// AllowedOrigins are the web pages besides the server's own that may connect,
	// as browsers name them: "https://chat.example.com".
	AllowedOrigins []string
	// Metrics counts the open connections; nil counts nothing.
	Metrics *metrics.Metrics
	// Refuse answers a request that is not accepted. Nil answers with the status
	// and the sentence alone.
	Refuse func(w http.ResponseWriter, r *http.Request, err error)
}

// transport is the name of WebSockets in metrics and presence.
const transport = "websocket"

type server struct{ Options }

// New returns the handler of GET /v1/ws. It returns from a request when the
// connection is open; the gateway knows when all are closed. It may be used
// concurrently.
func New(o Options) (http.Handler, error) {
	if o.Gateway == nil {
		return nil, errors.New("realtime: a gateway is required")
	}
	for i, origin := range o.AllowedOrigins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme == "" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
			return nil, errors.New("realtime: an allowed origin is a scheme and a host, such as https://chat.example.com")
		}
		o.AllowedOrigins = slices.Clone(o.AllowedOrigins)
		o.AllowedOrigins[i] = strings.ToLower(u.Scheme + "://" + u.Host)
	}
	o.completeRefuse()
	return &server{o}, nil
}

func (o *Options) completeRefuse() {
	if o.Refuse != nil {
		return
	}
	o.Refuse = func(w http.ResponseWriter, _ *http.Request, err error) {
		status := http.StatusBadRequest
		if domain.CodeOf(err) == domain.CodeForbidden {
			status = http.StatusForbidden
		}
		http.Error(w, err.Error(), status)
	}
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.isAllowed(r) {
		s.Refuse(w, r, domain.Failure(domain.CodeForbidden, "Pages of this origin may not connect."))
		return
	}
	if !isHandshake(r) {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Sec-WebSocket-Version", "13")
		s.Refuse(w, r, domain.Failure(domain.CodeBadRequest, "This address takes WebSocket handshakes of version 13 only."))
		return
	}
	c := &conn{enc: wire.JSON}
	answer := &lean{ResponseWriter: w}
	ws, err := websocket.Accept(answer, r, &websocket.AcceptOptions{
		Subprotocols:       []string{wire.SubprotocolJSON, wire.SubprotocolProto},
		InsecureSkipVerify: true, // checked above, against whole origins and not only their hosts
		CompressionMode:    websocket.CompressionDisabled,
		OnPingReceived:     c.notePing,
	})
	if err != nil {
		return // Accept has answered
	}
	if ws.Subprotocol() == wire.SubprotocolProto {
		c.enc = wire.Proto
	}
	c.open(ws, answer.socket)
	addr, _ := netip.ParseAddrPort(r.RemoteAddr) // unknown where the listener is none of TCP
	ctx := domain.WithRequest(context.Background(), domain.RequestOf(r.Context()))
	// The connection outlives the request, whose memory and stack it does not need.
	s.Gateway.Start(ctx, c, gateway.Peer{Transport: transport, Addr: addr.Addr().Unmap()}, s.count(transport, c.enc))
}

// count counts an open connection until over is called.
func (o *Options) count(transport string, enc wire.Encoding) (over func()) {
	if o.Metrics == nil {
		return func() {}
	}
	open := o.Metrics.Connections.WithLabelValues(transport, strings.TrimPrefix(enc.String(), "gim.v1."))
	open.Inc()
	return open.Dec
}

// isHandshake reports whether a request opens a WebSocket. The library checks the
// same, but answers what is none in plain text, unlike every other error here.
func isHandshake(r *http.Request) bool {
	keys := r.Header.Values("Sec-WebSocket-Key")
	if len(keys) != 1 || !r.ProtoAtLeast(1, 1) {
		return false
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(keys[0]))
	return err == nil && len(key) == 16 && r.Header.Get("Sec-WebSocket-Version") == "13" &&
		hasToken(r.Header, "Connection", "upgrade") && hasToken(r.Header, "Upgrade", "websocket")
}

// hasToken reports whether a header that is a list holds a token, in any case.
func hasToken(h http.Header, name, token string) bool {
	for _, value := range h.Values(name) {
		for item := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(item), token) {
				return true
			}
		}
	}
	return false
}

// isAllowed reports whether the page behind a request may connect. Programs send
// no origin; a sandboxed page sends "null", which may be anybody's.
func (s *server) isAllowed(r *http.Request) bool {
	values := r.Header.Values("Origin")
	if len(values) == 0 {
		return true
	}
	origin := strings.ToLower(values[0])
	if len(values) > 1 {
		return false
	}
	if slices.Contains(s.AllowedOrigins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}
