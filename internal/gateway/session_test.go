package gateway_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/gateway/conntest"
	"github.com/gim-im/gim/wire"
)

func TestSignIn_Refusals(t *testing.T) {
	tests := []struct {
		name, first string
		prepare     func(*world)
		code        domain.Code
		close       wire.CloseCode
	}{
		{"wrong token", `{"id":1,"sign_in":{"token":"mallory"}}`, nil, domain.CodeUnauthorized, wire.CloseUnauthenticated},
		{"no token", `{"id":1,"sign_in":{}}`, nil, domain.CodeUnauthorized, wire.CloseUnauthenticated},
		{"another frame first", `{"id":1,"ping":{}}`, nil, domain.CodeUnauthorized, wire.CloseUnauthenticated},
		{"an unknown frame first", `{"id":1,"dance":{}}`, nil, domain.CodeUnauthorized, wire.CloseUnauthenticated},
		{"another device than the token's", `{"id":1,"sign_in":{"token":"alice alice-phone","device_id":"alice-web"}}`, nil,
			domain.CodeDeviceNotBound, wire.CloseUnauthenticated},
		{"a device of nobody", `{"id":1,"sign_in":{"token":"alice","device_id":"lost"}}`, nil, domain.CodeDeviceNotBound, wire.CloseUnauthenticated},
		{"a malformed device", `{"id":1,"sign_in":{"token":"alice","device_id":"a b"}}`, nil, domain.CodeBadRequest, wire.CloseUnauthenticated},
		{"a negative cursor", `{"id":1,"sign_in":{"token":"alice","after":-1}}`, nil, domain.CodeBadRequest, wire.CloseUnauthenticated},
		{"a cursor beyond the head", `{"id":1,"sign_in":{"token":"alice","after":1}}`, nil, domain.CodeResyncRequired, wire.CloseResyncRequired},
		{"a stale epoch", `{"id":1,"sign_in":{"token":"alice","after":0,"epoch":"e0"}}`, nil, domain.CodeResyncRequired, wire.CloseResyncRequired},
		{"a stale epoch without cursor", `{"id":1,"sign_in":{"token":"alice","epoch":"e0"}}`, nil, domain.CodeResyncRequired, wire.CloseResyncRequired},
		{"a store that is away", `{"id":1,"sign_in":{"token":"alice"}}`, func(w *world) { w.readErr = domain.ErrUnavailable },
			domain.CodeUnavailable, wire.CloseTryLater},
		{"a store that is broken", `{"id":1,"sign_in":{"token":"alice"}}`, func(w *world) { w.readErr = errStore },
			domain.CodeInternal, wire.CloseInternal},
		{"a user who is gone meanwhile", `{"id":1,"sign_in":{"token":"alice"}}`, func(w *world) { w.readErr = domain.ErrUserNotFound },
			domain.CodeUnauthorized, wire.CloseUnauthenticated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			run(t, func(t *testing.T, w *world, n *node) {
				if tt.prepare != nil {
					tt.prepare(w)
				}
				c := n.dial(t)
				c.send("%s", tt.first)
				c.wantFailed(1, tt.code)
				c.wantClosed(tt.close)
				synctest.Wait()
				if len(w.subs) > 0 {
					t.Errorf("still subscribed: %v", w.subs)
				}
			})
		})
	}
}

func TestSignIn_UnknownErrorIsShownAsARequestID(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		w.authErr = errStore
		c := n.dial(t)
		c.send(`{"id":1,"sign_in":{"token":"alice"}}`)
		c.wantClosed(wire.CloseInternal)
		shown := c.frame(0).Error.Message
		if strings.Contains(shown, "fire") || !strings.Contains(shown, "id1-1") {
			t.Errorf("shown %q", shown)
		}
		logged := n.logs.String()
		if strings.Count(logged, "the disk is on fire") != 1 || !strings.Contains(logged, "request_id=id1-1") || !strings.Contains(logged, "world_test.go") {
			t.Errorf("logged %s", logged)
		}
	})
}

