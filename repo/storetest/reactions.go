package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
)

func reactionTests() map[string]func(*world) {
	return map[string]func(*world){
		"Reactions_AreShownToEachReader":       reactionsShown,
		"Reactions_AreToldAndNotUnread":        reactionsTold,
		"Reactions_InALargeGroup":              reactionsLarge,
		"Reactions_EndWithARecallOnly":         reactionsRecall,
		"Reactions_AreListedByPages":           reactionsListed,
		"Reactions_WhatIsRefusedLeavesNothing": reactionsRefused,
		"Reactions_OfManyAreCountedExactly":    reactionsConcurrent,
	}
}

func (w *world) react(by domain.UserRef, id domain.MessageID, reactions ...string) {
	w.Helper()
	for _, reaction := range reactions {
		_, err := w.messages().React(w.ctx, w.caller(by), id, reaction)
		w.ok(err)
	}
}

func (w *world) unreact(by domain.UserRef, id domain.MessageID, reaction string) {
	w.Helper()
	w.ok(w.messages().Unreact(w.ctx, w.caller(by), id, reaction))
}

// reactionsOf describes the reactions of a message; the reader's own have a star.
func reactionsOf(m *domain.Message) string {
	all := make([]string, len(m.Reactions))
	for i, r := range m.Reactions {
		all[i] = fmt.Sprint(r.Reaction, r.Count)
		if r.Me {
			all[i] += "*"
		}
	}
	return strings.Join(all, " ")
}

// wantReactions reads a message in every way that there is.
func (w *world) wantReactions(by domain.UserRef, id domain.MessageID, target domain.Target, want string) {
	w.Helper()
	found, err := w.messages().Message(w.ctx, w.caller(by), id)
	w.ok(err)
	w.same("looked up", reactionsOf(found), want)
	isIt := func(m *domain.Message) bool { return m.ID == id }
	page, err := w.store.History(w.ctx, w.app.Num, by, target, domain.HistoryRange{Limit: domain.MaxPageSize})
	w.ok(err)
	w.same("in the history", reactionsOf(page.Messages[slices.IndexFunc(page.Messages, isIt)]), want)
	if by.Num == 0 {
		return
	}
	for _, e := range w.log(by.Num) {
		if isIt(e.Message) {
			w.same("in the log", reactionsOf(e.Message), want)
		}
	}
}

func reactionsShown(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	w.group("g", users...)
	w.send(alice, toGroup("g"), "before")
	group := w.send(alice, toGroup("g"), "text").MessageID
	chat := w.send(alice, toUser(bob), "text").MessageID
	news := w.send(domain.UserRef{}, toUser(bob), "text").MessageID
	other := w.send(alice, toGroup("g"), "other").MessageID

	w.react(bob, group, "👍", "❤️", "❤")
	w.react(alice, group, "❤️")
	w.react(carol, group, "🎉", "👍", "👍")
	w.react(bob, chat, "👍")
	w.react(bob, news, "👍")
	w.wantReactions(alice, group, toGroup("g"), "👍2 ❤️2* ❤1 🎉1")
	w.wantReactions(bob, group, toGroup("g"), "👍2* ❤️2* ❤1* 🎉1")
	w.wantReactions(carol, group, toGroup("g"), "👍2* ❤️2 ❤1 🎉1*")
	w.wantReactions(domain.UserRef{}, group, toGroup("g"), "👍2 ❤️2 ❤1 🎉1")
	w.wantReactions(alice, chat, toUser(bob), "👍1")
	w.wantReactions(bob, chat, toUser(alice), "👍1*")
	w.wantReactions(bob, news, domain.Target{}, "👍1*")
	w.wantReactions(domain.UserRef{}, news, toUser(bob), "👍1")
	w.wantReactions(bob, other, toGroup("g"), "")
	last := func(by domain.UserRef, with domain.Target) string {
		return reactionsOf(w.conversation(by, with).LastMessage)
	}
	w.same("of last messages", []string{last(alice, toUser(bob)), last(bob, toUser(alice))}, []string{"👍1", "👍1*"})

	w.unreact(bob, group, "👍")
	w.unreact(carol, group, "👍") // nobody has it any more
	w.unreact(alice, group, "❤️")
	w.react(alice, group, "👍")
	w.wantReactions(bob, group, toGroup("g"), "❤️1* ❤1* 🎉1 👍1")
	for _, r := range []string{"❤️", "❤"} {
		w.unreact(bob, group, r)
	}
	w.unreact(carol, group, "🎉")
	w.unreact(alice, group, "👍")
	w.wantReactions(bob, group, toGroup("g"), "")
	got, err := w.messages().Message(w.ctx, w.caller(bob), group)
	w.ok(err)
	w.same("as if nobody had ever reacted", got.Reactions == nil, true)
	w.same("nobody is listed", w.reactors(group, "", 10), []string(nil))
}

