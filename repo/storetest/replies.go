package storetest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gim-im/gim/domain"
)

func replyTests() map[string]func(*world) {
	return map[string]func(*world){
		"Replies_NameWhatTheyAnswer":         repliesShown,
		"Replies_WhatIsRefusedLeavesNothing": repliesRefused,
		"Replies_AreToWhatTheirSenderHas":    repliesToDeleted,
		"Replies_AreToNoEntries":             repliesToEntries,
		"Forward_CopiesWhatIsSaid":           forwardCopies,
		"Forward_IsRepeatedWhateverBecomes":  forwardRepeats,
	}
}

func (w *world) reply(by domain.UserRef, to domain.Target, id domain.MessageID, key string) (domain.Receipt, error) {
	return w.messages().Send(w.ctx, w.caller(by), domain.SendParams{
		To: to, Type: domain.ContentText, Content: json.RawMessage(`{"text":"reply"}`), ReplyTo: id, ClientMsgID: key,
	})
}

func (w *world) forward(by domain.UserRef, to domain.Target, id domain.MessageID, key string) (domain.Receipt, error) {
	return w.messages().Forward(w.ctx, w.caller(by), id, domain.ForwardParams{To: to, ClientMsgID: key})
}

// found looks a message up.
func (w *world) found(by domain.UserRef, id domain.MessageID) *domain.Message {
	w.Helper()
	m, err := w.messages().Message(w.ctx, w.caller(by), id)
	w.ok(err)
	return m
}

func repliesShown(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	w.group("g", users...)
	w.large("l", users...)
	chat := w.send(alice, toUser(bob), "text").MessageID
	group := w.send(alice, toGroup("g"), "text").MessageID
	large := w.send(alice, toGroup("l"), "text").MessageID
	news := w.send(domain.UserRef{}, toUser(bob), "text").MessageID
	for _, c := range []struct {
		by domain.UserRef
		to domain.Target
		id domain.MessageID
	}{{bob, toUser(alice), chat}, {alice, toUser(bob), chat}, {bob, toGroup("g"), group}, {bob, toGroup("l"), large}, {domain.UserRef{}, toUser(bob), news}, {domain.UserRef{}, toGroup("g"), group}} {
		r, err := w.reply(c.by, c.to, c.id, "")
		w.ok(err)
		w.same("answers", w.found(domain.UserRef{}, r.MessageID).ReplyTo, c.id)
	}
	published := w.deliveries()
	w.same("published with what it answers", published[len(published)-1].Message.ReplyTo, group)
	w.same("the others answer nothing", w.found(bob, chat).ReplyTo, domain.MessageID(""))

	first, err := w.reply(bob, toUser(alice), chat, "key")
	w.ok(err)
	again, err := w.reply(bob, toUser(alice), chat, "key")
	w.ok(err)
	w.same("again", []any{again.Repeated, again.MessageID}, []any{true, first.MessageID})
	_, err = w.reply(bob, toUser(alice), first.MessageID, "key")
	w.refused(err, domain.ErrIdempotencyConflict)
	edited, err := w.edit(bob, first.MessageID, "edited")
	w.ok(err)
	w.same("edited", edited.ReplyTo, chat)
	_, err = w.recall(alice, chat)
	w.ok(err)
	w.same("though what it answers is gone", w.found(alice, first.MessageID).ReplyTo, chat)
	recalled, err := w.recall(bob, first.MessageID)
	w.ok(err)
	w.same("recalled", []domain.MessageID{recalled.ReplyTo, w.found(alice, first.MessageID).ReplyTo}, []domain.MessageID{"", ""})
}

