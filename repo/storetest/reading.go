package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/gim-im/gim/domain"
	"pgregory.net/rapid"
)

func readTests() map[string]func(*world) {
	return map[string]func(*world){
		"Read_PositionGoesForwardUpToTheHead":        readPosition,
		"Read_EventsAndOwnMessagesAreNotUnread":      readCounts,
		"Read_MembershipsBeginRead":                  readJoined,
		"Read_PeersAreToldButForThoseWhoBlock":       readPeersTold,
		"Read_UnreadIsARecountWhateverHappens":       readModel,
		"Read_PositionIsOneWhenDevicesReadAtOneTime": readConcurrently,
	}
}

func readPosition(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	for _, text := range []string{"1", "2", "3", "4", "5"} {
		w.send(bob, toUser(alice), text)
	}
	for _, step := range []struct {
		to, is, unread int64
	}{{0, 0, 5}, {2, 2, 3}, {1, 2, 3}, {2, 2, 3}, {4, 4, 1}, {5, 5, 0}, {3, 5, 0}} {
		before := w.conversation(alice, toUser(bob)).ReadSeq
		r := w.readUpTo(alice, toUser(bob), step.to)
		c := w.conversation(alice, toUser(bob))
		w.same(fmt.Sprint("read up to ", step.to), []any{r.Advanced, r.ReadSeq, c.ReadSeq, c.Unread}, []any{step.is > before, step.is, step.is, step.unread})
		w.same("as bob sees it", w.conversation(bob, toUser(alice)).Members, []domain.ConversationMember{{User: "alice", ReadSeq: step.is, DeliveredSeq: step.is}, {User: "bob"}})
	}
	_, err := w.store.ReadConversation(w.ctx, w.app.Num, alice.Num, toUser(bob), 6)
	w.refused(err, domain.ReadBeyondHead(5))
	w.same("position", w.conversation(alice, toUser(bob)).ReadSeq, int64(5))
}

func readCounts(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	for id, kind := range map[string]domain.GroupType{"team": domain.GroupNormal, "stage": domain.GroupLarge} {
		target := toGroup(domain.GroupID(id))
		w.created(id, kind, domain.HistoryJoined, alice, bob) // 1
		w.send(alice, target, "own")                          // 2
		w.send(bob, target, "other")                          // 3
		rename := func(name string) {
			_, err := w.telling().Update(w.ctx, w.caller(alice), domain.GroupID(id), domain.GroupPatch{Name: &name})
			w.ok(err)
		}
		rename("A")                                         // 4
		w.send(domain.UserRef{}, target, "of the business") // 5
		w.send(alice, target, "own")                        // 6
		rename("B")                                         // 7
		w.send(bob, target, "last")                         // 8
		for _, step := range [][2]int64{{0, 3}, {2, 3}, {3, 2}, {4, 2}, {5, 1}, {6, 1}, {7, 1}, {8, 0}} {
			w.readUpTo(alice, target, step[0])
			w.same(fmt.Sprint(id, " read up to ", step[0]), w.conversation(alice, target).Unread, step[1])
		}
		w.same("unread of bob", w.conversation(bob, target).Unread, int64(3))
	}
}

func readJoined(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob := users[0], users[1]
	w.created("team", domain.GroupNormal, domain.HistoryAll, alice, users[2])
	w.send(alice, toGroup("team"), "before")
	add := func() {
		_, err := w.telling().AddMembers(w.ctx, w.caller(alice), "team", []domain.UserID{"bob"})
		w.ok(err)
	}
	add()
	w.same("unread", w.conversation(bob, toGroup("team")).Unread, int64(0))
	w.send(bob, toGroup("team"), "own")
	w.send(alice, toGroup("team"), "other")
	w.same("unread", w.conversation(bob, toGroup("team")).Unread, int64(1))
	w.ok(w.telling().RemoveMember(w.ctx, w.caller(alice), "team", "bob"))
	w.send(alice, toGroup("team"), "meanwhile")
	add()
	w.same("unread after coming back", w.conversation(bob, toGroup("team")).Unread, int64(0))
	w.send(alice, toGroup("team"), "again")
	w.same("unread then", w.conversation(bob, toGroup("team")).Unread, int64(1))
}

func readPeersTold(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	w.group("team", alice, bob, carol)
	w.large("stage", alice, bob)
	sorted := func(r domain.ReadResult) []domain.UserNum { return slices.Sorted(slices.Values(r.Peers)) }
	for _, target := range []domain.Target{toUser(alice), toGroup("team"), toGroup("stage")} {
		w.send(bob, target, "1")
	}
	w.send(domain.UserRef{}, toUser(alice), "1")
	w.same("in a group", sorted(w.readUpTo(alice, toGroup("team"), 1)), slices.Sorted(slices.Values([]domain.UserNum{bob.Num, carol.Num})))
	w.same("a second time", len(w.readUpTo(alice, toGroup("team"), 1).Peers), 0)
	w.same("in a large group", len(w.readUpTo(alice, toGroup("stage"), 1).Peers), 0)
	w.same("of the business", len(w.readUpTo(alice, business, 1).Peers), 0)
	w.same("in a chat", sorted(w.readUpTo(alice, toUser(bob), 1)), []domain.UserNum{bob.Num})
	w.send(bob, toUser(alice), "2")
	w.block(bob, "alice")
	w.same("who is blocked", len(w.readUpTo(alice, toUser(bob), 2).Peers), 0)
}

