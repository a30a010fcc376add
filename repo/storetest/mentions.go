package storetest

import (
	"fmt"

	"github.com/gim-im/gim/domain"
)

func mentionTests() map[string]func(*world) {
	return map[string]func(*world){
		"Mention_IsToldUntilItIsRead":                 mentionRead,
		"Mention_OfAllIsForEverybodyElse":             mentionAll,
		"Mention_OfAllIsForThoseWhoMay":               mentionAllRights,
		"Mention_IsForThoseWhoWereThere":              mentionMembers,
		"Mention_EndsWithTheMessage":                  mentionRecalled,
		"Mention_EndsWhereTheConversationIsDeleted":   mentionDeleted,
		"Mention_StaysWhereAGroupBecomesLarge":        mentionConverted,
		"Mention_OfStrangersAndNobodyIsNone":          mentionStrangers,
		"Mention_SentAgainAndSentTogetherIsFoundOnce": mentionTogether,
	}
}

// mention sends a text that mentions.
func (w *world) mention(from domain.UserRef, to domain.Target, whom ...string) domain.Receipt {
	w.Helper()
	r, err := w.tryMention(from, to, whom...)
	w.ok(err)
	return r
}

func (w *world) tryMention(from domain.UserRef, to domain.Target, whom ...string) (domain.Receipt, error) {
	out := w.outgoing(from, to, "look", "")
	out.Message.Mentions = whom
	return w.store.Append(w.ctx, out)
}

// wantMention compares the first unread mention of a user, alone, in the list and
// among changes.
func (w *world) wantMention(what string, user domain.UserRef, target domain.Target, want int64) {
	w.Helper()
	c := w.conversation(user, target)
	w.same(what, c.MentionSeq, want)
	changed, _, err := w.store.ChangedConversations(w.ctx, w.app.Num, user.Num, domain.ChangesCursor{}, domain.MaxPageSize)
	w.ok(err)
	found := 0
	for _, entry := range append(changed.Items, w.listed(user).Items...) {
		if entry.ID == c.ID {
			found++
			w.same(what+", in a list", entry.MentionSeq, want)
		}
	}
	w.same("lists that have it", found, 2)
}

func mentionRead(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob := users[0], users[1]
	w.group("team", bob, alice)
	w.large("stage", bob, alice)
	for _, target := range []domain.Target{toUser(alice), toGroup("team"), toGroup("stage")} {
		name := fmt.Sprint(target)
		ofAlice := target
		if target.User != "" {
			ofAlice = toUser(bob)
		}
		w.send(bob, target, "plain")               // 1
		w.mention(bob, target, "alice")            // 2
		w.send(bob, target, "plain")               // 3
		w.mention(bob, target, "carol", "alice")   // 4
		w.mention(bob, target, "@all")             // 5
		w.mention(alice, ofAlice, "alice", "@bob") // 6, of herself and of nobody
		w.setConversation(alice, ofAlice, domain.ConversationChange{Muted: new(true)})
		for _, step := range [][2]int64{{0, 2}, {1, 2}, {2, 4}, {3, 4}, {4, 5}, {5, 0}, {6, 0}} {
			w.readUpTo(alice, ofAlice, step[0])
			w.wantMention(fmt.Sprint(name, " read up to ", step[0]), alice, ofAlice, step[1])
		}
		w.mention(bob, target, "bob")
		w.wantMention(name+", who mentions itself", alice, ofAlice, 0)
		w.wantMention(name+", of bob", bob, target, 0)
	}
}

func mentionAll(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	w.group("team", alice, bob)
	w.large("stage", alice, bob)
	for _, id := range []domain.GroupID{"team", "stage"} {
		w.mention(alice, toGroup(id), domain.MentionAll)
		w.mention(domain.UserRef{}, toGroup(id), domain.MentionAll)
		w.wantMention("of alice in "+string(id), alice, toGroup(id), 2)
		w.wantMention("of bob in "+string(id), bob, toGroup(id), 1)
	}
	w.mention(domain.UserRef{}, toUser(bob), "bob")
	w.wantMention("by the business", bob, business, 1)
}

func mentionAllRights(w *world) {
	users := w.users("owner", "admin", "member", "stranger")
	admin := domain.RoleAdmin
	for id, kind := range map[domain.GroupID]domain.GroupType{"team": domain.GroupNormal, "stage": domain.GroupLarge} {
		w.created(string(id), kind, domain.HistoryJoined, users[:3]...)
		_, err := w.telling().UpdateMember(w.ctx, w.caller(users[0]), id, "admin", domain.MemberPatch{Role: &admin})
		w.ok(err)
		try := func(want [4]domain.Code) {
			for i, u := range users {
				_, err := w.tryMention(u, toGroup(id), domain.MentionAll)
				w.same(string(u.ID)+" stores", domain.CodeOf(err), want[i])
				out := w.outgoing(u, toGroup(id), "look", "")
				out.Message.Mentions = []string{domain.MentionAll}
				_, err = w.store.Receivers(w.ctx, out)
				w.same(string(u.ID)+" sends", domain.CodeOf(err), want[i])
			}
			w.mention(domain.UserRef{}, toGroup(id), domain.MentionAll)
			w.mention(users[2], toGroup(id), "owner")
		}
		try([4]domain.Code{"", "", domain.CodeForbidden, domain.CodeNotInGroup})
		for _, step := range []struct {
			policy domain.MentionPolicy
			member domain.Code
		}{{domain.MentionAllByMembers, ""}, {domain.MentionAllByAdmins, domain.CodeForbidden}} {
			_, err = w.telling().Update(w.ctx, w.caller(users[1]), id, domain.GroupPatch{MentionAllBy: &step.policy})
			w.ok(err)
			g, err := w.store.Group(w.ctx, w.app.Num, id, 0)
			w.ok(err)
			w.same("setting", g.Settings.MentionAllBy, step.policy)
			try([4]domain.Code{"", "", step.member, domain.CodeNotInGroup})
		}
	}
}

