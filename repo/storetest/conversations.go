package storetest

import (
	"fmt"

	"github.com/gim-im/gim/domain"
)

func conversationTests() map[string]func(*world) {
	return map[string]func(*world){
		"Conversations_ComeNewestFirst":               conversationOrder,
		"Conversations_ArePagedWhileMessagesCome":     conversationPages,
		"Conversations_SayHowTheUserStandsToThem":     conversationState,
		"Conversations_ThatAreNone":                   conversationNone,
		"Conversations_HiddenComeBack":                conversationHidden,
		"Conversations_DeletedComeBackEmpty":          conversationDeleted,
		"Conversations_EndWithMembershipsAndUsers":    conversationEnds,
		"Conversations_OfAnotherAppAreAbsent":         conversationForeign,
		"Conversations_LastMessageIsOneThatMayBeRead": conversationLastMessage,
		"Conversations_LastMessageOfAFullHistory":     conversationLastMessageOfAll,
		"Conversations_ChangesOfMessagesAreNoNews":    conversationQuiet,
	}
}

var business = domain.Target{}

// listed returns the list of a user and what its total is.
func (w *world) listed(user domain.UserRef) domain.ConversationList {
	w.Helper()
	list, err := w.store.Conversations(w.ctx, w.app.Num, user.Num, domain.Page{Limit: domain.MaxPageSize})
	w.ok(err)
	return list
}

// wantList compares the names of a user's conversations, each with what is unread.
func (w *world) wantList(user domain.UserRef, want ...string) {
	w.Helper()
	got, total := []string{}, int64(0)
	list := w.listed(user)
	for _, c := range list.Items {
		got, total = append(got, fmt.Sprintf("%s %d", c.ID, c.Unread)), total+c.Unread
	}
	w.same("conversations of "+string(user.ID), got, append([]string{}, want...))
	w.same("total", list.TotalUnread, total)
}

func (w *world) conversation(user domain.UserRef, target domain.Target) domain.Conversation {
	w.Helper()
	c, err := w.store.Conversation(w.ctx, w.app.Num, user.Num, target)
	w.ok(err)
	return c
}

func (w *world) noConversation(user domain.UserRef, target domain.Target, want error) {
	w.Helper()
	_, err := w.store.Conversation(w.ctx, w.app.Num, user.Num, target)
	w.refused(err, want)
	w.refused(w.store.ChangeConversation(w.ctx, w.app.Num, user.Num, target, domain.ConversationChange{Pinned: new(true)}), want)
	w.refused(w.store.DeleteConversation(w.ctx, w.app.Num, user.Num, target), want)
	_, err = w.store.ReadConversation(w.ctx, w.app.Num, user.Num, target, 0)
	w.refused(err, want)
}

func (w *world) setConversation(user domain.UserRef, target domain.Target, c domain.ConversationChange) {
	w.Helper()
	w.ok(w.store.ChangeConversation(w.ctx, w.app.Num, user.Num, target, c))
}

func (w *world) readUpTo(user domain.UserRef, target domain.Target, seq int64) domain.ReadResult {
	w.Helper()
	r, err := w.store.ReadConversation(w.ctx, w.app.Num, user.Num, target, seq)
	w.ok(err)
	return r
}

func conversationOrder(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	w.wantList(alice)
	w.send(bob, toUser(alice), "1")
	w.send(domain.UserRef{}, toUser(alice), "2")
	w.created("team", domain.GroupNormal, domain.HistoryJoined, alice, carol)
	w.created("stage", domain.GroupLarge, domain.HistoryJoined, alice, carol)
	w.send(alice, toUser(alice), "to myself")
	w.send(carol, toUser(alice), "3")
	w.wantList(alice, "user:carol 1", "user:alice 0", "group:stage 0", "group:team 0", "business 1", "user:bob 1")
	w.send(bob, toUser(alice), "4")
	w.send(carol, toGroup("stage"), "5")
	w.wantList(alice, "group:stage 1", "user:bob 2", "user:carol 1", "user:alice 0", "group:team 0", "business 1")
	w.wantList(carol, "group:stage 0", "user:alice 0", "group:team 0")
	types := map[string]domain.ConversationType{}
	for _, c := range w.listed(alice).Items {
		types[c.ID] = c.Type
	}
	w.same("types", types, map[string]domain.ConversationType{
		"group:stage": domain.ConversationGroup, "group:team": domain.ConversationGroup, "business": domain.ConversationBusiness,
		"user:alice": domain.ConversationSingle, "user:bob": domain.ConversationSingle, "user:carol": domain.ConversationSingle,
	})
}

