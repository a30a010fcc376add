package client

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gim-im/gim/wire"
)

// inTeam is a message of the large group team.
func inTeam(n int64) *wire.Message {
	m := entry(0)
	m.MessageId, m.ConversationId, m.ConversationSeq, m.To = fmt.Sprintf("t%d", n), "group:team", n, &wire.Target{GroupId: "team"}
	return m
}

// news is an entry of the log about team, whose message n it is too.
func news(seq, n int64, content string) *wire.Message {
	m := inTeam(n)
	m.Seq, m.Sender, m.Type, m.Content = seq, &wire.Sender{Type: "system"}, "command", []byte(content)
	return m
}

const (
	joinedTeam  = `{"code":102,"data":{"type":"large","user_ids":["me"]}}`
	removedTeam = `{"code":104,"data":{"user_id":"me"}}`
)

// inGroups is a cursor in the log of the rig and in team.
func inGroups(seq, n int64) *Cursor {
	return &Cursor{Seq: seq, Epoch: "e1", Groups: map[string]int64{"team": n}}
}

// signInWith is signIn with large groups of the user.
func (r *rig) signInWith(head int64, heads ...*wire.GroupHead) (*peer, *wire.SignIn) {
	r.t.Helper()
	return r.signInAs(&wire.SignedIn{
		UserId: "me", DeviceId: "phone", FirstSeq: 1, HeadSeq: head, Epoch: "e1", HeartbeatMs: 30_000, Groups: heads,
	})
}

func team(head, acked int64) *wire.GroupHead {
	return &wire.GroupHead{GroupId: "team", Head: head, Acked: acked}
}

// sentToTeam answers a send with message n of team.
func (p *peer) sentToTeam(f *wire.ClientFrame, n int64) {
	p.write(&wire.ServerFrame{Id: f.GetId(), Body: &wire.ServerFrame_Sent{Sent: &wire.Sent{
		MessageId: fmt.Sprintf("t%d", n), ConversationId: "group:team", ConversationSeq: n, Durable: true,
	}}})
}

// teamPage answers a sync of team.
func (p *peer) teamPage(f *wire.ClientFrame, first int64, messages ...*wire.Message) {
	p.t.Helper()
	if f.GetSync().GetGroupId() != "team" {
		p.t.Fatalf("the client sent %v, want a sync of team", f)
	}
	p.write(&wire.ServerFrame{Id: f.GetId(), Body: &wire.ServerFrame_SyncPage{SyncPage: &wire.SyncPage{
		GroupId: "team", FirstSeq: first, Items: messages,
	}}})
}

func (r *rig) wantCursor(want *Cursor) {
	r.t.Helper()
	synctest.Wait()
	if got := r.s.Cursor(); !reflect.DeepEqual(got, *want) {
		r.t.Errorf("the cursor is %v, want %v", got, *want)
	}
}

func TestGroups_GoOnFromTheCursor(t *testing.T) {
	bubble(t, StreamOptions{Cursor: inGroups(5, 7)}, func(t *testing.T, r *rig) {
		p, in := r.signInWith(5, team(9, 7))
		if want := map[string]int64{"team": 7}; !maps.Equal(in.GetGroups(), want) {
			t.Errorf("signed in with %v, want %v", in.GetGroups(), want)
		}
		var kept Cursor
		r.onMessages(func(page []*wire.Message) error { kept = r.s.CursorAfter(page); return nil })
		p.push(inTeam(8), inTeam(8), inTeam(9))
		r.wantSeen("connecting", "connected", "0:t8", "0:t9")
		r.wantCursor(inGroups(5, 9))
		if !reflect.DeepEqual(kept, *inGroups(5, 9)) {
			t.Errorf("the cursor to keep with the page is %v", kept)
		}
	})
}