func TestSignIn_HasToComeInTime(t *testing.T) {
	run(t, func(t *testing.T, _ *world, n *node) {
		c := n.dial(t)
		time.Sleep(9 * time.Second)
		c.send(`garbage`) // is no sign-in and buys no time
		c.wantOpen()
		begin := time.Now()
		c.wantClosed(wire.CloseUnauthenticated)
		if took := time.Since(begin); took > 1100*time.Millisecond {
			t.Errorf("closed after %v more", took)
		}
	})
}

func TestSignIn_HasToBeDoneInTime(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		w.onAuth = func() { time.Sleep(11 * time.Second) }
		c := n.dial(t)
		c.send(`{"id":1,"sign_in":{"token":"alice"}}`)
		c.wantClosed(wire.CloseUnauthenticated)
	})
}

func TestSignIn_SecondTimeCloses(t *testing.T) {
	run(t, func(t *testing.T, _ *world, n *node) {
		c := n.signIn(t, "alice", "")
		c.send(`{"id":2,"sign_in":{"token":"alice"}}`)
		c.wantFailed(2, domain.CodeBadRequest)
		c.wantClosed(wire.CloseBadRequest)
	})
}

func TestSignIn_WithoutADeviceGetsAPassingOneWithoutAck(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.dial(t)
		c.send(`{"id":1,"sign_in":{"token":"alice"}}`)
		synctest.Wait()
		id := c.frame(0).SignedIn.DeviceID
		if domain.ValidateID("", id) != nil || w.users["alice"].devices[domain.DeviceID(id)] != nil {
			t.Errorf("device %q", id)
		}
		c.send(`{"id":2,"ack":{"seq":0}}`)
		c.wantFailed(2, domain.CodeForbidden)
	})
}

func TestSignIn_NamesADeviceOfTheUser(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.dial(t)
		c.send(`{"id":1,"sign_in":{"token":"alice","device_id":"alice-web"}}`)
		synctest.Wait()
		w.receive("alice", "hi")
		synctest.Wait()
		c.send(`{"id":2,"ack":{"seq":1}}`)
		synctest.Wait()
		if f := c.frame(-1); f.ID != 2 || f.Acked == nil || f.Acked.Seq != 1 || w.users["alice"].devices["alice-web"].acked != 1 {
			t.Errorf("received %s", c)
		}
		c.send(`{"id":3,"ack":{"seq":9}}`)
		c.wantFailed(3, domain.CodeBadAck)
	})
}

func TestDevice_NewestConnectionWins(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		old := n.signIn(t, "alice", "")
		web := n.dial(t)
		web.send(`{"id":1,"sign_in":{"token":"alice alice-web"}}`)
		fresh := n.signIn(t, "alice", "")
		old.wantClosed(wire.CloseReplaced)
		web.wantOpen()
		fresh.wantOpen()
		w.receive("alice", "hi")
		fresh.wantSeqs("1")
		old.wantSeqs("")
	})
}

func TestDevice_OlderConnectionIsFoundWithoutTheBus(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		old := n.signIn(t, "alice", "")
		w.mu.Lock()
		w.instant = false
		w.mu.Unlock()
		fresh := n.signIn(t, "alice", "")
		old.wantOpen()
		time.Sleep(16 * time.Second)
		old.wantClosed(wire.CloseReplaced)
		fresh.wantOpen()
	})
}

func TestDevice_SessionEventBeforeTheOwnNumberIsNotForgotten(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		w.users["alice"].devices["alice-phone"].session = 6
		w.onAuth = func() {
			w.onAuth = nil
			go func() { // arrives after subscribing and before OpenSession returns 7
				w.hub.Handle(&wire.Event{Kind: wire.EventSession, Topic: w.topic("alice"), Device: "alice-phone", Session: 8})
			}()
		}
		c := n.dial(t)
		c.send(`{"id":1,"sign_in":{"token":"alice alice-phone"}}`)
		synctest.Wait()
		w.hub.Handle(&wire.Event{Kind: wire.EventSession, Topic: w.topic("alice"), Device: "alice-phone", Session: 8})
		c.wantClosed(wire.CloseReplaced)
	})
}

func TestPing_TellsTheHead(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		w.receive("alice", "one")
		c := n.signIn(t, "alice", "")
		c.send(`{"id":2,"ping":{}}`)
		synctest.Wait()
		if f := c.frame(-1); f.ID != 2 || f.Pong == nil || f.Pong.HeadSeq != 1 {
			t.Errorf("received %s", c)
		}
	})
}

