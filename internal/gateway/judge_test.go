package gateway_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/wire"
)

// HasToYield lets the oldest yield; all devices here are of one type.
func (c *crowd) HasToYield(_ context.Context, own domain.OnlineSession, policy domain.DevicePolicy) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unknown {
		return false
	}
	all := c.online[own.User]
	for _, s := range all[:max(0, len(all)-policy.MaxOnlinePerType)] {
		if s.ID == own.ID {
			return true
		}
	}
	return false
}

func TestJudge_TheDeviceOverTheLimitGivesWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.policy = domain.DevicePolicy{MaxOnlinePerType: 1}
		people := newCrowd(w)
		n := start(t, w, func(o *gateway.Options) { o.Presence = people })
		defer n.stop()
		bob := n.signIn(t, "bob", "")
		phone := n.signIn(t, "alice", "")
		phone.wantOpen()
		web := n.dial(t)
		web.send(`{"id":1,"sign_in":{"token":"alice alice-web"}}`)
		phone.wantClosed(wire.CloseConnectionLimit)
		web.wantOpen()
		bob.wantOpen()

		people.set(func() { people.unknown = true })
		phone = n.signIn(t, "alice", "") // nobody can tell how many there are
		phone.wantOpen()
		web.wantOpen()
		people.set(func() { people.unknown = false })
		people.tell(1) // and now somebody can
		web.wantClosed(wire.CloseConnectionLimit)
		phone.wantOpen()
		phone.peer.Drop()
		bob.peer.Drop()
		synctest.Wait()
		if len(w.subs) != 0 {
			t.Errorf("still subscribed to %v", w.subs)
		}
	})
}
