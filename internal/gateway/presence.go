package gateway

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// Presence is who is online, as far as connections have to do with it.
type Presence interface {
	// Enter tells of a connection that has signed in, Leave that it is over, with
	// the time of its last sign of life. Neither waits for anything.
	Enter(s domain.OnlineSession)
	Leave(s domain.OnlineSession, seen time.Time)
	// Resolve and Look are those of domain.Presences.
	Resolve(ctx context.Context, by domain.Principal, ids []domain.UserID, pointer string) ([]domain.UserRef, error)
	Look(ctx context.Context, app domain.AppNum, users []domain.UserRef) ([]domain.UserPresence, error)
	// HasToYield is that of domain.Presences.
	HasToYield(ctx context.Context, own domain.OnlineSession, policy domain.DevicePolicy) bool
}

// LookAgain is for when the presence of users may have changed without an event
// that tells of it; concerns says of which. It does not wait.
func (g *Gateway) LookAgain(concerns func(domain.AppNum, domain.UserNum) bool) {
	if g.board != nil {
		g.board.markAll(concerns)
	}
}

// runBoard starts telling sessions what they watch, until stop is called.
func (g *Gateway) runBoard(ctx context.Context) (stop func()) {
	if g.board == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { g.board.run(ctx) })
	return func() { cancel(); running.Wait() }
}

// online is the session as presence knows it.
func (s *Session) online(who *identity) domain.OnlineSession {
	return domain.OnlineSession{
		App: who.App.Num, User: who.User.Num, ID: s.id, Device: who.Device, Type: cmp.Or(s.deviceType, "other"),
		Transport: s.peer.Transport, Number: s.number.Load(), Since: s.since,
	}
}

// enter makes the session one that others see. The reader calls it, as it does leave.
func (s *Session) enter() {
	if s.gw.opts.Presence == nil {
		return
	}
	s.since = domain.Millis(s.gw.opts.Clock.Now())
	s.gw.opts.Presence.Enter(s.online(s.who.Load()))
}

// leave undoes enter, and ends what the session watches.
func (s *Session) leave() {
	if s.since.IsZero() {
		return
	}
	s.gw.board.drop(s)
	s.gw.opts.Presence.Leave(s.online(s.who.Load()), s.lastSeen())
}

// lastSeen is when the client showed for the last time that it lives. While it is
// heard from in time that is now; otherwise, because the connection was dead for
// long or this process slept, it is when something came last.
func (s *Session) lastSeen() time.Time {
	now := domain.Millis(s.gw.opts.Clock.Now())
	if silence := s.life.silence(s.conn.LastPing()); silence >= s.gw.opts.Heartbeat*5/2 {
		return domain.Millis(now.Add(-silence))
	}
	return now
}

// silence is how long nothing was heard; ping is when the transport heard from
// the client last.
func (l *life) silence(ping time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.last
	if ping.After(last) {
		last = ping
	}
	return time.Since(last)
}

// handlePresence begins and ends watching others.
func (s *Session) handlePresence(ctx context.Context, id uint64, p *wire.PresenceWatch) {
	items, err := s.watchPresence(ctx, p)
	if err != nil {
		s.fail(ctx, id, err)
		return
	}
	s.gw.board.answer(s, id, items)
}

func (s *Session) watchPresence(ctx context.Context, p *wire.PresenceWatch) ([]*watched, error) {
	if s.gw.opts.Presence == nil {
		return nil, domain.Failure(domain.CodeUnsupported, "")
	}
	unwatch, err := userIDs("/presence/unwatch", p.GetUnwatch())
	if err != nil {
		return nil, err
	}
	watch := make([]domain.UserID, len(p.GetWatch()))
	for i, id := range p.GetWatch() {
		watch[i] = domain.UserID(id)
	}
	who := s.who.Load()
	users, err := s.gw.opts.Presence.Resolve(ctx, who.Principal, watch, "/presence/watch")
	if err != nil {
		return nil, err
	}
	return s.gw.board.watch(ctx, s, users, unwatch)
}

func userIDs(pointer string, ids []string) ([]domain.UserID, error) {
	users := make([]domain.UserID, len(ids))
	for i, id := range ids {
		if err := domain.ValidateID(fmt.Sprintf("%s/%d", pointer, i), id); err != nil {
			return nil, err
		}
		users[i] = domain.UserID(id)
	}
	return users, nil
}

// presenceItem is how it stands with a user, as a frame tells it.
func presenceItem(p domain.UserPresence) *wire.UserPresence {
	item := &wire.UserPresence{UserId: string(p.User.ID), Devices: make([]*wire.OnlineDevice, len(p.Devices))}
	if p.Known {
		online := p.IsOnline()
		item.Online = &online
	}
	for i, d := range p.Devices {
		item.Devices[i] = &wire.OnlineDevice{DeviceId: string(d.ID), Type: string(d.Type), Transport: d.Transport}
	}
	if !p.LastSeenAt.IsZero() {
		item.LastSeenAt = p.LastSeenAt.UnixMilli()
	}
	return item
}

// samePresence reports whether b tells nothing that a has not told. When somebody
// who is online was last seen is no news.
func samePresence(a, b *wire.UserPresence) bool {
	if (a.Online == nil) != (b.Online == nil) || a.GetOnline() != b.GetOnline() || len(a.GetDevices()) != len(b.GetDevices()) {
		return false
	}
	if !b.GetOnline() && a.GetLastSeenAt() != b.GetLastSeenAt() {
		return false
	}
	for i, d := range a.GetDevices() {
		e := b.GetDevices()[i]
		if d.GetDeviceId() != e.GetDeviceId() || d.GetType() != e.GetType() || d.GetTransport() != e.GetTransport() {
			return false
		}
	}
	return true
}