func conversationPages(w *world) {
	alice := w.user("alice")
	others := w.many("u", 7)
	want := []string{}
	for _, u := range others {
		w.send(u, toUser(alice), "hi")
		want = append([]string{"user:" + string(u.ID)}, want...)
	}
	for limit := 1; limit <= 8; limit++ {
		p, got := domain.Page{Limit: limit}, []string{}
		for {
			list, err := w.store.Conversations(w.ctx, w.app.Num, alice.Num, p)
			w.ok(err)
			w.same("total", list.TotalUnread >= 7, true)
			for _, c := range list.Items {
				got = append(got, c.ID)
			}
			if p.Cursor = list.NextCursor; p.Cursor == "" {
				break
			}
			w.send(others[6], toUser(alice), "goes before the page that comes next")
		}
		w.same(fmt.Sprint("by ", limit), got, want)
	}
	for _, cursor := range []string{"x", "1", "1.", ".1", "1.1.1", "-.1", "A.1", "+1.1", "zzzzzzzzzzzzzzz.1"} {
		_, err := w.store.Conversations(w.ctx, w.app.Num, alice.Num, domain.Page{Limit: 1, Cursor: cursor})
		w.refused(err, domain.Invalid("cursor", ""))
	}
}

func conversationState(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	w.send(bob, toUser(alice), "1")
	want := w.conversation(alice, toUser(bob))
	w.same("last message", []any{textOf(want.LastMessage), want.LastIsSender}, []any{"1", false})
	w.same("members", want.Members, []domain.ConversationMember{{User: "alice"}, {User: "bob"}})
	for _, step := range []struct {
		change domain.ConversationChange
		part   *bool
		is     bool
	}{
		{domain.ConversationChange{Pinned: new(true)}, &want.Pinned, true},
		{domain.ConversationChange{Muted: new(true)}, &want.Muted, true},
		{domain.ConversationChange{MarkedUnread: new(true)}, &want.MarkedUnread, true},
		{domain.ConversationChange{Pinned: new(true)}, &want.Pinned, true},
		{domain.ConversationChange{Pinned: new(false)}, &want.Pinned, false},
		{domain.ConversationChange{Hidden: new(true)}, &want.Hidden, true},
		{domain.ConversationChange{Hidden: new(true)}, &want.Hidden, true},
		{domain.ConversationChange{Hidden: new(false)}, &want.Hidden, false},
		{domain.ConversationChange{Muted: new(false)}, &want.Muted, false},
	} {
		w.setConversation(alice, toUser(bob), step.change)
		*step.part = step.is
		w.same("after a change", w.conversation(alice, toUser(bob)), want)
	}
	w.readUpTo(alice, toUser(bob), 0)
	want.MarkedUnread = false
	w.same("after reading nothing", w.conversation(alice, toUser(bob)), want)
	own := w.conversation(bob, toUser(alice))
	w.same("of bob", []any{own.Pinned, own.Muted, own.Unread, own.LastIsSender}, []any{false, false, int64(0), true})
}

func conversationNone(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	w.send(bob, toUser(carol), "not alice's")
	w.group("team", bob)
	w.noConversation(alice, toUser(bob), domain.ErrConversationNotFound)
	w.noConversation(alice, business, domain.ErrConversationNotFound)
	w.noConversation(alice, domain.Target{User: "ghost"}, domain.ErrUserNotFound)
	w.noConversation(alice, toGroup("ghosts"), domain.ErrGroupNotFound)
	w.noConversation(alice, toGroup("team"), domain.ErrNotInGroup)
	w.wantList(alice)
}

