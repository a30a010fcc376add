package gateway

import (
	"context"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// handleRefresh lets the session stand on a newer token of the same user and
// device. One that is refused changes nothing: the former token still counts.
func (s *Session) handleRefresh(ctx context.Context, id uint64, refresh *wire.Refresh) {
	former := s.who.Load()
	who, err := s.become(ctx, refresh.GetToken(), func(who *identity) error {
		if who.App.Num != former.App.Num || who.User.Num != former.User.Num {
			return domain.Failure(domain.CodeForbidden, "The token is another user's; sign in on a new connection.")
		}
		if who.Device != "" && who.Device != former.Device {
			return domain.Failure(domain.CodeForbidden, "The token is bound to another device; sign in on a new connection.")
		}
		who.Device, who.registered = former.Device, former.registered
		return nil
	})
	switch {
	case err == nil:
	case s.who.Load() != former:
		// The token was revoked while the session stood on it already, and what
		// happened to the former one meanwhile nobody has noticed.
		s.end(ending{code: wire.CloseRevoked})
		return
	default:
		s.fail(ctx, id, err)
		return
	}
	s.life.extend(s, who.ExpiresAt.Sub(s.gw.opts.Clock.Now()), !who.ExpiresAt.IsZero())
	s.reply(s.encode(&wire.ServerFrame{Id: id, Body: &wire.ServerFrame_Refreshed{Refreshed: &wire.Refreshed{
		ExpiresAt: who.ExpiresAt.UnixMilli(),
	}}}))
}
