package storetest

import (
	"strings"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
)

func recallBlanks(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob := users[0], users[1]
	w.group("g", users...)
	out := w.outgoing(alice, toUser(bob), "secret", "key")
	out.Message.Mentions = []string{"bob"}
	chat, err := w.store.Append(w.ctx, out)
	w.ok(err)
	group := w.send(alice, toGroup("g"), "secret")
	for _, id := range []domain.MessageID{chat.MessageID, group.MessageID} {
		got, err := w.recall(alice, id)
		w.ok(err)
		w.same("recalled", []any{got.ID, told(got), string(got.Content), len(got.Mentions), got.ClientMsgID}, []any{id, "recalled", "{}", 0, map[bool]string{true: "key"}[id == chat.MessageID]})
		for _, u := range users[:2] {
			read, err := w.messages().Message(w.ctx, w.caller(u), id)
			w.ok(err)
			w.same("looked up", read, got)
		}
	}
	want := []string{"recalled", "recalled", "300 of 1 by alice", "300 of 1 by alice"}
	w.same("alice", w.tellings(alice), want)
	w.same("bob", w.tellings(bob), want)
	w.same("carol", w.tellings(users[2]), []string{"recalled", "300 of 1 by alice"})
	for _, e := range w.log(bob.Num)[2:] {
		w.same("conversation, as bob names it", e.Message.ConversationID(e.IsSender), map[bool]string{true: "group:g", false: "user:alice"}[e.Message.To.Group != ""])
	}
	for _, e := range w.log(alice.Num)[2:] {
		w.same("conversation, as alice names it", e.Message.ConversationID(e.IsSender), map[bool]string{true: "group:g", false: "user:bob"}[e.Message.To.Group != ""])
	}
	for _, target := range []domain.Target{toUser(alice), toGroup("g")} {
		all := strings.Join(w.contents(bob, target), "\n")
		w.same("the text is in the history", strings.Contains(all, "secret"), false)
	}
	again, err := w.store.Append(w.ctx, out)
	w.ok(err)
	w.same("sent again", []any{again.Repeated, again.MessageID}, []any{true, chat.MessageID})

	published := w.deliveries()
	w.same("published", len(published), 4)
	last := published[3]
	w.same("receivers", []any{len(last.To), last.Group, last.Origin, last.Message.ConversationSeq}, []any{3, domain.ConversationNum(0), "", int64(2)})
	for i, to := range last.To {
		w.same("published as stored", told(w.log(to.User)[to.Seq-1].Message), told(last.Message))
		w.same("is of the sender", to.IsSender, users[i] == alice)
	}
}

func recallLarge(w *world) {
	users := w.users("owner", "alice", "bob")
	g := w.large("g", users...)
	sent := w.send(users[1], toGroup("g"), "secret")
	w.send(users[2], toGroup("g"), "next")
	_, err := w.recall(users[0], sent.MessageID) // the owner's right
	w.ok(err)
	for _, u := range users {
		log := w.groupLog(g.Num, asMember(u), 2)
		w.same("log of the group", []string{told(log[0]), told(log[1]), told(log[2])}, []string{"recalled", "normal next", "300 of 1 by owner"})
		w.same("own log", w.texts(u), []string{})
	}
	w.same("unread", w.largeGroups(users[2], "")[0].Unread, int64(2))
	published := w.deliveries()
	last := published[len(published)-1]
	w.same("published", []any{len(published), len(last.To), last.Group, last.Message.ConversationSeq}, []any{3, 0, g.Num, int64(3)})
}

// recallOnce has many recall one message at once: one does, the others are refused.
func recallOnce(w *world) {
	users := w.users("alice", "bob")
	sent := w.send(users[0], toUser(users[1]), "secret")
	var mu sync.Mutex
	codes := make(map[domain.Code]int)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { // ends with the test
			_, err := w.recall(users[0], sent.MessageID)
			mu.Lock()
			defer mu.Unlock()
			codes[domain.CodeOf(err)]++
		})
	}
	wg.Wait()
	w.same("outcomes", codes, map[domain.Code]int{"": 1, domain.CodeMessageRecalled: 7})
	w.same("bob", w.tellings(users[1]), []string{"recalled", "300 of 1 by alice"})
}

func recallRefused(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob := users[0], users[1]
	w.group("g", bob, alice)
	sent := []domain.Receipt{w.send(alice, toUser(bob), "chat"), w.send(alice, toGroup("g"), "group"), w.send(domain.UserRef{}, toUser(alice), "news")}
	before := [][]string{w.tellings(alice), w.tellings(bob)}
	count := len(w.deliveries())
	late := domain.NewMessenger(domain.MessengerOptions{Messages: w.store, Apps: w.store, Clock: clockAt(epoch.Add(2 * time.Minute)), Limiter: unlimited{}})
	for i, r := range sent {
		_, err := w.recall(users[2], r.MessageID)
		w.refused(err, domain.ErrMessageNotFound)
		if i < 2 {
			_, err = late.Recall(w.ctx, w.caller(alice), r.MessageID)
			w.refused(err, domain.Failure(domain.CodeTooLate, ""))
		}
	}
	_, err := w.recall(bob, sent[0].MessageID)
	w.refused(err, domain.ErrForbidden)
	_, err = w.recall(alice, sent[2].MessageID)
	w.refused(err, domain.ErrForbidden)
	w.same("logs", [][]string{w.tellings(alice), w.tellings(bob)}, before)
	w.same("published", len(w.deliveries()), count)
	_, err = late.Recall(w.ctx, w.caller(bob), sent[1].MessageID) // the owner of the group
	w.ok(err)
	entry := w.log(bob.Num)[2].Message
	_, err = w.recall(domain.UserRef{}, entry.ID)
	w.refused(err, domain.ErrForbidden)
}

func recallByBusiness(w *world) {
	users := w.users("alice", "bob")
	w.created("g", domain.GroupNormal, domain.HistoryAll, users...)
	for _, r := range []domain.Receipt{w.send(users[0], toUser(users[1]), "1"), w.send(users[0], toGroup("g"), "2"), w.send(domain.UserRef{}, toUser(users[1]), "3"), w.send(users[0], toUser(users[0]), "4")} {
		_, err := w.recall(domain.UserRef{}, r.MessageID)
		w.ok(err)
	}
	w.same("alice", w.tellings(users[0])[1:], []string{"recalled", "recalled", "recalled", "300 of 1 by", "300 of 2 by", "300 of 1 by"})
	w.same("bob", w.tellings(users[1])[1:], []string{"recalled", "recalled", "recalled", "300 of 1 by", "300 of 2 by", "300 of 1 by"})
	w.same("the business's own", len(w.contents(domain.UserRef{}, toUser(users[1]))), 2)
	w.ok(w.telling().Dismiss(w.ctx, w.caller(users[0]), "g"))
	sent := w.contents(users[0], toGroup("g"))
	w.same("the history of the group", len(sent), 4)
}
