package gateway_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

func TestRefresh_KeepsTheConnectionBeyondItsToken(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		w.expiry = 2 * time.Minute
		begin := time.Now()
		c := n.signIn(t, "alice", "")
		for range 5 { // five tokens, each refreshed when it is about to run out
			before := strings.Count(c.String(), "token_expired")
			for strings.Count(c.String(), "token_expired") == before {
				time.Sleep(time.Second)
				_ = c.peer.Ping()
				synctest.Wait()
			}
			c.send(`{"id":7,"refresh":{"token":"alice alice-phone"}}`)
			synctest.Wait()
			f := c.frame(-1)
			if f.ID != 7 || f.Refreshed == nil || time.Until(f.Refreshed.ExpiresAt) != w.expiry {
				t.Fatalf("refreshed with %s", c)
			}
		}
		c.wantOpen()
		w.receive("alice", "still here")
		c.wantSeqs("1")
		if lived := time.Since(begin); lived < 4*time.Minute {
			t.Errorf("lived for %v only", lived)
		}
		for range 4 { // and no further
			time.Sleep(30 * time.Second)
			_ = c.peer.Ping()
		}
		c.wantClosed(wire.CloseTokenExpired)
	})
}

func TestRefresh_OfAnotherUserOrDeviceChangesNothing(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		w.expiry = 3 * time.Minute
		c := n.signIn(t, "alice", "")
		for i, token := range []string{"bob bob-phone", "alice alice-web", "nobody", ""} {
			c.send(`{"id":%d,"refresh":{"token":%q}}`, i+2, token)
			want := domain.CodeForbidden
			if i > 1 {
				want = domain.CodeUnauthorized
			}
			c.wantFailed(uint64(i+2), want)
		}
		w.receive("bob", "not for alice")
		w.receive("alice", "for alice")
		c.wantSeqs("1")
		for range 3 {
			c.wantOpen()
			time.Sleep(time.Minute)
			_ = c.peer.Ping()
		}
		c.wantClosed(wire.CloseTokenExpired)
	})
}

func TestRefresh_TheFormerTokenNoLongerCounts(t *testing.T) {
	run(t, func(_ *testing.T, _ *world, n *node) {
		c := n.dial(t)
		c.send(`{"id":1,"sign_in":{"token":"alice alice-phone"}}`)
		c.send(`{"id":2,"refresh":{"token":"alice"}}`) // it names no device, which stays the same
		synctest.Wait()
		if f := c.frame(-1); f.Refreshed == nil {
			t.Fatalf("answered with %s", c)
		}
		n.Revoke(domain.Revocation{Kind: domain.RevokedDevice, App: app, Name: "alice-phone"})
		c.wantClosed(wire.CloseRevoked)
	})
}

func TestRefresh_WithATokenRevokedMeanwhileCloses(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		asked := 0
		w.onAuth = func() {
			if asked++; asked == 1 { // the answer was yes, and is no longer true
				w.authErr = domain.ErrUnauthorized
				n.Revoke(domain.Revocation{Kind: domain.RevokedToken, App: app, User: 1, Name: "jti"})
			}
		}
		c.send(`{"id":2,"refresh":{"token":"alice alice-phone"}}`)
		c.wantClosed(wire.CloseRevoked)
	})
}
