package gateway_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/wire"
)

func (c *client) wantRoom(id domain.GroupID, want string) {
	c.t.Helper()
	synctest.Wait()
	if got := strings.Join(c.seen(id), " "); got != want {
		c.t.Errorf("saw %q of %s, want %q", got, id, want)
	}
}

func TestFollow_MembersArePushedTheLogOfTheGroup(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		r := w.openRoom("news", "alice", "bob")
		w.say(r, "before")
		other := w.openRoom("other", "bob")
		alice, bob := n.signIn(t, "alice", ""), n.signIn(t, "bob", "")
		w.say(r, "live")
		synctest.Wait()
		alice.send(`{"id":2,"send":{"to":{"group_id":"news"},"type":"text","content":{"text":"mine"}}}`)
		synctest.Wait()
		w.say(r, "after")
		w.say(other, "elsewhere")
		alice.wantRoom("news", "2 s3 4")
		bob.wantRoom("news", "2 3 4")
		bob.wantRoom("other", "1")
		alice.wantSeqs("0 s0 0") // nothing of the other group
	})
}

func TestFollow_SignInNamesGroupsAndReplaysThoseAskedFor(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		r, quiet := w.openRoom("news", "alice"), w.openRoom("quiet", "alice")
		for range 450 {
			w.say(r, "before")
		}
		w.say(quiet, "before")
		c := n.signIn(t, "alice", `,"groups":{"news":3,"unknown":7}`)
		want := []groupHead{{"news", 450, 0, 450}, {"quiet", 1, 0, 1}}
		if got := c.frame(0).SignedIn.Groups; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("signed in with groups %v, want %v", got, want)
		}
		w.say(r, "live")
		w.say(quiet, "live")
		c.wantRoom("news", rangeOf(4, 451))
		c.wantRoom("quiet", "2")
	})
}

func TestFollow_CursorsAreChecked(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		w.say(w.openRoom("news", "alice"), "x")
		for position, code := range map[string]wire.CloseCode{"2": wire.CloseResyncRequired, "-1": wire.CloseUnauthenticated} {
			c := n.dial(t)
			c.send(`{"id":1,"sign_in":{"token":"alice alice-phone","groups":{"news":%s}}}`, position)
			c.wantClosed(code)
		}
	})
}

// What is stored while the session signs in is neither lost nor doubled.
func TestFollow_StoredWhileSigningInIsPushed(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		r := w.openRoom("news", "alice")
		w.onAuth = func() { w.say(r, "before the groups are read") }
		w.onRead = func() { w.say(r, "after the log is read") }
		w.onRoomRead = func() { w.onRoomRead = nil; w.say(r, "while the group is read") }
		c := n.signIn(t, "alice", `,"groups":{"news":0}`)
		w.say(r, "live")
		synctest.Wait()
		c.wantRoom("news", rangeOf(1, len(r.log)))
	})
}

func TestFollow_StoredBeforeEventsArriveIsPushed(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		r := w.openRoom("news", "alice")
		w.onSubscribe = func(t wire.Topic) {
			if t == r.topic() { // not in force yet
				w.setDown(true)
				w.say(r, "1")
				w.setDown(false)
			}
		}
		n.signIn(t, "alice", "").wantRoom("news", "1")
	})
}

func TestFollow_ToldBeforeTheSignInIsAnsweredIsPushed(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		r := w.openRoom("news", "alice")
		w.onHeads = func() {
			w.say(r, "1")
			w.hub.Handle(&wire.Event{Kind: wire.EventGap}) // so that the session takes what it was told
			time.Sleep(time.Millisecond)
		}
		c := n.dial(t)
		c.send(`{"id":1,"sign_in":{"token":"alice alice-phone"}}`)
		time.Sleep(time.Second)
		c.wantRoom("news", "1")
	})
}

func TestFollow_RemovalInTheOwnLogIsEnough(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		r := w.openRoom("news", "alice")
		c := n.signIn(t, "alice", "")
		w.instant = false
		w.remove(r, "alice")
		w.deliver(0, false)
		c.wantSeqs("1")
		if w.subs[r.topic()] != 0 {
			t.Error("still follows the group")
		}
	})
}

