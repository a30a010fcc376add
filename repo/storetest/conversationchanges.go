package storetest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/gim-im/gim/domain"
)

func conversationChangeTests() map[string]func(*world) {
	return map[string]func(*world){
		"Changes_AreToldOnce":              changesOnce,
		"Changes_TellWhatLeavesTheList":    changesRemoved,
		"Changes_TellThatPeersHaveRead":    changesRead,
		"Changes_ArePagedWithoutLosingAny": changesPaged,
		"Changes_MayBeMoreThanACursorHas":  changesMany,
	}
}

// changes returns what changed behind a cursor, and moves it.
func (w *world) changes(user domain.UserRef, since *domain.ChangesCursor, limit int) []string {
	w.Helper()
	got := []string{}
	for {
		list, hasMore, err := w.store.ChangedConversations(w.ctx, w.app.Num, user.Num, *since, limit)
		w.ok(err)
		for _, id := range list.Removed {
			got = append(got, "-"+id)
		}
		for _, c := range list.Items {
			got = append(got, c.ID)
		}
		w.same("total", list.TotalUnread, w.listed(user).TotalUnread)
		// As it goes to the client and comes back.
		*since, err = domain.ParseChangesCursor(list.Changes.String())
		w.ok(err)
		if !hasMore {
			return got
		}
		if len(list.Removed)+len(list.Items) == 0 {
			w.Fatal("an empty page has more")
		}
	}
}

func (w *world) wantChanges(user domain.UserRef, since *domain.ChangesCursor, want ...string) {
	w.Helper()
	w.same("changes", w.changes(user, since, domain.MaxPageSize), append([]string{}, want...))
	w.same("changes then", w.changes(user, since, domain.MaxPageSize), []string{})
}

func changesOnce(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	w.send(bob, toUser(alice), "1")
	since := w.listed(alice).Changes
	w.wantChanges(alice, &since)
	w.send(bob, toUser(carol), "not alice's")
	w.wantChanges(alice, &since)
	w.send(carol, toUser(alice), "2")
	w.send(bob, toUser(alice), "3")
	w.wantChanges(alice, &since, "user:carol", "user:bob")
	w.created("stage", domain.GroupLarge, domain.HistoryJoined, bob, alice)
	w.wantChanges(alice, &since, "group:stage")
	w.send(bob, toGroup("stage"), "4")
	w.wantChanges(alice, &since, "group:stage")
	w.setConversation(alice, toUser(carol), domain.ConversationChange{Pinned: new(true)})
	w.setConversation(alice, toUser(carol), domain.ConversationChange{Pinned: new(true)}) // as it was
	w.readUpTo(alice, toUser(bob), 2)
	w.wantChanges(alice, &since, "user:carol", "user:bob")
	w.readUpTo(alice, toUser(bob), 1)
	w.wantChanges(alice, &since)
	whole := domain.ChangesCursor{}
	w.wantChanges(alice, &whole, "group:stage", "user:carol", "user:bob")
}

func changesRemoved(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	w.created("team", domain.GroupNormal, domain.HistoryJoined, alice, bob)
	w.send(bob, toUser(alice), "1")
	w.send(carol, toUser(alice), "2")
	w.send(carol, toUser(bob), "3")
	ofAlice, ofBob := w.listed(alice).Changes, w.listed(bob).Changes
	w.setConversation(alice, toUser(bob), domain.ConversationChange{Hidden: new(true)})
	w.wantChanges(alice, &ofAlice, "-user:bob")
	w.ok(w.store.DeleteConversation(w.ctx, w.app.Num, alice.Num, toUser(carol)))
	w.wantChanges(alice, &ofAlice, "-user:carol")
	w.send(carol, toUser(alice), "4")
	w.wantChanges(alice, &ofAlice, "user:carol")
	w.ok(w.telling().RemoveMember(w.ctx, w.caller(alice), "team", "bob"))
	w.wantChanges(bob, &ofBob, "-group:team")
	_, err := w.telling().AddMembers(w.ctx, w.caller(alice), "team", []domain.UserID{"bob"})
	w.ok(err)
	w.wantChanges(bob, &ofBob, "group:team")
	w.wantChanges(alice, &ofAlice, "group:team")
	w.ok(w.store.DeleteUser(w.ctx, w.app.Num, "carol", epoch))
	w.wantChanges(alice, &ofAlice, "-user:carol")
	w.wantChanges(bob, &ofBob, "-user:carol")
}

func changesRead(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	w.group("team", alice, bob)
	w.large("stage", alice, bob)
	for _, target := range []domain.Target{toUser(alice), toGroup("team"), toGroup("stage")} {
		w.send(bob, target, "1")
	}
	ofAlice, ofBob := w.listed(alice).Changes, w.listed(bob).Changes
	for _, target := range []domain.Target{toUser(bob), toGroup("team"), toGroup("stage")} {
		w.readUpTo(alice, target, 1)
	}
	w.wantChanges(bob, &ofBob, "user:alice", "group:team")
	w.wantChanges(alice, &ofAlice, "user:bob", "group:team", "group:stage")
}

func changesPaged(w *world) {
	alice := w.user("alice")
	since := w.listed(alice).Changes
	others := w.many("u", 9)
	want := []string{}
	for _, u := range others {
		w.send(u, toUser(alice), "hi")
		want = append(want, "user:"+string(u.ID))
	}
	for limit := 1; limit <= 10; limit++ {
		from := domain.ChangesCursor{Upto: since.Upto, Seen: slices.Clone(since.Seen)}
		w.same(fmt.Sprint("by ", limit), w.changes(alice, &from, limit), want)
		w.wantChanges(alice, &from)
	}
}

// changesMany: on a store with several writers none of these is surely in its order yet.
func changesMany(w *world) {
	alice := w.user("alice")
	since := w.listed(alice).Changes
	others := w.many("u", domain.MaxChangesSeen+60)
	var sends sync.WaitGroup
	for part := range slices.Chunk(others, 50) {
		sends.Go(func() {
			for _, u := range part {
				_, err := w.store.Append(w.ctx, w.outgoing(u, toUser(alice), "hi", ""))
				if err != nil {
					w.Error(err)
				}
			}
		})
	}
	sends.Wait()
	seen := make(map[string]bool)
	for _, id := range w.changes(alice, &since, 50) {
		seen[id] = true
	}
	w.same("conversations", len(seen), len(others))
	w.send(others[0], toUser(alice), "more")
	if again := w.changes(alice, &since, 50); !slices.Contains(again, "user:"+string(others[0].ID)) || len(again) > 61 {
		w.Errorf("then %d changed, %v", len(again), again)
	}
}
