package gateway

import (
	"context"
	"math"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// handleFirst takes the frame that has to be a sign-in.
func (s *Session) handleFirst(ctx context.Context, frame *wire.ClientFrame) {
	id := frame.GetId()
	in := frame.GetSignIn()
	if in == nil {
		err := domain.Failure(domain.CodeUnauthorized, "The first frame has to be sign_in.")
		s.end(ending{code: wire.CloseUnauthenticated, final: s.failure(ctx, id, err)})
		return
	}
	err := s.signIn(ctx, id, in)
	if err == nil || s.box.isOver() { // in the second case it has ended meanwhile
		return
	}
	s.end(ending{code: refusal(err), final: s.failure(ctx, id, err)})
}

// refusal is the close code for a sign-in that failed with err.
func refusal(err error) wire.CloseCode {
	switch domain.CodeOf(err) { //nolint:exhaustive // everything else is the client's
	case domain.CodeResyncRequired:
		return wire.CloseResyncRequired
	case domain.CodeUnavailable, domain.CodeRateLimited:
		return wire.CloseTryLater
	case domain.CodeInternal:
		return wire.CloseInternal
	case domain.CodeConnectionLimit:
		return wire.CloseConnectionLimit
	}
	return wire.CloseUnauthenticated
}

// signIn makes the session one of a user's: attach and subscribe first, read the
// log after, so that no entry falls in between.
func (s *Session) signIn(ctx context.Context, id uint64, in *wire.SignIn) error {
	if in.After != nil && in.GetAfter() < 0 {
		return domain.Invalid("/sign_in/after", "must not be negative")
	}
	who, err := s.identify(ctx, in)
	if err != nil {
		return err
	}
	if err := s.gw.admit(who.App.Num); err != nil {
		return err
	}
	s.admitted = who.App.Num
	if err := s.gw.opts.Hub.attach(ctx, who.topic(), s); err != nil {
		return err
	}
	s.attached = true
	if who.registered {
		if err := s.openSession(ctx, who); err != nil {
			return err
		}
	}
	s.traced = s.gw.opts.Trace.Connection(who.App.Num, who.User.Num, who.Device, s.peer.Transport)
	mark := s.box.mark()
	page, err := s.readOpening(ctx, who, in)
	if err != nil {
		return err
	}
	follows, groups, err := s.followAll(ctx, who, in)
	if err != nil {
		return err
	}
	open := opening{next: page.Head + 1, page: page, mark: mark, follows: follows}
	if in.After != nil {
		open.next = in.GetAfter() + 1
	}
	left := who.ExpiresAt.Sub(s.gw.opts.Clock.Now())
	answer := wire.AppendSignedIn(nil, s.conn.Encoding(), &wire.ServerFrame{Id: id, Body: &wire.ServerFrame_SignedIn{SignedIn: &wire.SignedIn{
		UserId: string(who.User.ID), DeviceId: string(who.Device), SessionId: s.id,
		FirstSeq: page.First, HeadSeq: page.Head, Epoch: page.Epoch,
		HeartbeatMs: s.gw.opts.Heartbeat.Milliseconds(), MaxFrameBytes: wire.MaxFrameBytes,
		Groups: groups,
	}}}, open.next-1)
	if !s.life.signIn(s, left, !who.ExpiresAt.IsZero(), func() {
		s.cursor.Store(open.next)
		s.box.open(answer, open)
	}) {
		return domain.Failure(domain.CodeUnauthorized, "The sign-in came too late.")
	}
	s.enter()
	return nil
}

// identify checks the token and settles on a device. From then on revocations
// find the session; one that came in between is found by looking again.
func (s *Session) identify(ctx context.Context, in *wire.SignIn) (*identity, error) {
	return s.become(ctx, in.GetToken(), func(who *identity) error {
		return s.chooseDevice(who, domain.DeviceID(in.GetDeviceId()))
	})
}

// become makes the session stand on a token that accept agrees to.
func (s *Session) become(ctx context.Context, token string, accept func(*identity) error) (*identity, error) {
	for {
		before := s.gw.revocations.Load()
		principal, err := s.gw.opts.Auth.User(ctx, token)
		if err != nil {
			return nil, err
		}
		if principal.Kind != domain.PrincipalUser || !principal.ActsForUser() {
			return nil, domain.ErrUnauthorized
		}
		who := &identity{Principal: principal}
		if err := accept(who); err != nil {
			return nil, err
		}
		s.who.Store(who)
		if s.gw.revocations.Load() == before {
			return who, nil
		}
	}
}

// chooseDevice takes the token's device, else the named one, else a passing one
// that has no ack and replaces nobody.
func (s *Session) chooseDevice(who *identity, named domain.DeviceID) error {
	switch {
	case who.Device != "" && named != "" && named != who.Device:
		return domain.Failure(domain.CodeDeviceNotBound, "The token is bound to another device than the one named.")
	case who.Device != "":
	case named != "":
		if err := domain.ValidateID("/sign_in/device_id", string(named)); err != nil {
			return err
		}
		who.Device = named
	default:
		who.Device = domain.DeviceID(s.gw.opts.IDs.NewID())
		return nil
	}
	who.registered = true
	return nil
}

// openSession claims the device; older connections of it, on any node, are told.
func (s *Session) openSession(ctx context.Context, who *identity) error {
	session, err := s.gw.opts.Devices.OpenSession(ctx, who.Principal, who.Device)
	switch {
	case domain.CodeOf(err) == domain.CodeDeviceNotFound:
		return domain.ErrDeviceNotBound
	case err != nil:
		return err
	}
	if err := s.beJudged(ctx, who, session); err != nil {
		return err
	}
	s.deviceType = session.Type
	s.number.Store(session.Number)
	s.replacedBy(session.Number) // a newer one may have come already
	s.gw.opts.Hub.bus.PublishEvents([]*wire.Event{
		{Kind: wire.EventSession, Topic: who.topic(), Device: who.Device, Session: session.Number, Request: domain.RequestOf(ctx)},
	})
	return nil
}

// readOpening reads the head of the log and, with a cursor, what follows it.
func (s *Session) readOpening(ctx context.Context, who *identity, in *wire.SignIn) (domain.LogPage, error) {
	after, limit := int64(math.MaxInt64-1), 1 // beyond every entry: the head only
	if in.After != nil {
		after, limit = in.GetAfter(), replayPage
	}
	page, err := s.gw.opts.Store.ReadLog(ctx, who.App.Num, who.User.Num, after, limit)
	if domain.CodeOf(err) == domain.CodeUserNotFound {
		return page, domain.ErrUnauthorized
	}
	if err != nil {
		return page, err
	}
	if in.After == nil {
		after = page.Head
	}
	return page, page.CheckCursor(after, in.GetEpoch())
}
