package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
)

func editTests() map[string]func(*world) {
	return map[string]func(*world){
		"Recall_BlanksTheMessageEverywhere":       recallBlanks,
		"Recall_IsToldInALargeGroupOnce":          recallLarge,
		"Recall_HappensOnce":                      recallOnce,
		"Recall_WhatIsRefusedLeavesNothing":       recallRefused,
		"Recall_OfTheBusinessReachesEveryMessage": recallByBusiness,
		"Edit_IsToldAndShown":                     editShown,
		"Edit_LeavesNoEarlierContentBehind":       editStrips,
		"Edit_HistoryIsKeptUntilARecall":          editHistory,
		"Edit_IsRefusedWhereASendWouldBe":         editRefused,
		"Edit_KeepsTheOrderOfConcurrentWriters":   editConcurrent,
		"Message_IsForThoseWhoMayReadIt":          messageReaders,
	}
}

// unlimited is a limiter that allows everything.
type unlimited struct{}

func (unlimited) AllowN(domain.LimitKey, int) (bool, time.Duration) { return true, 0 }
func (unlimited) GiveBack(domain.LimitKey, int)                     {}

// messages returns the use case a second after the tests' messages were sent.
func (w *world) messages() *domain.Messenger {
	return domain.NewMessenger(domain.MessengerOptions{
		Messages: w.store, Logs: w.store, Apps: w.store, Clock: clockAt(epoch.Add(time.Second)), Limiter: unlimited{},
	})
}

func (w *world) recall(by domain.UserRef, id domain.MessageID) (*domain.Message, error) {
	return w.messages().Recall(w.ctx, w.caller(by), id)
}

func (w *world) edit(by domain.UserRef, id domain.MessageID, text string) (*domain.Message, error) {
	content, _ := json.Marshal(map[string]string{"text": text}) // a string cannot fail
	return w.messages().Edit(w.ctx, w.caller(by), id, content)
}

// told describes an entry about a message, and a message by its state and content.
func told(m *domain.Message) string {
	var e domain.MessageEvent
	if err := json.Unmarshal(m.Content, &e); m.Type != domain.ContentCommand || err != nil {
		return strings.TrimSpace(fmt.Sprint(m.Status, " ", textOf(m)))
	}
	if e.Data.Reaction != "" {
		return fmt.Sprintf("%d of %d by %s %s %d", e.Code, e.Data.Seq, e.Data.By, e.Data.Reaction, *e.Data.Count)
	}
	return strings.TrimSpace(fmt.Sprintf("%d of %d by %s %s", e.Code, e.Data.Seq, e.Data.By, e.Data.Content))
}

// tellings is the log of a user, told.
func (w *world) tellings(u domain.UserRef) []string {
	w.Helper()
	all := []string{}
	for _, e := range w.log(u.Num) {
		all = append(all, told(e.Message))
	}
	return all
}

// contents are the contents in the history of a conversation.
func (w *world) contents(viewer domain.UserRef, target domain.Target) (all []string) {
	w.Helper()
	page, err := w.store.History(w.ctx, w.app.Num, viewer, target, domain.HistoryRange{Limit: domain.MaxPageSize})
	w.ok(err)
	for _, m := range page.Messages {
		all = append(all, string(m.Content))
	}
	return all
}

func editShown(w *world) {
	users := w.users("alice", "bob")
	sent := w.send(users[0], toUser(users[1]), "first")
	got, err := w.edit(users[0], sent.MessageID, "second")
	w.ok(err)
	w.same("edited", []any{got.ID, told(got), got.EditedAt}, []any{sent.MessageID, "edited second", epoch.Add(time.Second)})
	read, err := w.messages().Message(w.ctx, w.caller(users[1]), sent.MessageID)
	w.ok(err)
	w.same("looked up", read, got)
	for _, u := range users {
		w.same("log", w.tellings(u), []string{"edited second", `301 of 1 by alice {"text":"second"}`})
		w.same("edited at", w.log(u.Num)[0].Message.EditedAt, got.EditedAt)
	}
	same, err := w.edit(users[0], sent.MessageID, "second")
	w.ok(err)
	w.same("the same again", same, got)
	w.same("is no edit", len(w.log(users[1].Num)), 2)
}