func TestGroups_AreAckedOnceASecond(t *testing.T) {
	bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
		p, _ := r.signInWith(0, team(0, 0))
		acks := 0
		for n := int64(1); n <= 30; n++ {
			p.push(inTeam(n))
			for _, f := range p.pending() {
				acks++
				a := f.GetAck()
				p.write(&wire.ServerFrame{Id: f.GetId(), Body: &wire.ServerFrame_Acked{Acked: &wire.Acked{GroupId: a.GetGroupId(), ConversationSeq: a.GetConversationSeq()}}})
			}
			time.Sleep(100 * time.Millisecond)
		}
		if acks < 2 || acks > 4 {
			t.Errorf("acked %d times in 3 seconds", acks)
		}
		synctest.Wait()
		r.cancel()
		last := int64(0)
		for _, f := range p.pending() {
			last = f.GetAck().GetConversationSeq()
		}
		if last != 30 {
			t.Errorf("the last ack is of %d, want 30", last)
		}
	})
}

// TestGroups_BeginWhereTheyAreNotNamed shows both beginnings: what was not acked for
// a program that has a cursor, and what is new for one that has none.
func TestGroups_BeginWhereTheyAreNotNamed(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5), ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signInWith(5, team(4, 2))
		ask := p.read()
		if ask.GetSync().GetAfter() != 2 {
			t.Fatalf("the client sent %v, want a sync after 2", ask)
		}
		p.push(inTeam(5)) // overtakes the page
		p.teamPage(ask, 1, inTeam(3), inTeam(4))
		p.teamPage(p.read(), 1, inTeam(5))
		r.wantSeen("connecting", "connected", "0:t3", "0:t4", "0:t5")
		r.wantCursor(inGroups(5, 5))
	})
}

func TestGroups_BeginWithWhatIsNewWithoutACursor(t *testing.T) {
	bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
		p, _ := r.signInWith(5, team(4, 2))
		r.wantCursor(inGroups(5, 4))
		p.wantFrames("") // neither a sync nor an ack of what was not received
		p.push(inTeam(5))
		r.wantSeen("connecting", "connected", "0:t5")
	})
}

// TestGroups_OwnMessagesWaitForThoseBefore answers a send first and pushes what is
// before it then, as a server may.
func TestGroups_OwnMessagesWaitForThoseBefore(t *testing.T) {
	bubble(t, StreamOptions{Cursor: inGroups(5, 7), ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signInWith(5, team(7, 7))
		go func() {
			_, _ = r.s.Send(t.Context(), &wire.Send{To: &wire.Target{GroupId: "team"}, Content: []byte(`{}`)})
		}()
		p.sentToTeam(p.readSend(), 10)
		r.wantSeen("connecting", "connected")
		p.push(inTeam(8), inTeam(9))
		p.push(inTeam(11))
		r.wantSeen("0:t8", "0:t9", "0:t10", "0:t11")
		p.wantFrames("")
	})
}

func TestGroups_AskForWhatDoesNotComeBeforeAnOwnMessage(t *testing.T) {
	bubble(t, StreamOptions{Cursor: inGroups(5, 7), ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signInWith(5, team(7, 7))
		go func() {
			_, _ = r.s.Send(t.Context(), &wire.Send{To: &wire.Target{GroupId: "team"}, Content: []byte(`{}`)})
		}()
		p.sentToTeam(p.readSend(), 9)
		for range 2 {
			p.wantFrames("")
			p.write(&wire.ServerFrame{Id: p.read().GetId(), Body: &wire.ServerFrame_Pong{Pong: &wire.Pong{HeadSeq: 5}}})
		}
		p.teamPage(p.read(), 1, inTeam(8), inTeam(9))
		r.wantSeen("connecting", "connected", "0:t8", "0:t9")
	})
}

// TestGroups_FollowTheMembership joins, sends before the news of that is there, is
// removed while a sync is under way, and joins again.
func TestGroups_FollowTheMembership(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5), ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(5)
		go func() {
			_, _ = r.s.Send(t.Context(), &wire.Send{To: &wire.Target{GroupId: "team"}, Content: []byte(`{}`)})
		}()
		p.sentToTeam(p.readSend(), 3)
		p.push(news(6, 2, joinedTeam))
		r.wantSeen("connecting", "connected", "6:t2", "0:t3")
		r.wantCursor(inGroups(6, 3))
		p.push(inTeam(6))
		ask := p.read()
		p.push(news(7, 7, removedTeam))
		p.teamPage(ask, 3, inTeam(4), inTeam(5), inTeam(6))
		p.push(inTeam(8))
		r.wantSeen("7:t7")
		r.wantCursor(&Cursor{Seq: 7, Epoch: "e1"})
		p.push(news(8, 20, joinedTeam), inTeam(21))
		r.wantSeen("8:t20", "0:t21")
		r.wantCursor(inGroups(8, 21))
		p.wantFrames("")
	})
}