func mentionMembers(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	for id, kind := range map[domain.GroupID]domain.GroupType{"team": domain.GroupNormal, "stage": domain.GroupLarge} {
		add := func() {
			_, err := w.telling().AddMembers(w.ctx, w.caller(alice), id, []domain.UserID{"bob"})
			w.ok(err)
		}
		w.created(string(id), kind, domain.HistoryAll, alice) // 1
		w.mention(alice, toGroup(id), "bob")                  // 2
		w.mention(alice, toGroup(id), domain.MentionAll)      // 3
		add()                                                 // 4
		w.wantMention("of who joins", bob, toGroup(id), 0)
		r := w.mention(alice, toGroup(id), "bob")
		w.wantMention("of a member", bob, toGroup(id), r.ConversationSeq)
		w.ok(w.telling().RemoveMember(w.ctx, w.caller(alice), id, "bob"))
		w.mention(alice, toGroup(id), "bob")
		add()
		w.wantMention("of who comes back", bob, toGroup(id), 0)
	}
}

func mentionRecalled(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob := users[0], users[1]
	w.group("team", users...)
	w.large("stage", users...)
	for _, target := range []domain.Target{toUser(bob), toGroup("team"), toGroup("stage")} {
		ofBob := target
		if target.User != "" {
			ofBob = toUser(alice)
		}
		sent := []domain.Receipt{w.mention(alice, target, "bob", "carol"), w.mention(alice, target, domain.MentionAll), w.mention(alice, target, "bob")}
		_, err := w.edit(alice, sent[0].MessageID, "another")
		w.ok(err)
		w.wantMention("edited", bob, ofBob, 1)
		for i, want := range []int64{2, 3, 0} {
			_, err := w.recall(alice, sent[i].MessageID)
			w.ok(err)
			w.wantMention(fmt.Sprint(target, " recalled ", i), bob, ofBob, want)
		}
	}
}

func mentionDeleted(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	w.mention(bob, toUser(alice), "alice")
	w.ok(w.store.DeleteConversation(w.ctx, w.app.Num, alice.Num, toUser(bob)))
	w.send(bob, toUser(alice), "plain")
	w.wantMention("deleted", alice, toUser(bob), 0)
	w.mention(bob, toUser(alice), "alice")
	w.wantMention("then", alice, toUser(bob), 3)
}

func mentionConverted(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	w.created("team", domain.GroupNormal, domain.HistoryJoined, alice, bob) // 1
	w.mention(alice, toGroup("team"), "bob")                                // 2
	w.mention(alice, toGroup("team"), domain.MentionAll)                    // 3
	large := domain.GroupLarge
	_, err := w.telling().Update(w.ctx, w.caller(alice), "team", domain.GroupPatch{Type: &large}) // 4
	w.ok(err)
	w.mention(alice, toGroup("team"), "bob") // 5
	for _, step := range [][2]int64{{0, 2}, {2, 3}, {3, 5}, {5, 0}} {
		w.readUpTo(bob, toGroup("team"), step[0])
		w.wantMention(fmt.Sprint("read up to ", step[0]), bob, toGroup("team"), step[1])
	}
}

func mentionStrangers(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	w.other().users("elsewhere")
	w.group("team", alice, bob)
	w.large("stage", alice, bob)
	for _, target := range []domain.Target{toUser(bob), toGroup("team"), toGroup("stage")} {
		w.mention(alice, target, "ghost", "carol", "elsewhere")
	}
	for _, target := range []domain.Target{toUser(alice), toGroup("team"), toGroup("stage")} {
		w.wantMention("of others", bob, target, 0)
	}
	w.wantList(carol)
}

func mentionTogether(w *world) {
	users := w.many("u", 6)
	w.group("team", users...)
	w.large("stage", users...)
	out := w.outgoing(users[0], toGroup("team"), "once", "key")
	out.Message.Mentions = []string{string(users[1].ID)}
	for range 3 {
		_, err := w.store.Append(w.ctx, out)
		w.ok(err)
	}
	w.wantMention("sent three times", users[1], toGroup("team"), 1)
	done := make(chan error)
	for _, u := range users[1:] {
		for _, id := range []domain.GroupID{"team", "stage"} {
			go func() { // ends with its answer
				_, err := w.tryMention(u, toGroup(id), string(users[0].ID), string(u.ID))
				done <- err
			}()
		}
	}
	for range 2 * len(users[1:]) {
		w.ok(<-done)
	}
	w.wantMention("in the normal one", users[0], toGroup("team"), 2)
	w.wantMention("in the large one", users[0], toGroup("stage"), 1)
	w.readUpTo(users[0], toGroup("team"), 5)
	w.wantMention("further on", users[0], toGroup("team"), 6)
}
