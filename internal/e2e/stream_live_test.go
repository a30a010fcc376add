package e2e

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// What is of the moment goes through streams on both transports.
func TestStream_SignalsAndPresence(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		app := gimtest.App{Caller: g.Caller(), ID: a.id, Key: a.key}
		signals, presence := make(chan *wire.PushedSignal, 10), make(chan *wire.UserPresence, 10)
		aliceToken, _ := app.Token(t, "alice")
		alice := runStream(t, client.StreamOptions{Address: g.TCPURL, Token: always(aliceToken), Handler: client.Handler{
			Signal: func(_ context.Context, s *wire.PushedSignal) { signals <- s },
			Presence: func(_ context.Context, users []*wire.UserPresence) {
				for _, u := range users {
					presence <- u
				}
			},
		}})
		users, err := alice.Watch(t.Context(), []string{"bob"}, nil)
		if err != nil || len(users) != 1 || users[0].Online == nil || users[0].GetOnline() {
			t.Fatalf("Watch returned %v, %v; want that bob is offline", users, err)
		}
		bobToken, _ := app.Token(t, "bob")
		bob := runStream(t, client.StreamOptions{Address: g.URL, Token: always(bobToken)})
		wantPresence(t, presence, true)
		if err := bob.Signal(t.Context(), &wire.Signal{To: &wire.Target{UserId: "alice"}, Kind: "typing"}); err != nil {
			t.Fatal(err)
		}
		select {
		case s := <-signals:
			if s.GetKind() != "typing" || s.GetSender().GetUserId() != "bob" {
				t.Errorf("the signal is %v", s)
			}
		case <-time.After(patience):
			t.Fatal("the signal did not come")
		}
		alice.SwitchTo(g.URL) // what is watched is watched again
		wantPresence(t, presence, true)
		if err := bob.stop(); err != nil {
			t.Fatal(err)
		}
		wantPresence(t, presence, false)
	})
}

// wantPresence waits until bob is told to be online, or not to be.
func wantPresence(t *testing.T, presence <-chan *wire.UserPresence, online bool) {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case u := <-presence:
			if u.GetUserId() == "bob" && u.Online != nil && u.GetOnline() == online {
				return
			}
		case <-late:
			t.Fatalf("was not told that bob is online: %v", online)
		}
	}
}

// A stream outlives its token on one connection: it puts another in its place.
func TestStream_RefreshesItsToken(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		b := newBusiness(t, gimtest.App{Caller: g.Caller(), ID: a.id, Key: a.key}, "kid-1")
		var asked atomic.Int32
		const life = 3 * time.Second // so it is announced at once that it runs out
		ended := make(chan time.Time, 1)
		s := runStream(t, client.StreamOptions{Address: g.TCPURL, Token: func(context.Context) (string, error) {
			if asked.Add(1) > 1 {
				return b.mint(time.Hour), nil
			}
			ended <- time.Now().Add(life)
			return b.mint(life), nil
		}})
		<-time.After(time.Until((<-ended).Add(time.Second))) // what is to be seen is that nothing happens then
		sent, err := s.Send(t.Context(), &wire.Send{To: &wire.Target{UserId: "alice"}, Type: "text", Content: []byte(`{"text":"still here"}`)})
		if err != nil || sent.GetSeq() != 1 {
			t.Errorf("Send returned %v, %v", sent, err)
		}
		if n, st := asked.Load(), s.Stats(); n != 2 || st.Connects != 1 {
			t.Errorf("asked for %d tokens on %d connections, want 2 on one", n, st.Connects)
		}
	})
}
