package gateway

import (
	"context"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// Listen is Serve for a connection whose client cannot send: in says what a sign-in
// frame would say, and what ReadFrame returns is the transport's own doing. A client
// that is not let in has nothing written to it; the error says why. After anything
// was written the error is nil.
func (g *Gateway) Listen(ctx context.Context, conn Conn, peer Peer, in *wire.SignIn) error {
	s := newSession(ctx, g, conn, peer, func() {})
	switch code := g.add(s); code {
	case 0:
	case wire.CloseShutdown:
		return &domain.Error{Code: domain.CodeUnavailable, RetryAfter: g.spread()}
	default:
		g.countClose(code)
		return domain.Failure(domain.CodeConnectionLimit, "This address has as many connections as this server allows it.")
	}
	if ctx.Done() != nil {
		s.stop = context.AfterFunc(ctx, func() { s.end(ending{}) })
	}
	s.life.start(s)
	err := s.letIn(in)
	s.loop()
	return err
}

// letIn signs in. When the session ends meanwhile for another reason, the connection
// is told that one.
func (s *Session) letIn(in *wire.SignIn) error {
	defer s.recover("reader")
	s.life.busy()
	defer s.life.sign()
	ctx, done := s.work(s.ctx, reader)
	defer done()
	err := s.signIn(ctx, 0, in)
	if err != nil && !s.end(ending{}) {
		return nil
	}
	return err
}

// Heartbeat is how often something should be heard on a connection.
func (g *Gateway) Heartbeat() time.Duration { return g.opts.Heartbeat }
