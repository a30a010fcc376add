package gateway_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/wire"
)

func TestHeartbeat_SilenceCloses(t *testing.T) {
	run(t, func(t *testing.T, _ *world, n *node) {
		begin := time.Now()
		c := n.signIn(t, "alice", "")
		c.wantClosed(wire.CloseHeartbeatTimeout)
		if took := time.Since(begin); took != 75*time.Second {
			t.Errorf("closed after %v, want 75s", took)
		}
	})
}

func TestHeartbeat_AnySignOfLifeCounts(t *testing.T) {
	run(t, func(t *testing.T, _ *world, n *node) {
		c := n.signIn(t, "alice", "")
		for _, live := range []func(){
			func() { c.send(`{"id":2,"ping":{}}`) },
			func() { c.send(`garbage`) },
			func() { _ = c.peer.Ping() },
			func() { c.send(`{"id":2,"dance":{}}`) },
		} {
			time.Sleep(70 * time.Second)
			c.wantOpen()
			live()
		}
		time.Sleep(74 * time.Second)
		c.wantOpen()
		c.wantClosed(wire.CloseHeartbeatTimeout)
	})
}

func TestHeartbeat_HandlingAFrameIsNoSilence(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		w.afterCommit = func(domain.SendParams) error { time.Sleep(80 * time.Second); return nil }
		c.send(hello, 2)
		time.Sleep(81 * time.Second)
		c.wantSeqs("s1")
		c.wantOpen()
	})
}

func TestToken_IsAnnouncedAndThenCloses(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		w.expiry = 5 * time.Minute
		begin := time.Now()
		c := n.signIn(t, "alice", "")
		for range 4 {
			c.wantOpen()
			if f := c.frame(-1); f.Closing != nil {
				t.Errorf("announced after %v", time.Since(begin))
			}
			time.Sleep(time.Minute)
			_ = c.peer.Ping()
		}
		c.wantOpen()
		if f := c.frame(-1); f.Closing == nil || f.Closing.Reason != "token_expired" || f.Closing.Code != 4502 {
			t.Errorf("a minute before: %s", c)
		}
		c.wantClosed(wire.CloseTokenExpired)
		if took := time.Since(begin); took != 5*time.Minute {
			t.Errorf("closed after %v", took)
		}
		if announced := strings.Count(c.String(), "token_expired"); announced != 1 {
			t.Errorf("announced %d times", announced)
		}
	})
}

func TestRevoke_ClosesWhatItCovers(t *testing.T) {
	run(t, func(t *testing.T, _ *world, n *node) {
		alice, bob, nobody := n.signIn(t, "alice", ""), n.signIn(t, "bob", ""), n.dial(t)
		n.Revoke(domain.Revocation{Kind: domain.RevokedDevice, App: app, Name: "alice-phone"})
		alice.wantClosed(wire.CloseRevoked)
		bob.wantOpen()
		nobody.wantOpen()
		n.Revoke(domain.Revocation{Kind: domain.RevokedUser, App: app, User: 2})
		bob.wantClosed(wire.CloseRevoked)
	})
}

func TestRevoke_CoversASignInThatIsUnderWay(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		asked := 0
		w.onAuth = func() {
			if asked++; asked == 1 { // the answer was yes, and is no longer true
				w.authErr = domain.ErrUnauthorized
				n.Revoke(domain.Revocation{Kind: domain.RevokedUser, App: app, User: 1})
			}
		}
		c := n.dial(t)
		c.send(`{"id":1,"sign_in":{"token":"alice"}}`)
		c.wantClosed(wire.CloseUnauthenticated)
		if asked != 2 {
			t.Errorf("asked %d times", asked)
		}
	})
}

func TestRevoke_ClosesAClientThatDoesNotRead(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		resume := c.pause()
		defer resume()
		for range 3 {
			w.receive("alice", "hi")
			synctest.Wait()
		}
		begin := time.Now()
		n.Revoke(domain.Revocation{Kind: domain.RevokedUser, App: app, User: 1})
		for c.peer.Send([]byte("x")) == nil { // until it is closed
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("closed after %v", took)
		}
	})
}

func TestSlowConsumer_IsClosedWhenItsQueueIsFull(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		resume := c.pause()
		w.receive("alice", "taken before the pause")
		synctest.Wait()
		w.receive("alice", "stuck")
		time.Sleep(2 * time.Second)
		begin := time.Now()
		for range 40 {
			w.receive("alice", strings.Repeat("a", 30_000))
		}
		resume() // what was being written still gets through, and the reason
		c.wantClosed(wire.CloseSlowConsumer)
		if took := time.Since(begin); took > 0 {
			t.Errorf("closed after %v", took)
		}
		c.wantSeqs("1 2")
		n.signIn(t, "alice", `,"after":2`).wantSeqs(rangeOf(3, 42))
	})
}

func TestSlowConsumer_IsClosedWhenAWriteTakesTooLong(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		defer c.pause()()
		w.receive("alice", "taken before the pause")
		synctest.Wait()
		w.receive("alice", "stuck")
		begin := time.Now()
		for c.peer.Send([]byte(`{"id":2,"ack":{"seq":0}}`)) == nil {
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(begin); took < 10*time.Second || took > 11*time.Second {
			t.Errorf("closed after %v, want 10s", took)
		}
	})
}