func repliesRefused(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	w.created("g", domain.GroupNormal, domain.HistoryJoined, alice, bob)
	w.created("open", domain.GroupNormal, domain.HistoryAll, alice, bob)
	chat, other := w.send(alice, toUser(bob), "chat").MessageID, w.send(alice, toUser(carol), "other").MessageID
	group, open := w.send(alice, toGroup("g"), "group").MessageID, w.send(alice, toGroup("open"), "open").MessageID
	for _, id := range []domain.GroupID{"g", "open"} {
		_, err := w.add(id, domain.UserRef{}, 10, "carol")
		w.ok(err)
	}
	conv, seq := chat.Place()
	e := w.other()
	foreign := e.send(e.user("alice"), toUser(e.user("bob")), "foreign").MessageID
	before := [][]string{w.tellings(alice), w.tellings(bob), w.tellings(carol)}
	refused := func(by domain.UserRef, to domain.Target, id domain.MessageID, want error) {
		w.Helper()
		_, err := w.reply(by, to, id, "")
		w.refused(err, want)
		if known, ok := err.(*domain.Error); ok && domain.CodeOf(err) == domain.CodeBadRequest { //nolint:errorlint // as it is
			w.same("field", fmt.Sprint(known.Fields), fmt.Sprint(domain.ErrBadReply.Fields))
		}
	}
	for _, id := range []domain.MessageID{
		other, group, foreign, domain.NewMessageID(epoch, conv, seq+1), domain.NewMessageID(epoch, conv, seq+2),
		domain.NewMessageID(epoch.Add(1e6), conv, seq), domain.NewMessageID(epoch, conv, 0),
	} {
		refused(bob, toUser(alice), id, domain.ErrBadReply)
		refused(bob, toUser(carol), id, domain.ErrBadReply) // which would begin the chat
		refused(domain.UserRef{}, toUser(bob), id, domain.ErrBadReply)
	}
	w.noConversation(bob, toUser(carol), domain.ErrConversationNotFound)
	refused(alice, toGroup("g"), chat, domain.ErrBadReply)
	refused(carol, toGroup("g"), group, domain.ErrBadReply) // from before it joined
	w.ok(w.remove("g", alice, "bob"))
	before[0], before[1], before[2] = w.tellings(alice), w.tellings(bob), w.tellings(carol)
	refused(bob, toGroup("g"), group, domain.ErrNotInGroup)
	w.block(bob, "alice")
	refused(alice, toUser(bob), chat, domain.ErrBlocked)
	refused(alice, toUser(bob), foreign, domain.ErrBlocked)
	w.same("logs", [][]string{w.tellings(alice), w.tellings(bob), w.tellings(carol)}, before)
	_, err := w.reply(carol, toGroup("open"), open, "")
	w.ok(err)
}

// repliesToDeleted are to what a user has deleted, by itself and with the conversation.
func repliesToDeleted(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	w.created("team", domain.GroupNormal, domain.HistoryJoined, alice, bob)
	w.created("stage", domain.GroupLarge, domain.HistoryAll, alice, bob)
	for _, target := range []domain.Target{toGroup("team"), toGroup("stage"), toUser(bob)} {
		theirs := target
		if target.User != "" {
			theirs = toUser(alice)
		}
		single, kept := w.send(alice, target, "single").MessageID, w.send(alice, target, "kept").MessageID
		first, err := w.reply(bob, theirs, single, "key "+string(target.Group))
		w.ok(err)
		refused := func(ids ...domain.MessageID) {
			w.Helper()
			before := []any{w.history(alice, target), w.tellings(alice), w.tellings(bob)}
			for _, id := range ids {
				_, err := w.reply(bob, theirs, id, "")
				w.refused(err, domain.ErrBadReply)
			}
			w.same("refused", []any{w.history(alice, target), w.tellings(alice), w.tellings(bob)}, before)
		}
		answered := func(by domain.UserRef, to domain.Target, ids ...domain.MessageID) {
			w.Helper()
			for _, id := range ids {
				_, err := w.reply(by, to, id, "")
				w.ok(err)
			}
		}
		w.ok(w.deleteMessage(bob, single))
		refused(single)
		answered(bob, theirs, kept)
		answered(alice, target, single, kept)
		w.ok(w.store.DeleteConversation(w.ctx, w.app.Num, bob.Num, theirs))
		refused(single, kept)
		answered(alice, target, single, kept)
		if target.User == "" {
			answered(domain.UserRef{}, target, single, kept)
		}
		answered(bob, theirs, w.send(alice, target, "later").MessageID)
		again, err := w.reply(bob, theirs, single, "key "+string(target.Group))
		w.ok(err)
		w.same("again", []any{again.Repeated, again.MessageID}, []any{true, first.MessageID})
	}
	news := w.send(domain.UserRef{}, toUser(bob), "news").MessageID
	w.ok(w.deleteMessage(bob, news))
	_, err := w.reply(domain.UserRef{}, toUser(bob), news, "")
	w.ok(err)
	log := w.log(bob.Num)
	_, err = w.reply(domain.UserRef{}, toUser(bob), log[len(log)-2].Message.ID, "") // which tells that it was deleted
	w.refused(err, domain.ErrBadReply)
}

// repliesToEntries are to what gim says itself.
func repliesToEntries(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	w.created("team", domain.GroupNormal, domain.HistoryJoined, alice, bob)
	w.created("stage", domain.GroupLarge, domain.HistoryAll, alice, bob)
	for _, target := range []domain.Target{toGroup("team"), toGroup("stage"), toUser(bob)} {
		message := w.send(alice, target, "text")
		w.react(bob, message.MessageID, "👍")
		_, err := w.recall(alice, message.MessageID)
		w.ok(err)
		by := []domain.UserRef{alice}
		if target.User == "" {
			by = append(by, domain.UserRef{})
		}
		entries := 0
		for _, m := range w.page(alice, target, domain.HistoryRange{Limit: 10}).Messages {
			for _, sender := range by {
				switch _, err := w.reply(sender, target, m.ID, ""); {
				case m.Type == domain.ContentCommand:
					entries++
					w.refused(err, domain.ErrBadReply)
				default:
					w.ok(err) // a recalled message too: it is there
				}
			}
		}
		w.same("there are entries", entries >= 2, true)
		own := w.outgoing(alice, target, "", "")
		own.Message.Type, own.Message.Content = domain.ContentCommand, json.RawMessage(`{"code":1000}`)
		r, err := w.store.Append(w.ctx, own)
		w.ok(err)
		_, err = w.reply(alice, target, r.MessageID, "")
		w.ok(err)
	}
}

