package e2e

import (
	"testing"

	"github.com/gim-im/gim/internal/config"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

func signalFrame(to *wire.Target, kind string) *wire.ClientFrame {
	return &wire.ClientFrame{Body: &wire.ClientFrame_Signal{Signal: &wire.Signal{To: to, Kind: kind, Data: []byte(`{"n":1}`)}}}
}

// Signals to a user, a group and a large group reach a stream as they reach a WebSocket,
// and leave nothing behind.
func TestSignal_ReachesStreamsAndIsNotStored(t *testing.T) {
	onPairs(t, func(t *testing.T, g1, g2 *gimtest.Gim) {
		a := newApp(t, g1, "alice", "bob")
		app := gimtest.App{Caller: g1.Caller(), ID: a.id, Key: a.key}
		a.newGroup(t, "team", "alice", "bob")
		a.newLarge(t, "news", object{}, "alice", "bob")
		before := a.as("bob").sync(t, "")
		k := talkTo(t, g1.URL, app, "alice")
		token, _ := app.Token(t, "bob")
		s := openSSE(t, g2.URL, token, "")
		for kind, to := range map[string]*wire.Target{"typing": {UserId: "bob"}, "x.wave": {GroupId: "team"}, "x.clap": {GroupId: "news"}} {
			if f := k.ask(signalFrame(to, kind)); f.GetSignaled() == nil {
				t.Fatalf("%s was answered with %v", kind, f)
			}
			f, err := s.read()
			if got := f.GetSignal(); err != nil || got.GetKind() != kind || got.GetSender().GetUserId() != "alice" || string(got.GetData()) != `{"n":1}` {
				t.Errorf("%s: got %v, %v", kind, f, err)
			}
		}
		after := a.as("bob").sync(t, "")
		if after.HeadSeq != before.HeadSeq || after.Groups[0] != before.Groups[0] {
			t.Errorf("signals moved the heads from %+v to %+v", before, after)
		}
	})
}

// A flood of signals is refused with a code, and takes nothing from the sends.
func TestSignal_FloodIsLimited(t *testing.T) {
	t.Parallel()
	app := withTimers(t, func(c *config.Config) { c.RateLimitSends = 2 })
	k := talkTo(t, app.URL, app, "alice")
	refused := 0
	for range 50 {
		switch f := k.ask(signalFrame(&wire.Target{UserId: "bob"}, "typing")); {
		case f.GetSignaled() != nil:
		case f.GetError().GetCode() == "rate_limited" && f.GetError().GetRetryable() && f.GetError().GetRetryAfterMs() > 0:
			refused++
		default:
			t.Fatalf("answered with %v", f)
		}
	}
	if refused == 0 {
		t.Error("50 signals at once pass where 2 a second are allowed")
	}
	if f := k.ask(&wire.ClientFrame{Body: sendFrame("bob", "hi", "c1")}); f.GetSent() == nil {
		t.Errorf("a send after the flood: %v", f)
	}
}