// The removal is an entry of the group's own log.
func TestFollow_RemovalInTheLogOfTheGroupIsEnough(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		r := w.openRoom("news", "alice", "bob")
		c := n.signIn(t, "alice", "")
		w.instant = false
		w.remove(r, "alice")
		w.say(r, "2")
		w.deliver(1, false) // the group's; the one of the own log is late
		w.deliver(1, false)
		c.wantRoom("news", "")
		w.deliver(0, false)
		c.wantRoom("news", "")
		c.wantSeqs("1")
	})
}

func TestFollow_WhatTheBusLosesIsReadFromTheStore(t *testing.T) {
	for name, notice := range map[string]func(w *world, r *room){
		"next message": func(w *world, r *room) { w.say(r, "next") },
		"gap of the group": func(w *world, r *room) {
			w.PublishEvents([]*wire.Event{{Kind: wire.EventGap, Topic: r.topic()}})
		},
		"gap of all":    func(w *world, _ *room) { w.PublishEvents([]*wire.Event{{Kind: wire.EventGap}}) },
		"regular check": func(*world, *room) { time.Sleep(16 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, w *world, n *node) {
				r := w.openRoom("news", "alice")
				c := n.signIn(t, "alice", "")
				w.setDown(true)
				for range 3 {
					w.say(r, "lost")
				}
				w.setDown(false)
				c.wantRoom("news", "")
				notice(w, r)
				c.wantRoom("news", rangeOf(1, len(r.log)))
			})
		})
	}
}

// A removal stops the next message on every connection, even when that is told
// before the removal is.
func TestFollow_WhoWasRemovedGetsNothingMore(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		r := w.openRoom("news", "alice", "bob")
		alice, bob := n.signIn(t, "alice", ""), n.signIn(t, "bob", "")
		w.say(r, "1")
		w.setDown(true)
		w.remove(r, "alice")
		w.setDown(false)
		w.say(r, "3")
		w.say(r, "4")
		time.Sleep(20 * time.Second) // the regular check finds the entry in the own log
		alice.wantRoom("news", "1")
		bob.wantRoom("news", "1 2 3 4")
		alice.wantSeqs("0 1")
		if got := w.subs[r.topic()]; got != 1 {
			t.Errorf("%d subscriptions of the group are left, want that of bob", got)
		}
		w.join(r, "alice")
		w.say(r, "6")
		alice.wantRoom("news", "1 6")
		alice.wantSeqs("0 1 2 0")
	})
}

func TestFollow_WhoJoinsFollowsAtOnce(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		r := w.openRoom("news", "bob")
		w.say(r, "before")
		c := n.signIn(t, "alice", "")
		w.say(r, "before")
		w.join(r, "alice") // 3, told in the own log
		w.say(r, "4")
		synctest.Wait()
		w.say(r, "5")
		c.wantRoom("news", "4 5")
		c.wantSeqs("1 0 0")
	})
}

// An old entry of a replay does not begin what the list of groups did not.
func TestFollow_ReplayedEntriesBeginNothing(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		r := w.openRoom("news", "bob")
		for range 3 {
			w.join(r, "alice")
			w.remove(r, "alice")
		}
		c := n.signIn(t, "alice", `,"after":0`)
		c.wantSeqs(rangeOf(1, 6))
		if w.subs[r.topic()] != 0 || w.roomReads != 0 {
			t.Error("follows a group that the user left, or asked whether it may")
		}
	})
}

func TestFollow_UnstoredMessagesAndSignalsReachTheOthers(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		w.openRoom("news", "alice", "bob")
		alice, bob := n.signIn(t, "alice", ""), n.signIn(t, "bob", "")
		alice.send(`{"id":2,"send":{"to":{"group_id":"news"},"type":"text","content":{"text":"x"},"persist":false}}`)
		synctest.Wait()
		alice.send(`{"id":3,"signal":{"to":{"group_id":"news"},"kind":"typing"}}`)
		bob.wantRoom("news", "x")
		alice.wantRoom("news", "")
		if f := bob.frame(-1); f.Signal == nil {
			t.Errorf("bob got %+v at last, want a signal", f)
		}
		if f := alice.frame(-1); f.Signaled == nil {
			t.Errorf("alice got %+v at last, want the answer only", f)
		}
	})
}

