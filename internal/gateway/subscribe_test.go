package gateway_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

func TestFollow_LiveAudience(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		r, members := w.openRoom("stage", "bob"), w.openRoom("inner", "bob")
		r.audience = true
		w.say(r, "before")
		c := n.signIn(t, "alice", "")
		c.send(`{"id":2,"subscribe":{"group_id":"stage"}}`)
		synctest.Wait()
		if f := c.frame(-1); f.ID != 2 || f.Subscribed == nil || f.Subscribed.Head != 1 {
			t.Fatalf("subscribe answered with %+v", f)
		}
		c.send(`{"id":3,"subscribe":{"group_id":"inner"}}`)
		c.send(`{"id":4,"subscribe":{"group_id":"nowhere"}}`)
		c.send(`{"id":5,"subscribe":{"group_id":"stage"}}`) // once more is the same
		c.wantFailed(3, domain.CodeForbidden)
		c.wantFailed(4, domain.CodeGroupNotFound)
		w.say(members, "not for all")
		w.say(r, "2")
		w.setDown(true)
		w.say(r, "3")
		w.setDown(false)
		w.say(r, "4")
		c.wantRoom("stage", "2 3 4")
		if n := w.occupancy(t, r); n != 1 {
			t.Errorf("%d connections follow, want 1", n)
		}
		c.send(`{"id":6,"unsubscribe":{"group_id":"stage"}}`)
		synctest.Wait()
		if f := c.frame(-1); f.ID != 6 || f.Unsubscribed == nil {
			t.Fatalf("unsubscribe answered with %+v", f)
		}
		w.say(r, "5")
		c.wantRoom("stage", "2 3 4")
		if n := w.occupancy(t, r); n != 0 {
			t.Errorf("%d connections follow, want none", n)
		}
	})
}

func (w *world) occupancy(t *testing.T, r *room) int {
	t.Helper()
	synctest.Wait()
	n, err := w.hub.Connections(t.Context(), app, r.num)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestFollow_TheAudienceIsSentAwayWithTheSetting(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		r := w.openRoom("stage", "bob")
		r.audience = true
		alice, bob := n.signIn(t, "alice", ""), n.signIn(t, "bob", "")
		alice.send(`{"id":2,"subscribe":{"group_id":"stage"}}`)
		synctest.Wait()
		w.say(r, "1")
		w.setDown(true)
		w.closeAudience(r)
		w.setDown(false)
		w.say(r, "3")
		alice.wantRoom("stage", "1")
		bob.wantRoom("stage", "1 2 3")
		if f := alice.frame(-1); f.ID != 0 || f.Unsubscribed == nil || f.Unsubscribed.GroupID != "stage" {
			t.Errorf("told %+v at last, want that it is unsubscribed", f)
		}
	})
}

// One of the audience who becomes a member stays when the audience has to go.
func TestFollow_AudienceThatJoinsStays(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		r := w.openRoom("stage", "bob")
		r.audience = true
		c := n.signIn(t, "alice", "")
		c.send(`{"id":2,"subscribe":{"group_id":"stage"}}`)
		synctest.Wait()
		w.join(r, "alice") // 1; seen in the group's log as well, whose audience it still was
		w.closeAudience(r)
		w.say(r, "3")
		synctest.Wait()
		if got := strings.Join(c.seen("stage"), " "); got != "1 2 3" && got != "2 3" {
			t.Errorf("saw %q", got)
		}
		r.audience = true
		w.remove(r, "alice") // takes it from the audience, too
		w.say(r, "5")
		synctest.Wait()
		if got := strings.Join(c.seen("stage"), " "); strings.HasSuffix(got, "5") {
			t.Errorf("saw %q after it was removed", got)
		}
	})
}

func TestFollow_SubscribingAnewAtOnceFollows(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		r := w.openRoom("stage", "bob")
		r.audience = true
		c := n.signIn(t, "alice", "")
		for id := range 5 {
			c.send(`{"id":%d,"subscribe":{"group_id":"stage"}}`, 2*id+2)
			c.send(`{"id":%d,"unsubscribe":{"group_id":"stage"}}`, 2*id+3)
		}
		c.send(`{"id":20,"subscribe":{"group_id":"stage"}}`)
		synctest.Wait()
		w.say(r, "1")
		c.wantRoom("stage", "1")
		if got := w.subs[r.topic()]; got != 1 {
			t.Errorf("%d subscriptions of the group", got)
		}
	})
}

// A user may become a member at the moment at which it subscribes.
func TestFollow_JoiningWhileSubscribing(t *testing.T) {
	for name, at := range map[string]int{"before events arrive": 1, "before the group is looked at again": 2, "while it is looked at again": 3} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, w *world, n *node) {
				r := w.openRoom("stage", "bob")
				r.audience = true
				c := n.signIn(t, "alice", "")
				calls, looks := 0, 0
				join := func() {
					w.join(r, "alice") // 1
					if at > 1 {
						time.Sleep(time.Millisecond) // the session takes note of it
					}
					w.say(r, "2")
				}
				w.onSubscribe = func(topic wire.Topic) {
					if calls++; at < 3 && topic == r.topic() && calls == 1 {
						join()
					}
				}
				w.onLook = func() {
					if looks++; at == 3 && looks == 2 {
						join()
					}
				}
				c.send(`{"id":2,"subscribe":{"group_id":"stage"}}`)
				time.Sleep(time.Second)
				w.closeAudience(r) // 3
				w.say(r, "4")
				c.wantRoom("stage", "2 3 4")
				c.wantSeqs("1 0 0 0")
				w.PublishEvents([]*wire.Event{{Kind: wire.EventMessage, Topic: r.topic(), Body: wire.NewBody(&domain.Message{
					ID: "unstored", Sender: domain.Sender{Type: domain.SenderUser, User: "bob"}, To: domain.Target{Group: "stage"}, Content: []byte("{}"),
				})}})
				c.wantRoom("stage", "2 3 4 x")
				if got := w.subs[r.topic()]; got != 1 {
					t.Errorf("%d subscriptions of the group", got)
				}
				w.remove(r, "alice")
				w.say(r, "6")
				c.wantRoom("stage", "2 3 4 x")
				if got := w.subs[r.topic()]; got != 0 {
					t.Errorf("%d subscriptions of the group are left", got)
				}
			})
		})
	}
}

func TestFollow_SubscriptionsAreBounded(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		for i := range 101 {
			id := fmt.Sprint("stage", i)
			w.openRoom(domain.GroupID(id)).audience = true
			c.send(`{"id":%d,"subscribe":{"group_id":%q}}`, i+2, id)
			synctest.Wait()
		}
		c.wantFailed(102, domain.CodeBadRequest)
		if got := len(w.subs); got != 101 { // 100 and the own log
			t.Errorf("%d subscriptions", got)
		}
		c.peer.Drop()
		<-c.done
		synctest.Wait()
		if got := len(w.subs); got != 0 {
			t.Errorf("%d subscriptions are left of a connection that is gone", got)
		}
	})
}
