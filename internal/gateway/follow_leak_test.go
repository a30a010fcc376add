package gateway_test

import (
	"testing"
	"testing/synctest"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// whisper is a message to a room that is not stored.
func (w *world) whisper(r *room) {
	w.PublishEvents([]*wire.Event{{Kind: wire.EventMessage, Topic: r.topic(), Body: wire.NewBody(&domain.Message{
		ID: "unstored", Sender: domain.Sender{Type: domain.SenderUser, User: "bob"}, To: domain.Target{Group: r.id}, Content: []byte("{}"),
	})}})
}

func (w *world) types(r *room) {
	w.PublishEvents([]*wire.Event{{Kind: wire.EventSignal, Topic: r.topic(), Signal: wire.NewSignal(&wire.PushedSignal{
		ConversationId: "group:" + string(r.id), Sender: &wire.Sender{Type: "user", UserId: "bob"}, Kind: "typing", Data: []byte("{}"),
	})}})
}

// What is not stored has no number that would show what lies before it.
func TestFollow_NothingUnstoredReachesWhoWasRemoved(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		r := w.openRoom("news", "alice", "bob")
		alice, bob := n.signIn(t, "alice", ""), n.signIn(t, "bob", "")
		w.remove(r, "alice")
		w.whisper(r)
		w.types(r)
		alice.wantRoom("news", "")
		bob.wantRoom("news", "1 x")
		for i := range 5 {
			if alice.frame(i).Signal != nil {
				t.Error("who was removed is told that somebody types")
			}
		}
	})
}

// An audience that comes back has not heard what was said while it was away.
func TestFollow_AudienceThatWasAwayHasMissedIt(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		r := w.openRoom("stage", "bob")
		r.audience = true
		c := n.signIn(t, "alice", "")
		c.send(`{"id":2,"subscribe":{"group_id":"stage"}}`)
		synctest.Wait()
		w.say(r, "1")
		synctest.Wait()
		w.instant = false
		w.closeAudience(r) // 2
		w.say(r, "among us")
		on := true
		w.tell(r, domain.GroupEvent{Code: domain.EventGroupChanged, Data: domain.GroupEventData{
			Settings: &domain.GroupEventSettings{LiveAudience: &on},
		}}, func(int64) { r.audience = true })
		w.say(r, "5")
		for w.pending() > 0 {
			w.deliver(0, false)
		}
		c.wantRoom("stage", "1")
		if f := c.frame(-1); f.Unsubscribed == nil {
			t.Errorf("told %+v at last", f)
		}
	})
}

// Answers that nobody reads end the connection, whatever they are to.
func TestFollow_UnreadAnswersAreBounded(t *testing.T) {
	run(t, func(t *testing.T, _ *world, n *node) {
		c := n.signIn(t, "alice", "")
		resume := c.pause()
		for range 100_000 {
			c.send(`{"id":7,"unsubscribe":{"group_id":"stage"}}`)
		}
		synctest.Wait()
		resume()
		<-c.done
		if got := len(c.frames); got > 60_000 {
			t.Errorf("%d answers have waited", got)
		}
	})
}

// A head that is told right behind its message is no news.
func TestFollow_HeadOfWhatWasToldReadsNothing(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		r := w.openRoom("news", "alice")
		c := n.signIn(t, "alice", "")
		w.say(r, "1")
		w.hub.Handle(&wire.Event{Kind: wire.EventHead, Topic: r.topic(), Seq: 1})
		c.wantRoom("news", "1")
		if w.roomReads != 0 {
			t.Errorf("read the store %d times", w.roomReads)
		}
	})
}
