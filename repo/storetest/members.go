package storetest

import (
	"fmt"
	"sync"

	"github.com/gim-im/gim/domain"
)

func memberTests() map[string]func(*world) {
	return map[string]func(*world){
		"Membership_DecidesWhoGetsAMessage":     membershipInterval,
		"Membership_HistoryBeginsWithJoining":   membershipHistory,
		"Membership_RejoiningBeginsAnew":        membershipRejoin,
		"Membership_ChangesAreInOrderWithSends": membershipOrder,
		"Membership_ConcurrentAddsKeepTheLimit": membershipLimitConcurrent,
		"Membership_NonMembersCannotSendOrRead": membershipStrangers,
		"GroupSize_CountsMembers":               groupSize,
	}
}

func groupSize(w *world) {
	size := func(app domain.AppNum, group domain.GroupID) int {
		n, err := w.store.GroupSize(w.ctx, app, group)
		w.ok(err)
		return n
	}
	users := w.users("owner", "guest")
	w.same("before there is one", size(w.app.Num, "g"), 0)
	w.group("g", users...)
	w.same("members", size(w.app.Num, "g"), 2)
	w.same("in another app", size(w.app.Num+1_000_000, "g"), 0)
}

func membershipInterval(w *world) {
	users := w.users("owner", "guest")
	owner, guest := users[0], users[1]
	w.group("g", owner)
	w.send(owner, toGroup("g"), "before")
	_, err := w.add("g", domain.UserRef{}, 10, "guest")
	w.ok(err)
	w.send(owner, toGroup("g"), "during")
	w.send(guest, toGroup("g"), "mine")
	w.ok(w.remove("g", guest, "guest"))
	w.send(owner, toGroup("g"), "after")
	w.same("guest", w.texts(guest), []string{"during", "mine"})
	w.same("owner", w.texts(owner), []string{"before", "during", "mine", "after"})
}

func membershipHistory(w *world) {
	users := w.users("owner", "guest")
	w.group("g", users[0])
	w.send(users[0], toGroup("g"), "1")
	w.send(users[0], toGroup("g"), "2")
	_, err := w.add("g", domain.UserRef{}, 10, "guest")
	w.ok(err)
	w.same("nothing yet", w.history(users[1], toGroup("g")), []string{})
	w.send(users[0], toGroup("g"), "3")
	w.same("guest", w.history(users[1], toGroup("g")), []string{"3"})
	w.same("owner", w.history(users[0], toGroup("g")), []string{"1", "2", "3"})
	w.same("business", w.history(domain.UserRef{}, toGroup("g")), []string{"1", "2", "3"})

	before := int64(3) // also backwards not a message further
	page, err := w.store.History(w.ctx, w.app.Num, users[1], toGroup("g"), domain.HistoryRange{Before: &before, Limit: 10})
	w.ok(err)
	w.same("before joining", page, domain.HistoryPage{Head: 3})
	page, err = w.store.History(w.ctx, w.app.Num, users[1], toGroup("g"), domain.HistoryRange{Limit: 1})
	w.ok(err)
	w.same("has more", page.HasMore(), false)
	w.same("has read what was there before", w.membersOf("g")[0].ReadSeq, int64(2))
}

func membershipRejoin(w *world) {
	users := w.users("owner", "guest")
	w.group("g", users...)
	w.send(users[0], toGroup("g"), "1")
	w.ok(w.remove("g", users[1], "guest"))
	w.send(users[0], toGroup("g"), "2")
	_, err := w.store.History(w.ctx, w.app.Num, users[1], toGroup("g"), domain.HistoryRange{Limit: 1})
	w.refused(err, domain.ErrNotInGroup)
	_, err = w.add("g", domain.UserRef{}, 10, "guest")
	w.ok(err)
	w.send(users[0], toGroup("g"), "3")
	w.same("log", w.texts(users[1]), []string{"1", "3"})
	w.same("history", w.history(users[1], toGroup("g")), []string{"3"})
}

// membershipOrder adds and removes a user while others send: what the user gets
// is exactly what was numbered between the changes.
func membershipOrder(w *world) {
	users := w.users("owner", "guest")
	owner, guest := users[0], users[1]
	w.group("g", owner)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() { // ends when stop is closed
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := w.store.Append(w.ctx, w.outgoing(owner, toGroup("g"), fmt.Sprint(i, n), "")); err != nil {
					w.Error(err)
					return
				}
			}
		})
	}
	type interval struct{ from, to int64 } // conversation_seq of markers around and inside
	var inside []interval
	for range 10 {
		_, err := w.add("g", domain.UserRef{}, 10, "guest")
		w.ok(err)
		first := w.send(owner, toGroup("g"), "in")
		last := w.send(guest, toGroup("g"), "in")
		w.ok(w.remove("g", owner, "guest"))
		w.send(owner, toGroup("g"), "out")
		inside = append(inside, interval{first.ConversationSeq, last.ConversationSeq})
	}
	close(stop)
	wg.Wait()
	got := make(map[int64]bool)
	var last int64
	for _, e := range w.log(guest.Num) {
		if e.Message.ConversationSeq <= last {
			w.Errorf("message %d comes after %d", e.Message.ConversationSeq, last)
		}
		last = e.Message.ConversationSeq
		got[last] = true
		if textOf(e.Message) == "out" {
			w.Errorf("message %d was sent after the removal", last)
		}
	}
	for _, i := range inside {
		for seq := i.from; seq <= i.to; seq++ {
			if !got[seq] {
				w.Errorf("message %d, sent during membership, is missing", seq)
			}
		}
	}
}

func membershipLimitConcurrent(w *world) {
	users := w.many("u", 13)
	w.group("g", users[0])
	var wg sync.WaitGroup
	for _, u := range users[1:] {
		wg.Go(func() { // ends with the test
			if _, err := w.add("g", domain.UserRef{}, 5, u.ID); err != nil && domain.CodeOf(err) != domain.CodeBadRequest {
				w.Error(err)
			}
		})
	}
	wg.Wait()
	w.same("members", len(w.members("g")), 5)
}

func membershipStrangers(w *world) {
	users := w.users("owner", "stranger")
	w.group("g", users[0])
	out := w.outgoing(users[1], toGroup("g"), "x", "")
	_, err := w.store.Append(w.ctx, out)
	w.refused(err, domain.ErrNotInGroup)
	_, err = w.store.Receivers(w.ctx, out)
	w.refused(err, domain.ErrNotInGroup)
	_, err = w.store.History(w.ctx, w.app.Num, users[1], toGroup("g"), domain.HistoryRange{Limit: 1})
	w.refused(err, domain.ErrNotInGroup)
	w.same("a refused send takes no number", w.send(users[0], toGroup("g"), "1").ConversationSeq, int64(1))
}