func editStrips(w *world) {
	users := w.users("alice", "bob")
	w.send(users[0], toUser(users[1]), "before")
	sent := w.send(users[0], toUser(users[1]), "v0")
	other := w.send(users[0], toUser(users[1]), "other")
	for i := range 3 {
		_, err := w.edit(users[0], sent.MessageID, fmt.Sprint("v", i+1))
		w.ok(err)
		_, err = w.edit(users[0], other.MessageID, fmt.Sprint("o", i+1))
		w.ok(err)
	}
	w.same("only the last entries have contents", w.tellings(users[1]), []string{
		"normal before", "edited v3", "edited o3", "301 of 2 by alice", "301 of 3 by alice", "301 of 2 by alice", "301 of 3 by alice",
		`301 of 2 by alice {"text":"v3"}`, `301 of 3 by alice {"text":"o3"}`,
	})
	_, err := w.recall(users[0], sent.MessageID)
	w.ok(err)
	all := strings.Join(w.contents(users[1], toUser(users[0])), "\n")
	for _, gone := range []string{`"v0`, `"v1`, `"v2`, `"v3`, `"o2`} {
		w.same(gone+" is there", strings.Contains(all, gone), false)
	}
	w.same("what the others say is there", strings.Count(all, `"o3"`)+strings.Count(all, `"before"`), 3)
}

// keepEdits switches the history of edits on.
func (w *world) keepEdits() {
	w.Helper()
	_, err := w.store.UpdateApp(w.ctx, w.app.ID, func(a *domain.App) error {
		a.Settings.EditHistory = true
		return nil
	})
	w.ok(err)
}

func editHistory(w *world) {
	users := w.users("alice", "bob", "carol")
	sent := w.send(users[0], toUser(users[1]), "v0")
	other := w.send(users[0], toUser(users[1]), "o0")
	edit := func(id domain.MessageID, text string) {
		w.Helper()
		_, err := w.edit(users[0], id, text)
		w.ok(err)
	}
	edit(sent.MessageID, "v1") // before anything is kept
	w.keepEdits()
	for i := 2; i <= 6; i++ {
		edit(sent.MessageID, fmt.Sprint("v", i))
	}
	edit(other.MessageID, "o1")
	for limit := 1; limit <= 6; limit++ {
		var got []string
		for p := (domain.Page{Limit: limit}); ; {
			page, err := w.messages().MessageEdits(w.ctx, w.caller(users[1]), sent.MessageID, p)
			w.ok(err)
			for _, e := range page.Items {
				got = append(got, textOf(&domain.Message{Content: e.Content}))
			}
			if p.Cursor = page.NextCursor; p.Cursor == "" {
				break
			}
		}
		w.same("kept", got, []string{"v1", "v2", "v3", "v4", "v5"})
	}
	_, err := w.messages().MessageEdits(w.ctx, w.caller(users[1]), sent.MessageID, domain.Page{Limit: 1, Cursor: "x"})
	w.refused(err, domain.Invalid("cursor", ""))
	_, err = w.messages().MessageEdits(w.ctx, w.caller(users[2]), sent.MessageID, domain.Page{Limit: 1})
	w.refused(err, domain.ErrMessageNotFound)
	_, err = w.recall(users[0], sent.MessageID)
	w.ok(err)
	for id, want := range map[domain.MessageID]int{sent.MessageID: 0, other.MessageID: 1} {
		page, err := w.messages().MessageEdits(w.ctx, w.caller(users[1]), id, domain.Page{Limit: 10})
		w.ok(err)
		w.same("left", len(page.Items), want)
	}
}

func editRefused(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	w.created("g", domain.GroupNormal, domain.HistoryAll, bob, alice)
	chat, group := w.send(alice, toUser(bob), "chat"), w.send(alice, toGroup("g"), "group")
	before := w.tellings(bob)
	refused := func(id domain.MessageID, want error) {
		w.Helper()
		_, err := w.edit(alice, id, "other")
		w.refused(err, want)
	}
	w.block(bob, "alice")
	refused(chat.MessageID, domain.ErrBlocked)
	_, err := w.groups().UpdateMember(w.ctx, w.caller(bob), "g", "alice", domain.MemberPatch{MutedUntil: new(time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC))})
	w.ok(err)
	refused(group.MessageID, domain.ErrMuted)
	w.same("bob", w.tellings(bob), before)
	_, err = w.recall(alice, chat.MessageID) // takes nothing more to bob
	w.ok(err)
	_, err = w.recall(alice, group.MessageID)
	w.ok(err)
}

// editConcurrent edits while others send, in one conversation.
func editConcurrent(w *world) {
	users := w.users("alice", "bob")
	w.group("g", users...)
	sent := w.send(users[0], toGroup("g"), "v")
	const each = 15
	var wg sync.WaitGroup
	for writer := range 2 {
		wg.Go(func() { // ends with the test
			for i := range each {
				if _, err := w.edit(users[0], sent.MessageID, fmt.Sprint(writer, "-", i)); err != nil {
					w.Error(err)
				}
				if _, err := w.store.Append(w.ctx, w.outgoing(users[1], toGroup("g"), "x", "")); err != nil {
					w.Error(err)
				}
			}
		})
	}
	wg.Wait()
	alice, bob := w.tellings(users[0]), w.tellings(users[1])
	w.same("logs", bob, alice)
	w.same("entries", len(bob), 1+4*each)
	withContent := slices.DeleteFunc(slices.Clone(bob), func(s string) bool { return !strings.Contains(s, "{") })
	final, err := w.messages().Message(w.ctx, w.caller(users[1]), sent.MessageID)
	w.ok(err)
	w.same("the last edit is what is shown", withContent, []string{"301 of 1 by alice " + string(final.Content)})
}