// counted is a message of the model.
type counted struct {
	sender  domain.UserNum
	isEvent bool
}

// readingOf is how one of the users of the model stands to one of its groups.
type readingOf struct{ user, group int }

// unreadOf recounts what a user has not read of a group, and finds its last message,
// 0 for none.
func unreadOf(user domain.UserRef, log []counted, read, deleted int64, forgotten map[int64]bool) (unread, last int64) {
	for i, msg := range log {
		seq := int64(i + 1)
		if seq <= deleted || forgotten[seq] {
			continue
		}
		if last = seq; seq > read && !msg.isEvent && msg.sender != user.Num {
			unread++
		}
	}
	return unread, last
}

// readModel does anything in any order and counts anew what every user has not read.
func readModel(w *world) {
	deadline := time.Now().Add(5 * time.Second)
	rapid.Check(w.T, func(t *rapid.T) {
		if time.Now().After(deadline) && !w.Failed() {
			return
		}
		m := newWorld(w.T, w.store, w.published)
		users := m.many("u", 3)
		m.created("team", domain.GroupNormal, domain.HistoryJoined, users...)
		m.created("stage", domain.GroupLarge, domain.HistoryJoined, users...)
		targets := []domain.Target{toGroup("team"), toGroup("stage")}
		logs := [][]counted{{{isEvent: true}}, {{isEvent: true}}}
		read, deleted, forgotten := map[readingOf]int64{}, map[readingOf]int64{}, map[readingOf]map[int64]bool{}
		for u := range users {
			read[readingOf{u, 1}] = 1 // the membership of a large group begins behind its events
			forgotten[readingOf{u, 0}], forgotten[readingOf{u, 1}] = map[int64]bool{}, map[int64]bool{1: true}
		}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			on := readingOf{rapid.IntRange(0, 2).Draw(t, "user"), rapid.IntRange(0, 1).Draw(t, "target")}
			user, target, head := users[on.user], targets[on.group], int64(len(logs[on.group]))
			switch rapid.SampledFrom([]string{"send", "send", "event", "read", "read", "delete", "forget", "forget"}).Draw(t, "step") {
			case "send":
				m.send(user, target, "x")
				logs[on.group] = append(logs[on.group], counted{sender: user.Num})
			case "event":
				name := fmt.Sprint(head)
				_, err := m.telling().Update(m.ctx, m.caller(users[0]), target.Group, domain.GroupPatch{Name: &name})
				m.ok(err)
				logs[on.group] = append(logs[on.group], counted{isEvent: true})
			case "read":
				seq := rapid.Int64Range(0, head+1).Draw(t, "seq")
				r, err := m.store.ReadConversation(m.ctx, m.app.Num, user.Num, target, seq)
				switch {
				case deleted[on] >= head:
					m.refused(err, domain.ErrConversationNotFound)
				case seq > head:
					m.refused(err, domain.ReadBeyondHead(head))
				default:
					m.ok(err)
					read[on] = max(read[on], seq)
					m.same("position", r.ReadSeq, read[on])
				}
			case "delete":
				if err := m.store.DeleteConversation(m.ctx, m.app.Num, user.Num, target); deleted[on] < head {
					m.ok(err)
				}
				deleted[on] = head
			case "forget":
				seq := rapid.Int64Range(1, head).Draw(t, "seq")
				err := m.store.DeleteMessage(m.ctx, m.app.Num, user, m.idAt(target, seq))
				if forgotten[on][seq] || seq <= deleted[on] {
					m.refused(err, domain.ErrMessageNotFound)
					break
				}
				m.ok(err)
				forgotten[on][seq] = true
			}
			for u, user := range users {
				var total int64
				for i, target := range targets {
					on := readingOf{u, i}
					if deleted[on] >= int64(len(logs[i])) {
						continue
					}
					unread, last := unreadOf(user, logs[i], read[on], deleted[on], forgotten[on])
					c := m.conversation(user, target)
					if (c.LastMessage == nil) != (last == 0) || last > 0 && c.LastMessage.ConversationSeq != last {
						m.Errorf("the last message is %+v, want %d", c.LastMessage, last)
					}
					m.same("state", []int64{c.Unread, c.ReadSeq, c.LastSeq}, []int64{unread, read[on], int64(len(logs[i]))})
					total += unread
				}
				m.same("total", m.listed(user).TotalUnread, total)
			}
			if m.Failed() {
				t.FailNow()
			}
		}
	})
}

func readConcurrently(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	const n = 20
	for range n {
		w.send(bob, toUser(alice), "x")
	}
	done := make(chan error, 2*n)
	for seq := range int64(n) {
		go func() { // ends with its answer
			_, err := w.store.ReadConversation(w.ctx, w.app.Num, alice.Num, toUser(bob), seq+1)
			done <- err
		}()
		go func() { // likewise
			_, err := w.store.Append(w.ctx, w.outgoing(alice, toUser(bob), "own", ""))
			done <- err
		}()
	}
	for range 2 * n {
		select {
		case err := <-done:
			w.ok(err)
		case <-time.After(time.Minute):
			w.Fatal("reading or sending does not end")
		}
	}
	c := w.conversation(alice, toUser(bob))
	w.same("state", []int64{c.ReadSeq, c.Unread, c.LastSeq}, []int64{n, 0, 2 * n})
	w.same("unread of bob", w.conversation(bob, toUser(alice)).Unread, int64(n))
}