func TestFollow_AckAndSyncOfAGroup(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		r := w.openRoom("news", "alice")
		for range 5 {
			w.say(r, "x")
		}
		c := n.signIn(t, "alice", "")
		c.send(`{"id":2,"ack":{"group_id":"news","conversation_seq":4}}`)
		c.send(`{"id":3,"ack":{"group_id":"news","conversation_seq":6}}`)
		c.send(`{"id":4,"sync":{"group_id":"news","after":1,"limit":3}}`)
		c.wantFailed(3, domain.CodeBadAck)
		if f := c.frame(1).Acked; f == nil || f.GroupID != "news" || f.ConversationSeq != 4 {
			t.Errorf("ack answered with %+v", f)
		}
		page := c.frame(3).SyncPage
		if page == nil || len(page.Items) != 3 || page.Items[0].ConversationSeq != 2 || !page.HasMore {
			t.Errorf("sync answered with %+v", page)
		}
	})
}

// A burst that the queue has no room for is read from the store.
func TestFollow_BurstIsReadFromTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		n := start(t, w, func(o *gateway.Options) { o.QueueBytes = 4096 })
		defer n.stop()
		r := w.openRoom("news", "alice")
		c := n.signIn(t, "alice", "")
		resume := c.pause()
		w.say(r, "the one that is being written")
		synctest.Wait()
		for range 50 {
			w.say(r, "burst")
		}
		resume()
		c.wantRoom("news", rangeOf(1, 51))
	})
}

func TestFollow_StoreThatFailsIsTriedAgain(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		r := w.openRoom("news", "alice")
		c := n.signIn(t, "alice", "")
		w.roomReadErr = domain.ErrUnavailable
		w.setDown(true)
		w.say(r, "lost")
		w.setDown(false)
		w.say(r, "next")
		synctest.Wait()
		w.mu.Lock()
		w.roomReadErr = nil
		w.mu.Unlock()
		time.Sleep(2 * time.Second)
		c.wantRoom("news", "1 2")
	})
}

// The answer to an own send may get lost between commit and connection; then the
// message is pushed, as everything is that nobody answered for.
func TestFollow_OwnSendWithoutAnswerIsPushed(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		r := w.openRoom("news", "alice")
		w.afterCommit = func(domain.SendParams) error { return domain.ErrUnavailable }
		c := n.signIn(t, "alice", "")
		c.send(`{"id":2,"send":{"to":{"group_id":"news"},"type":"text","content":{"text":"x"}}}`)
		synctest.Wait()
		w.say(r, "next")
		c.wantFailed(2, domain.CodeUnavailable)
		c.wantRoom("news", "1 2")
	})
}

// Very many connections are told by a goroutine of their own, in the same order.
func TestFollow_CrowdSeesEverythingInOrder(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		r := w.openRoom("news", "alice", "bob")
		all := make([]*client, 100)
		for i := range all {
			all[i] = n.dial(t)
			all[i].send(`{"id":1,"sign_in":{"token":"bob"}}`) // from a passing device
		}
		sender := n.signIn(t, "alice", "")
		for range 300 {
			w.say(r, "hi")
		}
		sender.send(`{"id":2,"send":{"to":{"group_id":"news"},"type":"text","content":{"text":"mine"}}}`)
		sender.send(`{"id":3,"send":{"to":{"group_id":"news"},"type":"text","content":{"text":"x"},"persist":false}}`)
		for _, c := range all {
			c.wantRoom("news", rangeOf(1, 301)+" x")
		}
		if got := sender.seen("news"); len(got) != 301 {
			t.Errorf("the sender saw %d", len(got))
		}
	})
}