func reactionsTold(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	chat := w.send(alice, toUser(bob), "text").MessageID
	w.react(bob, chat, "👍", "👍")
	w.react(alice, chat, "👍")
	w.unreact(bob, chat, "👍")
	w.unreact(alice, chat, "👍")
	for _, u := range users {
		w.same("log", w.tellings(u), []string{"normal text", "302 of 1 by bob 👍 1", "302 of 1 by alice 👍 2", "303 of 1 by bob 👍 1", "303 of 1 by alice 👍 0"})
	}
	w.same("unread", []int64{w.conversation(alice, toUser(bob)).Unread, w.conversation(bob, toUser(alice)).Unread}, []int64{0, 1})
	published := w.deliveries()
	w.same("published", len(published), 5)
	last := published[4]
	w.same("told as", []any{told(last.Message), len(last.To), last.Message.ConversationID(false)}, []any{"303 of 1 by alice 👍 0", 2, "user:alice"})

	w.react(bob, chat, "🎉")
	last5 := w.conversation(bob, toUser(alice)).LastMessage
	w.same("the last message is", []any{textOf(last5), len(last5.Reactions)}, []any{"text", 1})
	answer := w.send(bob, toUser(alice), "answer").MessageID
	w.react(alice, answer, "🎉")
	w.ok(w.messages().Unreact(w.ctx, w.caller(alice), answer, "🎉"))
	w.react(bob, answer, "👀")
	w.same("unread", []int64{w.conversation(alice, toUser(bob)).Unread, w.conversation(bob, toUser(alice)).Unread}, []int64{1, 1})
}

func reactionsLarge(w *world) {
	users := w.users("owner", "alice", "bob")
	g := w.large("g", users...)
	sent := w.send(users[1], toGroup("g"), "text").MessageID
	w.react(users[2], sent, "👍")
	w.react(users[0], sent, "👍")
	for i, u := range users {
		log := w.groupLog(g.Num, asMember(u), 2)
		w.same("log of the group", []string{told(log[0]), told(log[1]), told(log[2])}, []string{"normal text", "302 of 1 by bob 👍 1", "302 of 1 by owner 👍 2"})
		w.same("reactions", reactionsOf(log[0]), []string{"👍2*", "👍2", "👍2*"}[i])
		w.same("own log", w.texts(u), []string{})
	}
	w.same("unread", w.largeGroups(users[2], "")[0].Unread, int64(1))
}

func reactionsRecall(w *world) {
	users := w.users("alice", "bob")
	w.keepEdits()
	chat := w.send(users[0], toUser(users[1]), "text").MessageID
	other := w.send(users[0], toUser(users[1]), "other").MessageID
	for _, id := range []domain.MessageID{chat, other} {
		w.react(users[1], id, "👍", "🎉")
		w.react(users[0], id, "👍")
	}
	edited, err := w.edit(users[0], chat, "edited")
	w.ok(err)
	w.same("the answer to the edit", reactionsOf(edited), "👍2* 🎉1")
	w.react(users[1], chat, "👀") // leaves the entry of the edit its content
	w.wantReactions(users[0], chat, toUser(users[1]), "👍2* 🎉1 👀1")
	w.same("the edit is told", slices.Contains(w.tellings(users[1]), `301 of 1 by alice {"text":"edited"}`), true)

	recalled, err := w.recall(users[0], chat)
	w.ok(err)
	w.same("the answer to the recall", reactionsOf(recalled), "")
	w.wantReactions(users[1], chat, toUser(users[0]), "")
	w.wantReactions(users[1], other, toUser(users[0]), "👍2* 🎉1*")
	w.same("who had reacted", w.reactors(chat, "", 10), []string(nil))
	w.same("who has reacted to the other", len(w.reactors(other, "", 10)), 3)
	before := w.tellings(users[1])
	_, err = w.messages().React(w.ctx, w.caller(users[1]), chat, "👍")
	w.refused(err, domain.ErrMessageRecalled)
	w.refused(w.messages().Unreact(w.ctx, w.caller(users[1]), chat, "👍"), domain.ErrMessageRecalled)
	w.same("log", w.tellings(users[1]), before)
}

// reactors lists who has reacted to a message, page by page.
func (w *world) reactors(id domain.MessageID, reaction string, limit int) (all []string) {
	w.Helper()
	for p := (domain.Page{Limit: limit}); ; {
		page, err := w.messages().Reactors(w.ctx, w.caller(domain.UserRef{}), id, reaction, p)
		w.ok(err)
		for _, r := range page.Items {
			all = append(all, fmt.Sprint(r.User, " ", r.Reaction))
			w.same("is without a time", r.At.IsZero(), false)
		}
		if page.NextCursor != "" && len(page.Items) != limit {
			w.Fatalf("a page of %d is not the last", len(page.Items))
		}
		if p.Cursor = page.NextCursor; p.Cursor == "" {
			return all
		}
	}
}