// conversationQuiet: what tells of other messages is neither the last message of a
// conversation nor a reason to list it first, or again.
func conversationQuiet(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	w.created("team", domain.GroupNormal, domain.HistoryJoined, alice, bob)
	first, second := w.send(bob, toUser(alice), "1"), w.send(bob, toUser(alice), "2")
	inTeam := w.send(bob, toGroup("team"), "to all")
	w.send(carol, toUser(alice), "hi")
	all := []string{"user:carol 1", "group:team 1", "user:bob 2"}
	w.wantList(alice, all...)
	since := w.listed(alice).Changes
	w.react(bob, first.MessageID, "👍")
	w.react(bob, inTeam.MessageID, "👍")
	w.react(alice, first.MessageID, "👍")
	w.wantList(alice, all...)
	c := w.conversation(alice, toUser(bob))
	w.same("last message", []any{textOf(c.LastMessage), c.LastIsSender, c.LastSeq}, []any{"2", false, int64(4)})
	c = w.conversation(alice, toGroup("team"))
	w.same("last in the group", []any{textOf(c.LastMessage), len(c.LastMessage.Reactions)}, []any{"to all", 1})
	changed, _, err := w.store.ChangedConversations(w.ctx, w.app.Num, alice.Num, since, 10)
	w.ok(err)
	w.same("changed", []any{len(changed.Items), len(changed.Removed)}, []any{2, 0})
	var paged []string
	for p := (domain.Page{Limit: 1}); ; {
		list, err := w.store.Conversations(w.ctx, w.app.Num, alice.Num, p)
		w.ok(err)
		for _, c := range list.Items {
			paged = append(paged, c.ID)
		}
		if p.Cursor = list.NextCursor; p.Cursor == "" {
			break
		}
	}
	w.same("in pages", paged, []string{"user:carol", "group:team", "user:bob"})

	w.ok(w.deleteMessage(alice, second.MessageID))
	w.same("last but what was deleted", textOf(w.conversation(alice, toUser(bob)).LastMessage), "1")
	w.same("of bob, who has not", textOf(w.conversation(bob, toUser(alice)).LastMessage), "2")
	_, err = w.recall(bob, first.MessageID)
	w.ok(err)
	w.same("last when it is recalled", w.conversation(alice, toUser(bob)).LastMessage.Status, domain.StatusRecalled)

	w.setConversation(alice, toGroup("team"), domain.ConversationChange{Hidden: new(true)})
	w.ok(w.store.DeleteConversation(w.ctx, w.app.Num, alice.Num, toUser(bob)))
	w.react(bob, inTeam.MessageID, "🎉")
	w.react(bob, second.MessageID, "🎉")
	w.wantList(alice, "user:carol 1")
	w.noConversation(alice, toUser(bob), domain.ErrConversationNotFound)
	w.send(bob, toUser(alice), "3")
	w.send(bob, toGroup("team"), "4")
	w.wantList(alice, "group:team 2", "user:bob 1", "user:carol 1")
}

func conversationHidden(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	w.send(bob, toUser(alice), "1")
	w.group("team", alice, bob) // without a message
	w.setConversation(alice, toUser(bob), domain.ConversationChange{Hidden: new(true)})
	w.setConversation(alice, toGroup("team"), domain.ConversationChange{Hidden: new(true)})
	w.wantList(alice)
	w.wantList(bob, "group:team 0", "user:alice 0")
	w.same("history", w.history(alice, toUser(bob)), []string{"1"})
	w.send(bob, toGroup("team"), "2")
	w.send(bob, toUser(alice), "3")
	w.wantList(alice, "user:bob 2", "group:team 1")
	w.same("is hidden", w.conversation(alice, toUser(bob)).Hidden, false)
}

func conversationDeleted(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	w.created("team", domain.GroupNormal, domain.HistoryJoined, alice, bob)
	for _, target := range []domain.Target{toUser(alice), toGroup("team")} {
		w.send(bob, target, "old")
	}
	w.send(alice, toUser(bob), "old answer")
	w.setConversation(alice, toUser(bob), domain.ConversationChange{Pinned: new(true)})
	for _, target := range []domain.Target{toUser(bob), toGroup("team")} {
		w.ok(w.store.DeleteConversation(w.ctx, w.app.Num, alice.Num, target))
		w.noConversation(alice, target, domain.ErrConversationNotFound)
		w.same("history", w.history(alice, target), []string{})
	}
	w.wantList(alice)
	w.wantList(bob, "user:alice 1", "group:team 0")
	w.same("history of bob", w.history(bob, toUser(alice)), []string{"old", "old answer"})
	w.same("alice has not read", w.conversation(bob, toUser(alice)).Members[0].ReadSeq, int64(0))

	w.send(bob, toUser(alice), "new")
	w.send(bob, toGroup("team"), "new")
	w.wantList(alice, "group:team 1", "user:bob 1")
	for _, target := range []domain.Target{toUser(bob), toGroup("team")} {
		w.same("history", w.history(alice, target), []string{"new"})
	}
	w.same("is pinned", w.conversation(alice, toUser(bob)).Pinned, false)
	w.readUpTo(alice, toUser(bob), 1) // below what was deleted
	w.wantList(alice, "group:team 1", "user:bob 1")
	w.readUpTo(alice, toUser(bob), 3)
	w.wantList(alice, "group:team 1", "user:bob 0")
}

