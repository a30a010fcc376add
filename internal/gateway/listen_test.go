package gateway_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/internal/gateway/conntest"
	"github.com/gim-im/gim/wire"
)

// listen opens a connection over which the client says nothing. refused gets what
// Listen returns.
func (n *node) listen(t tester, ctx context.Context, in *wire.SignIn) (c *client, refused chan error) { //nolint:revive // t comes first
	conn, peer := conntest.NewPipe(wire.JSON)
	c = &client{t: t, peer: peer, done: make(chan struct{})}
	go c.read()
	refused = make(chan error, 1)
	go func() { refused <- n.Listen(ctx, conn, gateway.Peer{Transport: "sse"}, in) }()
	synctest.Wait()
	return c, refused
}

func wantRefused(t *testing.T, c *client, refused chan error, code domain.Code) {
	t.Helper()
	if err := <-refused; domain.CodeOf(err) != code {
		t.Errorf("refused with %v, want %s", err, code)
	}
	<-c.done
	if len(c.frames) > 0 || c.code != 0 {
		t.Errorf("was told %s and %d", c, c.code)
	}
}

func TestListen_ReplaysAndIsPushed(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		w.receive("alice", "1")
		w.receive("alice", "2")
		ctx, cancel := context.WithCancel(t.Context())
		c, ended := n.listen(t, ctx, &wire.SignIn{Token: "alice alice-phone", After: new(int64(1)), Epoch: "e1"})
		w.receive("alice", "3")
		c.wantSeqs("2 3")
		if f := c.frame(0); f.SignedIn == nil || f.SignedIn.DeviceID != "alice-phone" {
			t.Errorf("begins with %s", c)
		}
		other := n.signIn(t, "alice alice-phone", "") // the newest wins
		c.wantClosed(wire.CloseReplaced)
		other.wantOpen()
		if err := <-ended; err != nil {
			t.Errorf("ended with %v", err)
		}
		d, ended := n.listen(t, ctx, &wire.SignIn{Token: "alice"})
		d.wantOpen()
		cancel() // the client is gone
		d.wantClosed(0)
		if err := <-ended; err != nil {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestListen_RefusesAndSaysNothing(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		w.receive("alice", "1")
		for _, tt := range []struct {
			in   *wire.SignIn
			code domain.Code
		}{
			{&wire.SignIn{}, domain.CodeUnauthorized},
			{&wire.SignIn{Token: "alice ghost"}, domain.CodeDeviceNotBound},
			{&wire.SignIn{Token: "alice", After: new(int64(2))}, domain.CodeResyncRequired},
			{&wire.SignIn{Token: "alice", Epoch: "e0"}, domain.CodeResyncRequired},
		} {
			c, refused := n.listen(t, t.Context(), tt.in)
			wantRefused(t, c, refused, tt.code)
		}
		w.readErr = errStore
		c, refused := n.listen(t, t.Context(), &wire.SignIn{Token: "alice"})
		wantRefused(t, c, refused, domain.CodeInternal)
	})
}

func TestListen_IsLimitedAndDrained(t *testing.T) {
	run(t, func(t *testing.T, _ *world, n *node) {
		c, ended := n.listen(t, t.Context(), &wire.SignIn{Token: "alice"})
		n.Drain(t.Context())
		c.wantClosed(wire.CloseShutdown)
		if err := <-ended; err != nil {
			t.Errorf("ended with %v", err)
		}
		late, refused := n.listen(t, t.Context(), &wire.SignIn{Token: "alice"})
		late.peer.Drop() // nothing was done with it
		wantRefused(t, late, refused, domain.CodeUnavailable)
	})
}

// A session that ends while it is let in is told why, on the stream.
func TestListen_EndsWhileItIsLetIn(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		w.setOnRead(func() { n.Revoke(domain.Revocation{Kind: domain.RevokedUser, App: app, User: w.users["alice"].num}) })
		c, ended := n.listen(t, t.Context(), &wire.SignIn{Token: "alice"})
		c.wantClosed(wire.CloseRevoked)
		if err := <-ended; err != nil {
			t.Errorf("ended with %v", err)
		}
	})
}

// The time of silence is counted from what ReadFrame returns.
func TestListen_LivesAsLongAsItsTransportPings(t *testing.T) {
	run(t, func(t *testing.T, _ *world, n *node) {
		c, ended := n.listen(t, t.Context(), &wire.SignIn{Token: "alice"})
		for range 5 {
			time.Sleep(n.Heartbeat())
			c.send(`{"ping":{}}`)
		}
		c.wantOpen()
		time.Sleep(n.Heartbeat() * 3)
		c.wantClosed(wire.CloseHeartbeatTimeout)
		<-ended
	})
}