func forwardCopies(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	w.group("g", users...)
	out := w.outgoing(alice, toUser(bob), "secret", "")
	out.Message.Mentions = []string{"bob"}
	sent, err := w.store.Append(w.ctx, out)
	w.ok(err)
	answer, err := w.reply(bob, toUser(alice), sent.MessageID, "")
	w.ok(err)
	for _, c := range []struct {
		by   domain.UserRef
		to   domain.Target
		id   domain.MessageID
		text string
	}{{bob, toUser(carol), sent.MessageID, "secret"}, {alice, toGroup("g"), answer.MessageID, "reply"}, {domain.UserRef{}, toUser(carol), sent.MessageID, "secret"}} {
		r, err := w.forward(c.by, c.to, c.id, "")
		w.ok(err)
		m := w.found(carol, r.MessageID)
		w.same("forwarded", []any{m.Forwarded, textOf(m), m.Type, m.Sender.User, len(m.Mentions), m.ReplyTo, m.Status},
			[]any{true, c.text, domain.ContentText, c.by.ID, 0, domain.MessageID(""), domain.StatusNormal})
		if c.by.Num == 0 {
			continue
		}
		_, err = w.edit(c.by, r.MessageID, "other")
		w.refused(err, domain.ErrForbidden)
		recalled, err := w.recall(c.by, r.MessageID)
		w.ok(err)
		w.same("recalled", []bool{recalled.Forwarded, w.found(carol, r.MessageID).Forwarded}, []bool{false, false})
	}
	published := w.deliveries()
	w.same("is published", strings.Count(fmt.Sprint(len(published)), ""), 2)
	w.same("what was forwarded is as it was", []any{told(w.found(bob, sent.MessageID)), w.found(bob, sent.MessageID).Forwarded}, []any{"normal secret", false})

	before := w.tellings(carol)
	refused := func(by domain.UserRef, to domain.Target, id domain.MessageID, want error) {
		w.Helper()
		for _, key := range []string{"", "key"} {
			_, err := w.forward(by, to, id, key)
			w.refused(err, want)
		}
	}
	refused(carol, toGroup("g"), sent.MessageID, domain.ErrMessageNotFound)
	e := w.other()
	eve := e.users("alice", "carol")
	_, err = e.forward(eve[0], toUser(eve[1]), sent.MessageID, "key")
	e.refused(err, domain.ErrMessageNotFound)
	w.block(carol, "alice")
	refused(alice, toUser(carol), sent.MessageID, domain.ErrBlocked)
	_, err = w.recall(alice, sent.MessageID)
	w.ok(err)
	refused(bob, toUser(carol), sent.MessageID, domain.ErrMessageRecalled)
	refused(bob, toUser(carol), w.log(bob.Num)[len(w.log(bob.Num))-1].Message.ID, domain.ErrForbidden) // the entry of the recall
	w.same("carol", w.tellings(carol), before)
}

// forwardRepeats forwards again after the message has changed and is gone.
func forwardRepeats(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, carol := users[0], users[2]
	sent, other := w.send(alice, toUser(users[1]), "v0"), w.send(alice, toUser(users[1]), "o0")
	first, err := w.forward(alice, toUser(carol), sent.MessageID, "key")
	w.ok(err)
	again := func() {
		w.Helper()
		r, err := w.forward(alice, toUser(carol), sent.MessageID, "key")
		w.ok(err)
		w.same("again", []any{r.Repeated, r.MessageID, r.Seq}, []any{true, first.MessageID, first.Seq})
	}
	again()
	_, err = w.edit(alice, sent.MessageID, "v1")
	w.ok(err)
	again()
	_, err = w.recall(alice, sent.MessageID)
	w.ok(err)
	again()
	_, err = w.forward(alice, toUser(carol), other.MessageID, "key")
	w.refused(err, domain.ErrIdempotencyConflict)
	_, err = w.forward(alice, toUser(users[1]), sent.MessageID, "key")
	w.refused(err, domain.ErrIdempotencyConflict)
	w.same("carol", w.texts(carol), []string{"v0"})
}