func TestSlowConsumer_ABurstClosesNobodyWhoReads(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		for range 100 { // 3 MB before anything can be written
			w.receive("alice", strings.Repeat("a", 30_000))
		}
		c.wantSeqs(rangeOf(1, 100))
		c.wantOpen()
	})
}

func TestSlowConsumer_WhoReadsNoAnswersIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := start(t, newWorld(), func(o *gateway.Options) { o.QueueBytes = 10_000 })
		defer n.stop()
		c := n.signIn(t, "alice", "")
		resume := c.pause()
		for i := range 1000 { // pongs of 28 bytes
			c.send(`{"id":%d,"ping":{}}`, 1000+i)
		}
		synctest.Wait()
		resume()
		c.wantClosed(wire.CloseSlowConsumer)
	})
}

// A page of sync may be larger than the whole queue, and a slow line needs a
// while for it: that is a client that reads.
func TestSlowConsumer_WhoIsReadingALargePageIsNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		n := start(t, w, func(o *gateway.Options) { o.QueueBytes = 10_000 })
		defer n.stop()
		w.receive("alice", strings.Repeat("a", 20_000))
		c := n.signIn(t, "alice", "")
		resume := c.pause()
		w.receive("alice", "taken before the pause")
		synctest.Wait()
		c.send(`{"id":7,"sync":{"after":0}}`)
		time.Sleep(2 * time.Second)
		w.receive("alice", "while the page is on its way")
		resume()
		c.wantSeqs("2 3")
		c.wantOpen()
	})
}

func TestDrain_SaysGoodbyeAndReturnsWhenAllAreGone(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		var clients []*client
		for range 20 {
			c := n.dial(t)
			c.send(`{"id":1,"sign_in":{"token":"alice"}}`)
			clients = append(clients, c)
		}
		clients = append(clients, n.dial(t)) // not signed in
		synctest.Wait()
		n.Drain(t.Context())
		after := make(map[time.Duration]bool)
		for _, c := range clients {
			c.wantClosed(wire.CloseShutdown)
			if c.away < 0 || c.away >= 5*time.Second {
				t.Fatalf("is to stay away for %v", c.away)
			}
			after[c.away] = true
		}
		if len(after) < 10 {
			t.Errorf("reconnects are spread over %d moments", len(after))
		}
		n.dial(t).wantClosed(wire.CloseShutdown)
	})
}

func TestDrain_WaitsForSendsThatAreUnderWay(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		w.afterCommit = func(domain.SendParams) error { time.Sleep(time.Second); return nil }
		c.send(hello, 2)
		synctest.Wait()
		begin := time.Now()
		n.Drain(t.Context())
		if took := time.Since(begin); took != time.Second {
			t.Errorf("drained in %v, want 1s", took)
		}
		c.wantClosed(wire.CloseShutdown)
		if f := c.frame(-1); f.Sent == nil || f.Sent.Seq != 1 {
			t.Errorf("received %s", c)
		}
	})
}

func TestDrain_DoesNotWaitForEver(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		w.afterCommit = func(domain.SendParams) error { time.Sleep(20 * time.Second); return nil }
		c.send(hello, 2)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		begin := time.Now()
		n.Drain(ctx)
		c.wantClosed(wire.CloseShutdown)
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("drained in %v, want 2s", took)
		}
	})
}

func TestServe_EndsWithItsContext(t *testing.T) {
	run(t, func(t *testing.T, _ *world, n *node) {
		c := n.signIn(t, "alice", "")
		go n.stop()
		c.wantClosed(wire.CloseShutdown)
	})
}

func TestWatch_TellsWhenTheLogMayHaveGrown(t *testing.T) {
	run(t, func(t *testing.T, w *world, _ *node) {
		changed, stop := w.hub.Watch(app, 1)
		quiet := func(why string) {
			t.Helper()
			select {
			case <-changed:
				t.Errorf("told after %s", why)
			default:
			}
		}
		w.receive("bob", "hi")
		w.hub.Handle(&wire.Event{Kind: wire.EventSession, Topic: w.topic("alice"), Device: "alice-phone", Session: 1})
		quiet("what does not concern the log")
		w.receive("alice", "hi")
		w.receive("alice", "hi")
		<-changed
		quiet("having been told")
		w.hub.Handle(&wire.Event{Kind: wire.EventGap})
		<-changed
		w.mu.Lock()
		w.down = true
		w.mu.Unlock()
		<-changed // each second: nobody else would tell
		stop()
		stop()
		w.receive("alice", "hi")
		quiet("having stopped")
		if len(w.subs) > 0 {
			t.Errorf("still subscribed: %v", w.subs)
		}
	})
}

func TestHub_ComingAndGoingLeavesNoSubscription(t *testing.T) {
	t.Parallel()
	w := newWorld()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				changed, stop := w.hub.Watch(app, 1)
				w.hub.Handle(&wire.Event{Kind: wire.EventGap, Topic: w.topic("alice")})
				<-changed
				stop()
			}
		})
	}
	all.Wait()
	if len(w.subs) > 0 {
		t.Errorf("still subscribed: %v", w.subs)
	}
}

func TestNew_WantsWhatItNeeds(t *testing.T) {
	t.Parallel()
	if _, err := gateway.New(gateway.Options{}); err == nil {
		t.Error("made a gateway out of nothing")
	}
}
