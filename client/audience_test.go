package client

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/gim-im/gim/wire"
)

// subscribed answers a subscription to team.
func (p *peer) subscribed(f *wire.ClientFrame, head int64) {
	p.t.Helper()
	if f.GetSubscribe().GetGroupId() != "team" {
		p.t.Fatalf("the client sent %v, want a subscription to team", f)
	}
	p.write(&wire.ServerFrame{Id: f.GetId(), Body: &wire.ServerFrame_Subscribed{Subscribed: &wire.Subscribed{GroupId: "team", Head: head}}})
}

func (p *peer) unsubscribed(id uint64) {
	p.write(&wire.ServerFrame{Id: id, Body: &wire.ServerFrame_Unsubscribed{Unsubscribed: &wire.Unsubscribed{GroupId: "team"}}})
}

// subscribe subscribes to team, whose last message is head.
func (r *rig) subscribe(p *peer, head int64) {
	r.t.Helper()
	go func() { p.subscribed(p.read(), head) }()
	if got, err := r.s.Subscribe(context.Background(), "team"); got != head || err != nil {
		r.t.Fatalf("Subscribe returned %d, %v", got, err)
	}
}

func TestSubscribe_LastsOverConnections(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5), ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(5)
		r.subscribe(p, 3)
		p.push(inTeam(4), inTeam(4), inTeam(6)) // 5 was not for the audience any more
		r.wantSeen("connecting", "connected", "0:t4", "0:t6")
		p.drop()
		p, in := r.signIn(5)
		if len(in.GetGroups()) != 0 {
			t.Errorf("came back with %v", in.GetGroups())
		}
		p.subscribed(p.read(), 9)
		p.push(inTeam(10))
		r.wantSeen("waiting 500ms", "connecting", "connected", "0:t10")
		r.wantCursor(at(5))
		go func() { p.unsubscribed(p.read().GetId()) }()
		if err := r.s.Unsubscribe(t.Context(), "team"); err != nil {
			t.Error(err)
		}
		p.drop()
		p, _ = r.signIn(5)
		p.wantFrames("")
	})
}

func TestSubscribe_ARefusalChangesNothing(t *testing.T) {
	bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(0)
		go func() { p.fail(p.read().GetId(), &wire.Error{Code: "forbidden"}) }()
		_, err := r.s.Subscribe(t.Context(), "team")
		if refused, ok := errors.AsType[*Error](err); !ok || refused.Code != "forbidden" {
			t.Errorf("Subscribe returned %v", err)
		}
		p.drop()
		p, _ = r.signIn(0)
		p.wantFrames("")
	})
}

// TestSubscribe_TellsThatTheServerHasEndedIt ends it while it is live, and by
// refusing it after a reconnect.
func TestSubscribe_TellsThatTheServerHasEndedIt(t *testing.T) {
	bubble(t, StreamOptions{}, func(_ *testing.T, r *rig) {
		p, _ := r.signIn(0)
		r.subscribe(p, 3)
		p.unsubscribed(0)
		r.wantSeen("connecting", "connected", "unsubscribed team")
		r.subscribe(p, 8)
		p.drop()
		p, _ = r.signIn(0)
		p.fail(p.read().GetId(), &wire.Error{Code: "unavailable", Retryable: true})
		p.wantClosed() // and tries again
		p, _ = r.signIn(0)
		r.forget()
		p.fail(p.read().GetId(), &wire.Error{Code: "forbidden"})
		r.wantSeen("unsubscribed team")
		p.drop()
		p, _ = r.signIn(0)
		p.wantFrames("")
	})
}

// TestSubscribe_BecomesAMembership hands on what comes as one row: the subscription
// ends with the membership.
func TestSubscribe_BecomesAMembership(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5), ManualAck: true}, func(_ *testing.T, r *rig) {
		p, _ := r.signIn(5)
		r.subscribe(p, 3)
		p.push(inTeam(4), inTeam(5), inTeam(6))
		p.push(news(6, 5, joinedTeam))
		p.push(inTeam(7))
		r.wantSeen("connecting", "connected", "0:t4", "0:t5", "0:t6", "6:t5", "0:t7")
		r.wantCursor(inGroups(6, 7))
		p.drop()
		p, _ = r.signInWith(6, team(7, 5))
		p.wantFrames("")
		p.push(news(7, 8, removedTeam), inTeam(9))
		r.wantSeen("waiting 500ms", "connecting", "connected", "7:t8")
	})
}

// TestUnsubscribe_EndsACallThatWaits subscribes and unsubscribes while there is no
// connection: what is answered later is not wanted any more.
func TestUnsubscribe_EndsACallThatWaits(t *testing.T) {
	bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
		called := make(chan error, 1)
		go func() {
			_, err := r.s.Subscribe(context.Background(), "team")
			called <- err
		}()
		synctest.Wait()
		if err := r.s.Unsubscribe(t.Context(), "team"); err != nil {
			t.Error(err)
		}
		p, _ := r.signIn(0)
		p.subscribed(p.read(), 3)
		if err := <-called; err != nil {
			t.Error(err)
		}
		p.wantFrames("unsubscribe")
		p.push(inTeam(4))
		r.wantSeen("connecting", "connected")
	})
}