func TestPing_WithSeqFindsWhatTheBusLost(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		w.receive("alice", "one")
		w.instant = false
		w.receive("alice", "lost")
		c.send(`{"id":2,"ping":{"seq":0}}`)
		c.wantSeqs("1 2") // and 1 not again
		c.send(`{"id":3,"ping":{"seq":0}}`)
		c.wantSeqs("1 2")
	})
}

func TestSync_ReadsAnyPartOfTheLog(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		for range 60 {
			w.receive("alice", strings.Repeat("a", 40_000)) // more than the queue holds, together
		}
		c := n.signIn(t, "alice", "")
		c.send(`{"id":2,"sync":{"after":3}}`)
		synctest.Wait()
		if p := c.frame(-1).SyncPage; p == nil || len(p.Items) != 50 || p.Items[0].Seq != 4 || !p.HasMore {
			t.Fatalf("received %.300s", c)
		}
		c.send(`{"id":3,"sync":{"after":59,"limit":10}}`)
		synctest.Wait()
		if p := c.frame(-1).SyncPage; p == nil || len(p.Items) != 1 || p.HasMore {
			t.Fatalf("received %.300s", c)
		}
		c.send(`{"id":4,"sync":{"after":61}}`)
		c.wantFailed(4, domain.CodeResyncRequired)
		c.wantOpen()
	})
}

func TestFrames_ThirdMalformedInARowCloses(t *testing.T) {
	run(t, func(t *testing.T, _ *world, n *node) {
		c := n.signIn(t, "alice", "")
		c.send(`nonsense`)
		c.send(`{"id":3,"ping":{},"ack":{"seq":1}}`)
		c.wantFailed(3, domain.CodeBadRequest)
		c.send(`{"id":4,"ping":{}}`)
		c.send(``) // of a wrong kind
		c.send(`{"id":5}`)
		c.wantOpen()
		c.send(`{"id":6}`)
		c.wantFailed(6, domain.CodeBadRequest)
		c.wantClosed(wire.CloseBadRequest)
	})
}

func TestFrames_UnknownOnesAreUnsupportedAndNotCounted(t *testing.T) {
	run(t, func(t *testing.T, _ *world, n *node) {
		c := n.signIn(t, "alice", "")
		for range 5 {
			c.send(`{"id":2,"dance":{}}`)
		}
		c.wantFailed(2, domain.CodeUnsupported)
		c.wantOpen()
	})
}

func TestFrames_FieldsAreNamedInTheError(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		w.beforeSend = func(domain.SendParams) error { return domain.Invalid("/type", "must be a type") }
		c.send(hello, 2)
		synctest.Wait()
		if got := c.frame(-1).Error.Message; got != "/type must be a type." {
			t.Errorf("message %q", got)
		}
	})
}

func TestPanic_CostsOneConnection(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		other := n.signIn(t, "bob", "")
		c := n.signIn(t, "alice", "")
		w.beforeSend = func(domain.SendParams) error { panic("boom") }
		c.send(hello, 2)
		c.wantClosed(wire.CloseInternal)
		c = n.signIn(t, "alice", "")
		w.onRead = func() { panic("bang") }
		w.hub.Handle(&wire.Event{Kind: wire.EventGap, Topic: w.topic("alice")})
		c.wantClosed(wire.CloseInternal)
		other.wantOpen()
		logged := n.logs.String()
		for _, want := range []string{"boom", "bang", "where=reader", "where=pump"} {
			if !strings.Contains(logged, want) {
				t.Errorf("%q is not in the log", want)
			}
		}
	})
}

func TestConnections_LeaveNothingBehind(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		var gone sync.WaitGroup
		for range 5 {
			conn, peer := conntest.NewPipe(wire.JSON)
			gone.Go(func() { n.Serve(context.Background(), conn, somebody) })
			_ = peer.Send([]byte(`{"id":1,"sign_in":{"token":"alice"}}`))
			_, _ = peer.Receive()
			peer.Drop()
		}
		gone.Wait()
		if len(w.subs) > 0 {
			t.Errorf("still subscribed: %v", w.subs)
		}
	})
}