func conversationEnds(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	w.created("team", domain.GroupNormal, domain.HistoryJoined, alice, bob)
	w.send(bob, toUser(alice), "1")
	w.send(carol, toUser(alice), "2")
	w.setConversation(bob, toGroup("team"), domain.ConversationChange{Pinned: new(true)})
	w.ok(w.telling().RemoveMember(w.ctx, w.caller(alice), "team", "bob"))
	w.wantList(bob, "user:alice 0")
	w.noConversation(bob, toGroup("team"), domain.ErrNotInGroup)
	w.send(alice, toGroup("team"), "3")
	_, err := w.telling().AddMembers(w.ctx, w.caller(alice), "team", []domain.UserID{"bob"})
	w.ok(err)
	w.wantList(bob, "group:team 0", "user:alice 0")
	w.same("is pinned", w.conversation(bob, toGroup("team")).Pinned, false)

	w.ok(w.store.DeleteUser(w.ctx, w.app.Num, "bob", epoch))
	w.wantList(alice, "group:team 0", "user:carol 1")
	w.noConversation(alice, toUser(bob), domain.ErrUserNotFound)
	again := w.user("bob")
	w.wantList(again)
	w.noConversation(alice, toUser(again), domain.ErrConversationNotFound)
	w.send(again, toUser(alice), "4")
	w.wantList(alice, "user:bob 1", "group:team 0", "user:carol 1")
	w.same("history", w.history(alice, toUser(again)), []string{"4"})
}

func conversationForeign(w *world) {
	alice := w.users("alice", "bob")[0]
	o := w.other()
	others := o.users("alice", "bob")
	o.send(others[1], toUser(others[0]), "theirs")
	o.setConversation(others[0], toUser(others[1]), domain.ConversationChange{Pinned: new(true)})
	_, err := w.store.Conversation(w.ctx, w.app.Num, others[0].Num, toUser(others[1]))
	w.refused(err, domain.ErrConversationNotFound)
	list, err := w.store.Conversations(w.ctx, w.app.Num, others[0].Num, domain.Page{Limit: 9})
	w.ok(err)
	w.same("list", len(list.Items), 0)
	w.wantList(alice)
}

// conversationLastMessageOfAll: where members read everything, so does who has just joined.
func conversationLastMessageOfAll(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	for id, typ := range map[domain.GroupID]domain.GroupType{"team": domain.GroupNormal, "stage": domain.GroupLarge} {
		w.created(string(id), typ, domain.HistoryAll, alice)
		r := w.send(alice, toGroup(id), "before bob")
		_, err := w.telling().AddMembers(w.ctx, w.caller(alice), id, []domain.UserID{"bob"})
		w.ok(err)
		c := w.conversation(bob, toGroup(id))
		page, err := w.store.History(w.ctx, w.app.Num, bob, toGroup(id), domain.HistoryRange{Limit: 2})
		w.ok(err)
		w.same("first", page.Messages[0].ID, r.MessageID)
		w.same("last of "+string(id), []any{c.LastMessage.ID, c.Unread}, []any{page.Messages[1].ID, int64(0)})
	}
	list := w.listed(bob)
	for _, c := range list.Items {
		w.same("last in the list", c.LastMessage.ConversationSeq, c.LastSeq)
	}
}

func conversationLastMessage(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	w.large("stage", alice)
	w.send(alice, toGroup("stage"), "before bob")
	_, err := w.telling().AddMembers(w.ctx, w.caller(alice), "stage", []domain.UserID{"bob"})
	w.ok(err)
	if c := w.conversation(bob, toGroup("stage")); c.LastMessage != nil || c.Unread != 0 || c.MemberCount != 2 || c.Members != nil {
		w.Errorf("bob is shown %+v", c)
	}
	r := w.send(alice, toGroup("stage"), "to bob")
	c := w.conversation(bob, toGroup("stage"))
	w.same("last", []any{textOf(c.LastMessage), c.LastMessage.ID, c.Unread}, []any{"to bob", r.MessageID, int64(1)})
}