func messageReaders(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	w.created("g", domain.GroupNormal, domain.HistoryJoined, alice, bob)
	w.created("open", domain.GroupLarge, domain.HistoryAll, alice, bob)
	chat, group, open := w.send(alice, toUser(bob), "chat"), w.send(alice, toGroup("g"), "group"), w.send(alice, toGroup("open"), "open")
	news := w.send(domain.UserRef{}, toUser(bob), "news")
	find := func(by domain.UserRef, id domain.MessageID) error {
		m, err := w.messages().Message(w.ctx, w.caller(by), id)
		if err == nil && m.ID != id {
			w.Errorf("found %s, want %s", m.ID, id)
		}
		return err
	}
	for _, r := range []domain.Receipt{chat, group, open, news} {
		w.ok(find(domain.UserRef{}, r.MessageID))
		w.ok(find(bob, r.MessageID))
		w.refused(find(carol, r.MessageID), domain.ErrMessageNotFound)
	}
	w.refused(find(alice, news.MessageID), domain.ErrMessageNotFound)
	for _, id := range []domain.GroupID{"g", "open"} {
		_, err := w.add(id, domain.UserRef{}, 10, "carol")
		w.ok(err)
	}
	w.refused(find(carol, group.MessageID), domain.ErrMessageNotFound) // from before it joined
	w.ok(find(carol, open.MessageID))
	w.ok(w.remove("g", alice, "bob"))
	w.refused(find(bob, group.MessageID), domain.ErrMessageNotFound)
	_, err := w.edit(bob, group.MessageID, "x")
	w.refused(err, domain.ErrMessageNotFound)

	conv, seq := chat.MessageID.Place()
	for _, id := range []domain.MessageID{
		domain.NewMessageID(epoch, conv, seq+1), domain.NewMessageID(epoch.Add(time.Millisecond), conv, seq),
		domain.NewMessageID(epoch, conv+1, seq), domain.NewMessageID(epoch, conv, 0),
	} {
		for _, by := range []domain.UserRef{bob, {}} {
			w.refused(find(by, id), domain.ErrMessageNotFound)
			_, err := w.recall(by, id)
			w.refused(err, domain.ErrMessageNotFound)
		}
	}
	e := w.other()
	eve := e.user("bob")
	for _, by := range []domain.UserRef{eve, bob, {}} { // also with the number of a member
		_, err := e.messages().Message(e.ctx, e.caller(by), chat.MessageID)
		e.refused(err, domain.ErrMessageNotFound)
		_, err = e.recall(by, chat.MessageID)
		e.refused(err, domain.ErrMessageNotFound)
		_, err = e.store.ChangeMessage(e.ctx, e.app.Num, by, chat.MessageID, func(*domain.MessageState) error { return nil })
		e.refused(err, domain.ErrMessageNotFound)
		page, err := e.store.MessageEdits(e.ctx, e.app.Num, chat.MessageID, domain.Page{Limit: 1})
		e.ok(err)
		e.same("edits", len(page.Items), 0)
	}
	w.same("as it was", w.contents(bob, toUser(alice)), []string{`{"text":"chat"}`})
}

// nodesEdit edits on one node and recalls on the other, while others write.
func nodesEdit(w *world, b Store) {
	users := w.users("alice", "bob", "carol")
	other := w.on(b)
	var wg sync.WaitGroup
	wg.Go(func() { // ends after its sends
		for i := range 30 {
			if _, err := b.Append(w.ctx, w.outgoing(users[1], toUser(users[0]), fmt.Sprint(i), "")); err != nil {
				w.Error(err)
			}
		}
	})
	for i := range 8 {
		sent := w.send(users[0], toUser(users[1]), "v0")
		var race sync.WaitGroup
		race.Go(func() { // ends with the round
			if _, err := w.edit(users[0], sent.MessageID, "v1"); err != nil && domain.CodeOf(err) != domain.CodeMessageRecalled {
				w.Errorf("round %d: edit: %v", i, err)
			}
		})
		if _, err := other.recall(users[0], sent.MessageID); err != nil {
			w.Errorf("round %d: recall: %v", i, err)
		}
		race.Wait()
		for _, at := range []*world{w, other} {
			m, err := at.messages().Message(w.ctx, w.caller(users[1]), sent.MessageID)
			w.ok(err)
			w.same("recalled", told(m), "recalled")
		}
	}
	wg.Wait()
	w.same("no content is left", strings.Contains(strings.Join(w.contents(users[1], toUser(users[0])), ""), `"v`), false)
	w.same("logs", other.tellings(users[0]), w.tellings(users[1]))
}