// TestGroups_AnOldRemovalEndsNothing replays the news of a membership that has
// ended and begun anew, behind messages of the new one.
func TestGroups_AnOldRemovalEndsNothing(t *testing.T) {
	bubble(t, StreamOptions{Cursor: inGroups(5, 7), ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signInWith(7, team(12, 10))
		p.push(inTeam(11), inTeam(12))
		p.teamPage(p.read(), 11, inTeam(11), inTeam(12))
		p.push(news(6, 8, removedTeam), news(7, 10, joinedTeam))
		p.push(inTeam(13))
		r.wantSeen("connecting", "connected", "0:t11", "0:t12", "6:t8", "7:t10", "0:t13")
		r.wantCursor(inGroups(7, 13))
	})
}

// TestGroups_EndWhereASignInDoesNotTellOfThem drops the place in a group that was
// dismissed.
func TestGroups_EndWhereASignInDoesNotTellOfThem(t *testing.T) {
	bubble(t, StreamOptions{Cursor: inGroups(5, 7)}, func(_ *testing.T, r *rig) {
		r.signIn(5)
		r.wantCursor(at(5))
	})
}

func TestGroups_BeginAnewWhenTheServerWasRestored(t *testing.T) {
	bubble(t, StreamOptions{Cursor: inGroups(5, 7), ManualAck: true}, func(t *testing.T, r *rig) {
		p := r.accept()
		p.fail(p.read().GetId(), &wire.Error{Code: codeResyncRequired})
		p.close(wire.CloseResyncRequired, 0)
		p, in := r.signInWith(1, team(6, 5))
		if len(in.GetGroups()) != 0 {
			t.Errorf("came back with %v", in.GetGroups())
		}
		p.teamPage(p.read(), 1, inTeam(6))
		p.push(entry(1))
		r.wantSeen("connecting", "waiting 500ms", "connecting", "resync e1", "connected", "0:t6", "1:m1")
		r.wantCursor(inGroups(1, 6))
	})
}

// TestGroups_ASignInStaysSmall has more groups than are named: the rest is asked
// for.
func TestGroups_ASignInStaysSmall(t *testing.T) {
	cursor := Cursor{Groups: make(map[string]int64)}
	var heads []*wire.GroupHead
	for i := range maxNamed + 1 {
		id := fmt.Sprintf("g%d", i)
		cursor.Groups[id] = 3
		heads = append(heads, &wire.GroupHead{GroupId: id, Head: 4, Acked: 1})
	}
	bubble(t, StreamOptions{Cursor: &cursor, ManualAck: true}, func(t *testing.T, r *rig) {
		p, in := r.signInWith(0, heads...)
		if n := len(in.GetGroups()); n != maxNamed {
			t.Errorf("named %d groups", n)
		}
		ask := p.read().GetSync()
		if _, named := in.GetGroups()[ask.GetGroupId()]; named || ask.GetGroupId() == "" || ask.GetAfter() != 3 {
			t.Errorf("asked for %v, want what follows 3 in the group that was not named", ask)
		}
	})
}

func TestAckGroup_ReturnsWhatTheServerNoted(t *testing.T) {
	bubble(t, StreamOptions{ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signInWith(0, team(9, 0))
		go func() {
			f := p.read()
			p.write(&wire.ServerFrame{Id: f.GetId(), Body: &wire.ServerFrame_Acked{Acked: &wire.Acked{
				GroupId: f.GetAck().GetGroupId(), ConversationSeq: f.GetAck().GetConversationSeq() + 1,
			}}})
		}()
		if got, err := r.s.AckGroup(context.Background(), "team", 4); got != 5 || err != nil {
			t.Errorf("AckGroup returned %d, %v", got, err)
		}
	})
}