func reactionsListed(w *world) {
	users := w.many("u", 7)
	w.group("g", users...)
	w.react(users[0], w.send(users[0], toGroup("g"), "other").MessageID, "👍", "🎉")
	id := w.send(users[0], toGroup("g"), "text").MessageID
	want := map[string][]string{}
	for i, reaction := range []string{"🎉", "👍", "❤️"} {
		for _, u := range users[i : len(users)-2*i] {
			w.react(u, id, reaction)
			want[reaction] = append(want[reaction], string(u.ID)+" "+reaction)
		}
	}
	all := slices.Concat(want["🎉"], want["👍"], want["❤️"])
	for limit := 1; limit <= len(all)+1; limit++ {
		w.same(fmt.Sprint("all, by ", limit), w.reactors(id, "", limit), all)
		w.same(fmt.Sprint("one, by ", limit), w.reactors(id, "👍", limit), want["👍"])
	}
	w.same("of one that nobody has", w.reactors(id, "👀", 3), []string(nil))
	for _, cursor := range []string{"x", "1", "1.", ".1", "1.1.1", "01.1", "-"} {
		_, err := w.messages().Reactors(w.ctx, w.caller(users[0]), id, "", domain.Page{Limit: 1, Cursor: cursor})
		w.refused(err, domain.Invalid("cursor", ""))
	}
	stranger := w.user("stranger")
	_, err := w.messages().Reactors(w.ctx, w.caller(stranger), id, "", domain.Page{Limit: 1})
	w.refused(err, domain.ErrMessageNotFound)
}

func reactionsRefused(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	w.created("g", domain.GroupNormal, domain.HistoryJoined, bob, alice)
	chat, group := w.send(alice, toUser(bob), "chat").MessageID, w.send(alice, toGroup("g"), "group").MessageID
	w.react(alice, chat, "👍")
	w.react(alice, group, "👍")
	_, err := w.add("g", domain.UserRef{}, 10, "carol")
	w.ok(err)
	w.block(bob, "alice")
	_, err = w.groups().UpdateMember(w.ctx, w.caller(bob), "g", "alice", domain.MemberPatch{MutedUntil: new(time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC))})
	w.ok(err)
	before := w.tellings(bob)
	refused := func(by domain.UserRef, id domain.MessageID, reaction string, want error) {
		w.Helper()
		_, err := w.messages().React(w.ctx, w.caller(by), id, reaction)
		w.refused(err, want)
	}
	refused(alice, chat, "🎉", domain.ErrBlocked)
	refused(alice, group, "🎉", domain.ErrMuted)
	refused(carol, chat, "🎉", domain.ErrMessageNotFound)
	refused(carol, group, "🎉", domain.ErrMessageNotFound) // from before it joined
	refused(bob, chat, "party", domain.Invalid("reaction", ""))
	w.refused(w.messages().Unreact(w.ctx, w.caller(bob), chat, "👍"), domain.ErrReactionNotFound) // it is alice's
	e := w.other()
	eve := e.user("alice")
	for _, by := range []domain.UserRef{eve, alice} { // also with the number of a member
		_, err := e.messages().React(e.ctx, e.caller(by), chat, "👍")
		e.refused(err, domain.ErrMessageNotFound)
		e.refused(e.messages().Unreact(e.ctx, e.caller(by), chat, "👍"), domain.ErrMessageNotFound)
		page, err := e.store.Reactors(e.ctx, e.app.Num, chat, "", domain.Page{Limit: 1})
		e.ok(err)
		e.same("reactors", len(page.Items), 0)
	}
	w.same("bob", w.tellings(bob), before)
	w.wantReactions(bob, chat, toUser(alice), "👍1")
	w.wantReactions(bob, group, toGroup("g"), "👍1")
	w.unreact(alice, chat, "👍") // takes nothing more to bob
	w.unreact(alice, group, "👍")
	w.ok(w.remove("g", bob, "alice"))
	refused(alice, group, "👍", domain.ErrMessageNotFound)
}

// reactionsConcurrent has many react at one time, some of whom change their minds.
func reactionsConcurrent(w *world) {
	nodesReactions(w, w.store)
}

func nodesReactions(w *world, b Store) {
	users := w.many("u", 12)
	w.group("g", users...)
	id := w.send(users[0], toGroup("g"), "text").MessageID
	var wg sync.WaitGroup
	for i, u := range users {
		on := w
		if i%2 == 1 {
			on = w.on(b)
		}
		wg.Go(func() { // ends with the test
			m, by := on.messages(), w.caller(u)
			for _, reaction := range []string{"👍", "🎉", "👍"} {
				if _, err := m.React(w.ctx, by, id, reaction); err != nil {
					w.Errorf("%s reacts: %v", u.ID, err)
				}
			}
			if err := m.Unreact(w.ctx, by, id, "🎉"); err != nil {
				w.Errorf("%s takes back: %v", u.ID, err)
			}
			if _, err := m.React(w.ctx, by, id, "🎉"); err != nil {
				w.Errorf("%s reacts again: %v", u.ID, err)
			}
		})
	}
	wg.Wait()
	for _, on := range []*world{w, w.on(b)} {
		m, err := on.messages().Message(w.ctx, w.caller(domain.UserRef{}), id)
		w.ok(err)
		parts := strings.Fields(reactionsOf(m))
		slices.Sort(parts)
		w.same("counted", parts, []string{"🎉12", "👍12"})
		w.same("listed", len(on.reactors(id, "", 5)), 24)
		w.same("entries", len(on.log(users[3].Num)), 1+4*len(users))
	}
	w.same("logs", w.on(b).tellings(users[1]), w.tellings(users[0]))
}
