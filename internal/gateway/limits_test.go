package gateway_test

import (
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/internal/gateway/conntest"
	"github.com/gim-im/gim/wire"
)

// from is a client at an address.
func (n *node) from(t tester, addr string) *client {
	conn, peer := conntest.NewPipe(wire.JSON)
	var at netip.Addr
	if addr != "" {
		at = netip.MustParseAddr(addr)
	}
	return n.serveAt(t, conn, peer, gateway.Peer{Transport: "tcp", Addr: at})
}

func TestLimits_ConnectionsOfAnAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := start(t, newWorld(), func(o *gateway.Options) { o.MaxPerAddress = 2 })
		defer n.stop()
		first, second := n.from(t, "192.0.2.1"), n.from(t, "192.0.2.1")
		synctest.Wait() // both are counted
		n.from(t, "192.0.2.1").wantClosed(wire.CloseConnectionLimit)
		n.from(t, "192.0.2.2").wantOpen()
		for range 5 {
			n.from(t, "").wantOpen() // nobody knows whose it is
		}
		first.peer.Drop()
		synctest.Wait()
		third := n.from(t, "192.0.2.1")
		third.wantOpen()
		second.wantOpen()
		n.from(t, "192.0.2.1").wantClosed(wire.CloseConnectionLimit)
	})
}

func TestLimits_ConnectionsOfAnApp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := start(t, newWorld(), func(o *gateway.Options) { o.MaxPerApp = 2 })
		defer n.stop()
		alice, bob := n.signIn(t, "alice", ""), n.signIn(t, "bob", "")
		n.dial(t).wantOpen() // it has no app yet
		third := n.dial(t)
		third.send(`{"id":1,"sign_in":{"token":"alice"}}`)
		third.wantFailed(1, domain.CodeConnectionLimit)
		third.wantClosed(wire.CloseConnectionLimit)
		bob.peer.Drop()
		synctest.Wait()
		again := n.signIn(t, "bob", "")
		again.wantOpen()
		alice.wantOpen()
	})
}
