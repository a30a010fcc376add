package storetest

import (
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gim-im/gim/domain"
)

func deleteTests() map[string]func(*world) {
	return map[string]func(*world){
		"Delete_TakesAMessageFromOneUserEverywhere": deleteEverywhere,
		"Delete_IsToldToTheUserOnly":                deleteTold,
		"Delete_CountsAsAChange":                    deleteChanges,
		"Delete_IsForWhatTheUserMayRead":            deleteRefused,
		"Delete_HappensOnce":                        deleteOnce,
		"Delete_OfAConversationHidesItsMessages":    deleteHides,
		"Delete_IsNotFoundBySearch":                 deleteSearch,
		"Delete_OfAMentionShowsTheNext":             deleteMention,
		"Delete_PagesStayExact":                     deletePages,
		"Delete_CountsWhatIsUnreadOnly":             deleteCounts,
	}
}

// idAt is the id of a message of a group.
func (w *world) idAt(group domain.Target, seq int64) domain.MessageID {
	w.Helper()
	page, err := w.store.History(w.ctx, w.app.Num, domain.UserRef{}, group, domain.HistoryRange{Around: &seq, Limit: 1})
	w.ok(err)
	return page.Messages[0].ID
}

func (w *world) deleteMessage(user domain.UserRef, id domain.MessageID) error {
	return w.messages().Delete(w.ctx, w.caller(user), id)
}

// traceOf is what the sender of a message gets when it asks for the way of it.
func (w *world) traceOf(user domain.UserRef, id domain.MessageID) error {
	conv, seq := id.Place()
	_, err := w.store.TracedMessage(w.ctx, w.app.Num, user.Num, domain.PlacedMessage{Conversation: conv, Seq: seq, SentAt: epoch})
	return err
}

func deleteEverywhere(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	w.created("team", domain.GroupNormal, domain.HistoryJoined, alice, bob)
	w.created("stage", domain.GroupLarge, domain.HistoryAll, alice, bob)
	for _, target := range []domain.Target{toGroup("team"), toGroup("stage"), toUser(bob)} {
		theirs := target
		if target.User != "" {
			theirs = toUser(alice)
		}
		first, second := w.send(alice, target, "first"), w.send(alice, target, "second")
		before := w.conversation(bob, theirs).Unread
		_, err := w.recall(alice, second.MessageID)
		w.ok(err)
		w.ok(w.deleteMessage(bob, second.MessageID))
		w.same("unread", w.conversation(bob, theirs).Unread, before-1)
		w.ok(w.deleteMessage(bob, first.MessageID))
		c := w.conversation(bob, theirs)
		w.same("unread", c.Unread, before-2)
		if last := c.LastMessage; last != nil && last.IsMessageEvent() {
			w.Errorf("the last message tells of another: %+v", last)
		}
		for _, id := range []domain.MessageID{first.MessageID, second.MessageID} {
			_, err = w.messages().Message(w.ctx, w.caller(bob), id)
			w.refused(err, domain.ErrMessageNotFound)
			_, err = w.messages().MessageEdits(w.ctx, w.caller(bob), id, domain.Page{Limit: 1})
			w.refused(err, domain.ErrMessageNotFound)
			_, err = w.messages().Message(w.ctx, w.caller(alice), id)
			w.ok(err)
			_, err = w.messages().Message(w.ctx, w.caller(domain.UserRef{}), id)
			w.ok(err)
			w.ok(w.traceOf(alice, id))
			w.ok(w.traceOf(domain.UserRef{}, id))
		}
		for _, seq := range seqsOf(w.page(bob, theirs, domain.HistoryRange{Limit: 100})) {
			w.same("is in the history", seq == first.ConversationSeq || seq == second.ConversationSeq, false)
		}
		w.same("alice keeps them", len(w.page(alice, target, domain.HistoryRange{Limit: 100}).Messages), len(w.page(bob, theirs, domain.HistoryRange{Limit: 100}).Messages)+2)
		w.ok(w.deleteMessage(alice, first.MessageID))
		w.refused(w.traceOf(alice, first.MessageID), domain.ErrMessageNotFound)
		_, err = w.recall(alice, first.MessageID)
		w.refused(err, domain.ErrMessageNotFound)
	}
	news := w.send(domain.UserRef{}, toUser(bob), "news")
	unread := w.conversation(bob, domain.Target{}).Unread
	w.ok(w.deleteMessage(bob, news.MessageID))
	w.same("unread of the business", w.conversation(bob, domain.Target{}).Unread, unread-1)
	own := w.send(alice, toUser(alice), "to herself")
	w.ok(w.deleteMessage(alice, own.MessageID))
	c := w.conversation(alice, toUser(alice))
	w.same("all of a conversation", []any{c.Unread, c.LastMessage == nil, c.LastSeq}, []any{int64(0), true, int64(1)})
}

