package gateway

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/metrics"
	"github.com/gim-im/gim/wire"
)

// Gateway serves connections until it is drained.
type Gateway struct {
	opts    Options
	metrics *metrics.Metrics
	buffers buffers
	outs    outs
	alarms  *alarms
	board   *board // nil without presence

	// revocations counts Revoke, so that a sign-in notices one that it overlaps.
	revocations atomic.Int64

	mu       sync.Mutex // guards what follows
	sessions map[*Session]struct{}
	limits   limits
	draining bool
	empty    chan struct{} // closed when draining and no session is left
}

// New returns a gateway that serves nobody yet.
func New(o Options) (*Gateway, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	g := &Gateway{opts: o, metrics: o.Metrics, sessions: make(map[*Session]struct{}), limits: newLimits(), empty: make(chan struct{})}
	g.alarms = newAlarms(min(o.Heartbeat, o.SignInTimeout) / 100)
	if o.Presence != nil {
		g.board = newBoard(g)
	}
	return g, nil
}

// Serve handles the connection to a peer until it is closed, by either side. It
// returns when all that was started for it is gone. ctx gives values, such as the
// id of the request that opened the connection; ending it closes the connection
// at once. Close the gateway's connections with Drain instead.
func (g *Gateway) Serve(ctx context.Context, conn Conn, peer Peer) {
	over := make(chan struct{})
	g.Start(ctx, conn, peer, func() { close(over) })
	<-over
}

// Start is Serve for a transport that has nothing to do meanwhile: it returns at
// once, and over is called where Serve would return.
func (g *Gateway) Start(ctx context.Context, conn Conn, peer Peer, over func()) {
	s := newSession(ctx, g, conn, peer, over)
	if code := g.add(s); code != 0 {
		go g.refuse(conn, code, over) // ends within seconds
		return
	}
	if ctx.Done() != nil {
		s.stop = context.AfterFunc(ctx, func() { s.end(ending{}) })
	}
	s.life.start(s)
	go s.loop() // ends with the connection
}

// refuse says goodbye to a connection that is not served.
func (g *Gateway) refuse(conn Conn, code wire.CloseCode, over func()) {
	defer over()
	var reconnectAfter time.Duration
	if code == wire.CloseShutdown {
		reconnectAfter = g.spread()
	} else {
		g.countClose(code)
	}
	conn.Close(code, reconnectAfter)
}

// Run looks at the logs' heads from time to time and wakes sessions that have
// missed something. When ctx ends it closes what Drain has left, and returns
// when no connection is served any more.
func (g *Gateway) Run(ctx context.Context) error {
	stopBoard := g.runBoard(ctx)
	defer stopBoard()
	g.check(ctx)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	g.Drain(ended)
	<-g.empty
	return nil
}

// Drain refuses new connections and says goodbye to those there are, each with
// its own time to come back; sends that are under way are answered first. It
// returns when all connections are gone. When ctx ends those that are left are
// closed without waiting for their sends.
func (g *Gateway) Drain(ctx context.Context) {
	for _, s := range g.startDrain() {
		s.box.drain()
	}
	select {
	case <-g.empty:
		return
	case <-ctx.Done():
	}
	for _, s := range g.snapshot() {
		s.end(ending{code: wire.CloseShutdown, reconnectAfter: g.spread()})
	}
}

// Revoke closes the connections that stand on what r revokes. Credentials must
// be refused by the Authenticator before Revoke is called.
func (g *Gateway) Revoke(r domain.Revocation) {
	g.revocations.Add(1)
	for _, s := range g.snapshot() {
		if who := s.who.Load(); who != nil && r.Covers(who.Principal) {
			s.end(ending{code: wire.CloseRevoked})
		}
	}
}

// add takes a session in, or returns the code with which it is refused.
func (g *Gateway) add(s *Session) (refused wire.CloseCode) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.draining:
		return wire.CloseShutdown
	case !g.limits.enter(s.peer.Addr, g.opts.MaxPerAddress):
		return wire.CloseConnectionLimit
	}
	g.sessions[s] = struct{}{}
	return 0
}

// admit counts a session that signs in for its app.
func (g *Gateway) admit(app domain.AppNum) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.limits.admit(app, g.opts.MaxPerApp) {
		return domain.Failure(domain.CodeConnectionLimit, "The app has as many connections as this server allows it.")
	}
	return nil
}

func (g *Gateway) remove(s *Session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sessions, s)
	g.limits.leave(s.peer.Addr, s.admitted)
	if g.draining && len(g.sessions) == 0 {
		close(g.empty)
	}
}

// startDrain is idempotent.
func (g *Gateway) startDrain() []*Session {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.draining && len(g.sessions) == 0 {
		close(g.empty)
	}
	g.draining = true
	return g.list()
}

func (g *Gateway) snapshot() []*Session {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.list()
}

// list is called with mu held.
func (g *Gateway) list() []*Session {
	all := make([]*Session, 0, len(g.sessions))
	for s := range g.sessions {
		all = append(all, s)
	}
	return all
}

// spread picks when a client should come back.
func (g *Gateway) spread() time.Duration {
	return rand.N(g.opts.ReconnectSpread) //nolint:gosec // jitter, not a secret
}

// logUnknown logs an unknown error, where it ends.
func (g *Gateway) logUnknown(ctx context.Context, message, session string, err error) {
	g.opts.Logger.LogAttrs(ctx, slog.LevelError, message,
		slog.String("session_id", session), slog.String("request_id", domain.RequestOf(ctx).ID),
		slog.Any("err", err), slog.Any("stack", domain.Stack(err)))
}

func (g *Gateway) countClose(code wire.CloseCode) {
	if code != 0 {
		g.metrics.ConnectionCloses.WithLabelValues(strconv.Itoa(int(code))).Inc()
	}
}
