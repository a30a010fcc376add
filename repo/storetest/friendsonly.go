package storetest

import (
	"fmt"
	"sync"

	"github.com/gim-im/gim/domain"
)

func friendsOnlyTests() map[string]func(*world) {
	return map[string]func(*world){
		"FriendsOnly_RefusesWhatStrangersSend":        friendsOnlyRefuses,
		"FriendsOnly_RefusesNothingElse":              friendsOnlyRefusesOnly,
		"FriendsOnly_RepeatsKeepTheirFirstAnswer":     friendsOnlyRepeats,
		"FriendsOnly_RefusesSendsAmongMany":           friendsOnlyAmongMany,
		"FriendsOnly_IsASettingThatOtherSettingsKeep": friendsOnlySetting,
	}
}

// friendsOnly turns the setting of the app on or off.
func (w *world) friendsOnly(on bool) {
	w.Helper()
	app, err := w.store.UpdateApp(w.ctx, w.app.ID, func(a *domain.App) error {
		a.Settings.FriendsOnly = on
		return nil
	})
	w.ok(err)
	w.app = app
}

// wantSends checks whether from may send to a user, and signal to it.
func (w *world) wantSends(from, to domain.UserRef, want error) {
	w.Helper()
	out := w.outgoing(from, toUser(to), "x", "")
	_, err := w.store.Append(w.ctx, out)
	w.refused(err, want)
	_, err = w.store.Receivers(w.ctx, out)
	w.refused(err, want)
}

func friendsOnlyRefuses(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	both := func(want error) {
		w.Helper()
		w.wantSends(alice, bob, want)
		w.wantSends(bob, alice, want)
	}
	w.friendsOnly(true)
	both(domain.ErrNotFriend)
	out := w.outgoing(alice, toUser(bob), "x", "c1")
	_, err := w.store.Append(w.ctx, out)
	w.refused(err, domain.ErrNotFriend)
	w.same("nothing was stored", [][]string{w.texts(alice), w.texts(bob)}, [][]string{{}, {}})
	w.same("nothing was published", len(w.deliveries()), 0)

	w.ask(alice, "bob", "a request is not enough")
	both(domain.ErrNotFriend)
	w.ask(bob, "alice", "")
	both(nil)
	r, err := w.store.Append(w.ctx, out) // a refused send has not taken its client_msg_id
	w.ok(err)
	w.same("repeated", r.Repeated, false)
	w.block(bob, "alice")
	w.wantSends(alice, bob, domain.ErrBlocked)
	w.wantSends(bob, alice, nil)
	w.ok(w.contacts().Delete(w.ctx, w.by(alice), "bob"))
	_, err = w.edit(alice, r.MessageID, "other")
	w.refused(err, domain.ErrBlocked)
	w.ok(w.store.DeleteBlock(w.ctx, w.app.Num, bob.Num, "alice"))
	_, err = w.edit(alice, r.MessageID, "other")
	w.refused(err, domain.ErrNotFriend)
	w.block(bob, "alice")
	w.wantSends(alice, bob, domain.ErrBlocked)
	w.wantSends(bob, alice, domain.ErrNotFriend)
	w.friendsOnly(false)
	w.wantSends(bob, alice, nil)
}

func friendsOnlyRefusesOnly(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob := users[0], users[1]
	w.group("g", users...)
	w.friendsOnly(true)
	w.befriend(bob, users[2])
	for _, out := range []domain.Outgoing{
		w.outgoing(bob, toUser(bob), "to oneself", ""),
		w.outgoing(bob, toUser(users[2]), "to a contact", ""),
		w.outgoing(bob, toGroup("g"), "in a group", ""),
		w.outgoing(domain.UserRef{}, toUser(alice), "by the business", ""),
	} {
		_, err := w.store.Receivers(w.ctx, out)
		w.ok(err)
		_, err = w.store.Append(w.ctx, out)
		w.ok(err)
	}
	e := w.other() // whose app does not ask for contacts
	theirs := e.users("alice", "bob")
	e.wantSends(theirs[0], theirs[1], nil)
	w.wantSends(alice, bob, domain.ErrNotFriend)
}

func friendsOnlyRepeats(w *world) {
	users := w.users("alice", "bob")
	out := w.outgoing(users[1], toUser(users[0]), "x", "c1")
	first, err := w.store.Append(w.ctx, out)
	w.ok(err)
	w.friendsOnly(true)
	again, err := w.store.Append(w.ctx, out)
	w.ok(err)
	first.Repeated = true
	w.same("again", again, first)
	w.wantSends(users[1], users[0], domain.ErrNotFriend)
}

// friendsOnlyAmongMany sends all at once, so that they share batches.
func friendsOnlyAmongMany(w *world) {
	users := w.many("u", 8)
	w.friendsOnly(true)
	w.befriend(users[0], users[1], users[2])
	w.befriend(users[3], users[4])
	friends := map[[2]int]bool{{0, 1}: true, {0, 2}: true, {3, 4}: true}
	var wg sync.WaitGroup
	for from := range users {
		for to := range users {
			wg.Go(func() { // ends with the test
				want := domain.CodeNotFriend
				if from == to || friends[[2]int{min(from, to), max(from, to)}] {
					want = ""
				}
				_, err := w.store.Append(w.ctx, w.outgoing(users[from], toUser(users[to]), fmt.Sprint(from), ""))
				if domain.CodeOf(err) != want {
					w.Errorf("from %d to %d: got %v, want code %q", from, to, err, want)
				}
			})
		}
	}
	wg.Wait()
}

func friendsOnlySetting(w *world) {
	app := domain.App{ID: w.app.ID + "-2", Settings: domain.DefaultAppSettings(), CreatedAt: epoch}
	app.Settings.FriendsOnly = true
	app, err := w.store.CreateApp(w.ctx, app, newKey("first"), []byte("hash"))
	w.ok(err)
	_, err = w.store.UpdateApp(w.ctx, app.ID, func(a *domain.App) error { a.Name = "Another name"; return nil })
	w.ok(err)
	got, err := w.store.App(w.ctx, app.ID)
	w.ok(err)
	w.same("setting", got.Settings, app.Settings)
	w.friendsOnly(true)
	w.same("of another app", w.app.Settings.FriendsOnly, true)
	w.friendsOnly(false)
	got, err = w.store.App(w.ctx, w.app.ID)
	w.ok(err)
	w.same("off again", got.Settings, domain.DefaultAppSettings())
}