func (w *world) page(viewer domain.UserRef, target domain.Target, r domain.HistoryRange) domain.HistoryPage {
	w.Helper()
	page, err := w.store.History(w.ctx, w.app.Num, viewer, target, r)
	w.ok(err)
	return page
}

func deleteTold(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	w.group("team", users...)
	chat, group := w.send(alice, toUser(bob), "1"), w.send(alice, toGroup("team"), "2")
	news := w.send(domain.UserRef{}, toUser(bob), "3")
	for name, r := range map[string]domain.Receipt{"user:alice": chat, "group:team": group, "business": news} {
		w.ok(w.deleteMessage(bob, r.MessageID))
		log := w.log(bob.Num)
		entry := log[len(log)-1].Message
		var got domain.MessageEvent
		w.ok(json.Unmarshal(entry.Content, &got))
		w.same("entry", got, domain.MessageEvent{Code: 304, Data: domain.MessageEventData{Message: r.MessageID, Seq: r.ConversationSeq, Conversation: name}})
		w.same("of the business", []any{entry.ConversationID(false), entry.Sender, entry.SentAt}, []any{"business", domain.Sender{Type: domain.SenderSystem}, entry.SentAt})
	}
	w.ok(w.deleteMessage(alice, chat.MessageID))
	log := w.log(alice.Num)
	var got domain.MessageEvent
	w.ok(json.Unmarshal(log[len(log)-1].Message.Content, &got))
	w.same("the sender's name of the chat", got.Data.Conversation, "user:bob")
	w.same("entries of alice", len(log), 3)
	w.same("unread", w.conversation(bob, domain.Target{}).Unread, int64(0))
	own := 0
	for _, d := range w.deliveries() {
		if d.Message.Type != domain.ContentCommand {
			continue
		}
		own++
		w.same("receivers", len(d.To), 1)
		w.same("receiver", d.To[0].User == bob.Num || d.To[0].User == alice.Num, true)
	}
	w.same("deliveries", own, 4)
}

func deleteChanges(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	sent := w.send(alice, toUser(bob), "1")
	w.send(alice, toUser(bob), "2")
	_, err := w.store.ReadConversation(w.ctx, w.app.Num, bob.Num, toUser(alice), 2)
	w.ok(err)
	_, err = w.messages(), w.store.ChangeConversation(w.ctx, w.app.Num, bob.Num, toUser(alice), domain.ConversationChange{Pinned: new(true)})
	w.ok(err)
	since := w.listed(bob).Changes
	w.ok(w.deleteMessage(bob, sent.MessageID))
	list, _, err := w.store.ChangedConversations(w.ctx, w.app.Num, bob.Num, since, 10)
	w.ok(err)
	var ids []string
	for _, c := range list.Items {
		ids = append(ids, c.ID)
		w.same("pinned", c.Pinned, c.ID == "user:alice")
	}
	w.same("changed", ids, []string{"user:alice"})
	w.same("the conversation that has only what tells of it", list.Removed, []string{"business"})
}

func deleteRefused(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	w.created("g", domain.GroupNormal, domain.HistoryJoined, alice, bob)
	chat, group := w.send(alice, toUser(bob), "1"), w.send(alice, toGroup("g"), "2")
	_, err := w.add("g", domain.UserRef{}, 10, "carol")
	w.ok(err)
	before := len(w.log(carol.Num))
	late := domain.NewMessageID(epoch.Add(time.Millisecond), 1, 1)
	for _, id := range []domain.MessageID{chat.MessageID, group.MessageID, late, domain.NewMessageID(epoch, 0, 0)} {
		w.refused(w.deleteMessage(carol, id), domain.ErrMessageNotFound)
	}
	w.refused(w.deleteMessage(carol, "x"), domain.Invalid("", ""))
	w.refused(w.deleteMessage(domain.UserRef{}, chat.MessageID), domain.ErrForbidden)
	w.same("nothing is told", len(w.log(carol.Num)), before)
	other := w.other()
	w.refused(other.deleteMessage(other.user("bob"), chat.MessageID), domain.ErrMessageNotFound)
	w.ok(w.remove("g", alice, "bob"))
	w.refused(w.deleteMessage(bob, group.MessageID), domain.ErrMessageNotFound)
	w.ok(w.store.DeleteUser(w.ctx, w.app.Num, "alice", epoch))
	w.refused(w.deleteMessage(alice, chat.MessageID), domain.ErrUnauthorized)
	w.ok(w.deleteMessage(bob, chat.MessageID)) // of a chat that is over
}

func deleteOnce(w *world) {
	users := w.users("alice", "bob")
	sent := w.send(users[0], toUser(users[1]), "1")
	var done atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { // ends with the test
			switch err := w.deleteMessage(users[1], sent.MessageID); domain.CodeOf(err) { //nolint:exhaustive // the others are failures
			case "":
				done.Add(1)
			case domain.CodeMessageNotFound:
			default:
				w.Error(err)
			}
		})
	}
	wg.Wait()
	w.same("deleted", done.Load(), int32(1))
	w.same("entries", len(w.log(users[1].Num)), 2)
	w.same("unread", w.conversation(users[1], toUser(users[0])).Unread, int64(0))
}

