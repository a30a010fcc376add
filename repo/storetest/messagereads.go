package storetest

import (
	"fmt"

	"github.com/gim-im/gim/domain"
)

func messageReadTests() map[string]func(*world) {
	return map[string]func(*world){
		"Reads_OfAGroupAreThoseOfItsMembers":     readsOfGroup,
		"Reads_OfAChatAreThoseOfTheOther":        readsOfChat,
		"Reads_OfALargeGroupAreCounted":          readsOfLargeGroup,
		"Reads_AreForWhoMayReadTheMessage":       readsRefused,
		"Reads_ArePagedAndKeepToWhoHasRead":      readsPaged,
		"Reads_LeaveOutWhoCameLaterOrIsNotThere": readsOfMembers,
	}
}

// reads lists who has read a message, as user/read, behind the counts.
func (w *world) reads(reader domain.UserRef, id domain.MessageID, read *bool) []string {
	w.Helper()
	r, err := w.messages().Reads(w.ctx, w.caller(reader), id, read, domain.Page{Limit: 100})
	w.ok(err)
	all := []string{fmt.Sprintf("%d of %d", r.ReadCount, r.MemberCount)}
	for _, m := range r.Items {
		all = append(all, fmt.Sprintf("%s/%v", m.User, m.Read))
	}
	return all
}

func readsOfGroup(w *world) {
	users := w.users("alice", "bob", "carol")
	w.created("team", domain.GroupNormal, domain.HistoryJoined, users...)
	team := toGroup("team")
	first, second := w.send(users[0], team, "first"), w.send(users[0], team, "second")
	w.readUpTo(users[1], team, first.ConversationSeq)
	w.same("first", w.reads(users[0], first.MessageID, nil), []string{"1 of 2", "bob/true", "carol/false"})
	w.same("second", w.reads(users[2], second.MessageID, nil), []string{"0 of 2", "bob/false", "carol/false"})
	w.readUpTo(users[2], team, second.ConversationSeq)
	w.same("who is behind it counts", w.reads(domain.UserRef{}, first.MessageID, nil), []string{"2 of 2", "bob/true", "carol/true"})
}

func readsOfChat(w *world) {
	users := w.users("alice", "bob")
	m := w.send(users[0], toUser(users[1]), "hi")
	w.same("unread", w.reads(users[0], m.MessageID, nil), []string{"0 of 1", "bob/false"})
	w.readUpTo(users[1], toUser(users[0]), 1)
	w.same("read", w.reads(users[0], m.MessageID, nil), []string{"1 of 1", "bob/true"})
	news := w.send(domain.UserRef{}, toUser(users[1]), "news")
	w.same("of the business", w.reads(domain.UserRef{}, news.MessageID, nil), []string{"0 of 1", "bob/false"})
}

func readsOfLargeGroup(w *world) {
	users := w.users("alice", "bob", "carol")
	w.large("stage", users...)
	stage := toGroup("stage")
	m := w.send(users[0], stage, "hi")
	w.readUpTo(users[1], stage, m.ConversationSeq)
	for _, reader := range []domain.UserRef{users[0], {}} {
		w.same("counts", w.reads(reader, m.MessageID, nil), []string{"1 of 2"})
	}
	_, err := w.messages().Reads(w.ctx, w.caller(users[1]), m.MessageID, nil, domain.Page{Limit: 1})
	w.refused(err, domain.Failure(domain.CodeForbidden, ""))
}

func readsRefused(w *world) {
	users := w.users("alice", "bob", "mallory")
	m := w.send(users[0], toUser(users[1]), "hi")
	other := w.other()
	for _, by := range []domain.Principal{w.caller(users[2]), other.caller(other.user("alice")), other.caller(domain.UserRef{})} {
		_, err := w.messages().Reads(w.ctx, by, m.MessageID, nil, domain.Page{Limit: 1})
		w.refused(err, domain.ErrMessageNotFound)
	}
	_, err := w.messages().Reads(w.ctx, w.caller(users[0]), m.MessageID, nil, domain.Page{Limit: 1, Cursor: "x"})
	w.refused(err, domain.Failure(domain.CodeBadRequest, ""))
}

func readsPaged(w *world) {
	users := w.many("m", 7)
	w.created("team", domain.GroupNormal, domain.HistoryJoined, users...)
	m := w.send(users[0], toGroup("team"), "hi")
	want := map[bool][]string{}
	for i, u := range users[1:] {
		if i%2 == 0 {
			w.readUpTo(u, toGroup("team"), m.ConversationSeq)
		}
		want[i%2 == 0] = append(want[i%2 == 0], string(u.ID))
	}
	for _, read := range []bool{true, false} {
		var got []string
		page := domain.Page{Limit: 2}
		for {
			r, err := w.messages().Reads(w.ctx, w.caller(users[0]), m.MessageID, &read, page)
			w.ok(err)
			w.same("counts", []int{r.ReadCount, r.MemberCount}, []int{3, 6})
			for _, one := range r.Items {
				got = append(got, string(one.User))
			}
			if page.Cursor = r.NextCursor; page.Cursor == "" {
				break
			}
		}
		w.same(fmt.Sprint("read is ", read), got, want[read])
	}
}

func readsOfMembers(w *world) {
	users := w.users("alice", "bob", "carol", "dave")
	w.created("team", domain.GroupNormal, domain.HistoryJoined, users[:3]...)
	m := w.send(users[0], toGroup("team"), "hi")
	_, err := w.add("team", domain.UserRef{}, 10, "dave")
	w.ok(err)
	w.ok(w.remove("team", domain.UserRef{}, "bob"))
	w.readUpTo(users[2], toGroup("team"), m.ConversationSeq)
	w.same("who was there and is", w.reads(users[0], m.MessageID, nil), []string{"1 of 1", "carol/true"})
}
