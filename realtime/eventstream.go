package realtime

import (
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/wire"
)

// transportSSE is the name of event streams in metrics and presence.
const transportSSE = "sse"

// headerLastEventID is how a client of Server-Sent Events tells what it holds.
const headerLastEventID = "Last-Event-ID"

type eventServer struct{ Options }

// NewEventStream returns the handler of GET /v1/stream. It returns from a request
// when the stream is over. Options that concern origins mean nothing here: a page
// of another origin cannot send the header with the token. It may be used
// concurrently.
func NewEventStream(o Options) (http.Handler, error) {
	if o.Gateway == nil {
		return nil, errors.New("realtime: a gateway is required")
	}
	o.completeRefuse()
	return &eventServer{o}, nil
}

// ServeHTTP implements http.Handler.
func (s *eventServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	in, err := signInOf(r)
	if err != nil {
		s.Refuse(w, r, err)
		return
	}
	defer s.count(transportSSE, wire.JSON)()
	addr, _ := netip.ParseAddrPort(r.RemoteAddr) // unknown where the listener is none of TCP
	c := newEvents(w, s.Gateway.Heartbeat())
	err = s.Gateway.Listen(r.Context(), c, gateway.Peer{Transport: transportSSE, Addr: addr.Addr().Unmap()}, in)
	cut := c.finish()
	switch {
	case err != nil:
		s.Refuse(w, r, err)
	case cut:
		panic(http.ErrAbortHandler) // a whole answer would be taken for a goodbye
	}
}

// signInOf reads from a request what a WebSocket's client says in its first frame.
func signInOf(r *http.Request) (*wire.SignIn, error) {
	credentials, ids := r.Header.Values("Authorization"), r.Header.Values(headerLastEventID)
	if len(credentials) != 1 {
		return nil, domain.ErrUnauthorized
	}
	scheme, token, _ := strings.Cut(credentials[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, domain.ErrUnauthorized
	}
	query := r.URL.Query()
	in := &wire.SignIn{Token: strings.TrimLeft(token, " "), Epoch: query.Get("epoch")}
	name, cursor := "after", query.Get("after")
	switch {
	case len(ids) > 1:
		return nil, domain.Invalid(headerLastEventID, "is given more than once")
	case len(ids) == 1:
		name, cursor = headerLastEventID, ids[0]
	}
	if cursor != "" {
		after, err := strconv.ParseInt(cursor, 10, 64)
		if err != nil || after < 0 {
			return nil, domain.Invalid(name, "must be a number that is not negative")
		}
		in.After = &after
	}
	positions, err := domain.ParsePositions("groups", query.Get("groups"))
	if err != nil {
		return nil, err
	}
	in.Groups = make(map[string]int64, len(positions))
	for id, seq := range positions {
		in.Groups[string(id)] = seq
	}
	return in, nil
}

// flusherOf is the server's own writer, which tells when a flush fails; those around
// it do not.
func flusherOf(w http.ResponseWriter) *http.ResponseController {
	for {
		around, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return http.NewResponseController(w)
		}
		w = around.Unwrap()
	}
}

// begin sends the head of the answer. A body that the request may have had is not
// waited for any longer, nor does its deadline end the stream.
func (c *events) begin() {
	if c.begun {
		return
	}
	c.begun = true
	h := c.w.Header()
	h.Set("Content-Type", wire.MediaTypeEventStream)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // for proxies that would hold events back
	_ = c.control.SetReadDeadline(time.Time{})
	c.w.WriteHeader(http.StatusOK)
}