func deleteHides(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	single, sent := w.send(alice, toUser(bob), "1"), w.send(alice, toUser(bob), "2")
	w.ok(w.deleteMessage(bob, single.MessageID))
	w.ok(w.store.DeleteConversation(w.ctx, w.app.Num, bob.Num, toUser(alice)))
	_, err := w.messages().Message(w.ctx, w.caller(bob), sent.MessageID)
	w.refused(err, domain.ErrMessageNotFound)
	_, err = w.messages().Message(w.ctx, w.caller(alice), sent.MessageID)
	w.ok(err)
	w.refused(w.deleteMessage(bob, sent.MessageID), domain.ErrMessageNotFound)
	w.ok(w.store.DeleteConversation(w.ctx, w.app.Num, alice.Num, toUser(bob)))
	w.refused(w.traceOf(alice, sent.MessageID), domain.ErrMessageNotFound)
	w.send(alice, toUser(bob), "3")
	w.same("unread", w.conversation(bob, toUser(alice)).Unread, int64(1))
}

func deletePages(w *world) {
	users := w.users("alice", "bob")
	w.group("g", users...)
	all := mixed(w, users, toGroup("g"), 20)
	var want []int64
	for i, out := range all {
		if i%4 == 1 || i > 16 || i > 5 && i < 10 {
			w.ok(w.deleteMessage(users[1], w.idAt(toGroup("g"), out.Message.ConversationSeq)))
			continue
		}
		want = append(want, out.Message.ConversationSeq)
	}
	for limit := 1; limit <= len(want)+1; limit++ {
		for _, forward := range []bool{true, false} {
			w.same("pages", w.walk(users[1], toGroup("g"), domain.HistoryRange{Limit: limit}, forward), want)
		}
	}
	w.same("of another member", len(w.walk(users[0], toGroup("g"), domain.HistoryRange{Limit: 7}, true)), len(all))
}

func deleteCounts(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	read := w.send(alice, toUser(bob), "read")
	_, err := w.store.ReadConversation(w.ctx, w.app.Num, bob.Num, toUser(alice), read.ConversationSeq)
	w.ok(err)
	second := w.send(alice, toUser(bob), "2")
	w.ok(w.deleteMessage(bob, read.MessageID))
	w.same("unread though another one is deleted", w.conversation(bob, toUser(alice)).Unread, int64(1))
	_, err = w.recall(alice, second.MessageID)
	w.ok(err)
	log := w.log(bob.Num)
	w.ok(w.deleteMessage(bob, log[len(log)-1].Message.ID)) // what tells of the recall
	w.same("unread though an entry is deleted", w.conversation(bob, toUser(alice)).Unread, int64(1))

	w.ok(w.store.DeleteConversation(w.ctx, w.app.Num, bob.Num, toUser(alice)))
	w.ok(w.deleteMessage(bob, w.send(alice, toUser(bob), "3").MessageID))
	c := w.conversation(bob, toUser(alice))
	w.same("nothing comes back", []any{c.Unread, c.LastMessage == nil, c.LastSeq}, []any{int64(0), true, int64(4)})

	w.created("g", domain.GroupNormal, domain.HistoryJoined, alice)
	w.send(alice, toGroup("g"), "before")
	_, err = w.add("g", domain.UserRef{}, 10, "bob")
	w.ok(err)
	w.ok(w.deleteMessage(bob, w.send(alice, toGroup("g"), "after").MessageID))
	if last := w.conversation(bob, toGroup("g")).LastMessage; last != nil && textOf(last) != "" {
		w.Errorf("a member has %s from before it joined", last.Content)
	}
}

func deleteMention(w *world) {
	users := w.users("alice", "bob")
	w.group("g", users...)
	var sent []domain.Receipt
	for range 2 {
		out := w.outgoing(users[0], toGroup("g"), "you", "")
		out.Message.Mentions = []string{"bob"}
		r, err := w.store.Append(w.ctx, out)
		w.ok(err)
		sent = append(sent, r)
	}
	for i, r := range sent {
		w.same("mention", w.conversation(users[1], toGroup("g")).MentionSeq, r.ConversationSeq)
		w.ok(w.deleteMessage(users[1], sent[i].MessageID))
	}
	w.same("no mention is left", w.conversation(users[1], toGroup("g")).MentionSeq, int64(0))
}

func deleteSearch(w *world) {
	users := w.users("alice", "bob")
	w.send(users[0], toUser(users[1]), "lunch")
	gone := w.send(users[0], toUser(users[1]), "lunch later")
	w.finds(users[1], "lunch", "lunch later", "lunch")
	w.ok(w.deleteMessage(users[1], gone.MessageID))
	w.finds(users[1], "lunch", "lunch")
	w.finds(users[0], "lunch", "lunch later", "lunch")
}
