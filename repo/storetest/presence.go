package storetest

import (
	"fmt"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
)

func presenceTests() map[string]func(*world) {
	return map[string]func(*world){
		"Presence_UsersAreSeenByThemselvesAndByTheirDevices": seenIsKept,
		"Presence_LastSeenNeverGoesBack":                     seenNeverBack,
		"Presence_ADeletedDeviceIsNotSeenForItsNextOwner":    seenDeviceOfAnother,
		"Presence_DeletedUsersAreAbsent":                     seenDeletedUser,
		"Presence_ManyAreSavedAtOnce":                        seenMany,
		"Presence_ConcurrentSavesEndAtTheLatest":             seenConcurrent,
	}
}

func (w *world) saw(seen ...domain.Seen) {
	w.Helper()
	w.ok(w.store.SaveSeen(w.ctx, w.app.Num, seen))
}

// lastSeen is when users were last seen.
func (w *world) lastSeen(ids ...domain.UserID) map[domain.UserID]domain.LastSeen {
	w.Helper()
	got, err := w.store.LastSeen(w.ctx, w.app.Num, ids)
	w.ok(err)
	return got
}

func (w *world) deviceSeen(user domain.UserRef, id domain.DeviceID) time.Time {
	w.Helper()
	d, err := w.store.Device(w.ctx, w.app.Num, user.Num, id)
	w.ok(err)
	return d.LastSeenAt
}

func seenIsKept(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	w.device(alice, "phone")
	w.device(alice, "laptop")
	w.same("never", w.lastSeen("alice", "ghost", "bob"), map[domain.UserID]domain.LastSeen{"alice": {Num: alice.Num}, "bob": {Num: bob.Num}})
	first, second := epoch.Add(time.Minute), epoch.Add(time.Hour)
	w.saw(domain.Seen{User: alice.Num, Device: "phone", At: first}, domain.Seen{User: bob.Num, At: second})
	w.same("seen", w.lastSeen("alice", "bob", "carol"), map[domain.UserID]domain.LastSeen{
		"alice": {Num: alice.Num, At: first}, "bob": {Num: bob.Num, At: second}, "carol": {Num: carol.Num},
	})
	w.same("phone", w.deviceSeen(alice, "phone"), first)
	w.same("laptop", w.deviceSeen(alice, "laptop"), time.Time{})

	_, err := w.store.OpenSession(w.ctx, w.app.Num, alice.Num, "laptop", second)
	w.ok(err)
	w.same("seen by a sign-in", w.lastSeen("alice")["alice"].At, second)
	w.same("none asked about", w.lastSeen(), map[domain.UserID]domain.LastSeen{})
	w.saw()
	other := w.other()
	other.user("alice")
	w.same("in another app", other.lastSeen("alice")["alice"].At, time.Time{})
}

func seenNeverBack(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	w.device(alice, "phone")
	early, late := epoch.Add(time.Minute), epoch.Add(time.Hour)
	w.saw(
		domain.Seen{User: alice.Num, Device: "phone", At: early}, domain.Seen{User: alice.Num, Device: "phone", At: late},
		domain.Seen{User: bob.Num, At: late}, domain.Seen{User: bob.Num, At: early},
	)
	w.saw(domain.Seen{User: alice.Num, Device: "phone", At: early}, domain.Seen{User: bob.Num, At: early})
	w.same("user", w.lastSeen("alice")["alice"].At, late)
	w.same("user without a device", w.lastSeen("bob")["bob"].At, late)
	w.same("device", w.deviceSeen(alice, "phone"), late)
}

func seenDeviceOfAnother(w *world) {
	users := w.users("alice", "bob")
	w.device(users[0], "phone")
	w.ok(w.store.DeleteDevice(w.ctx, w.app.Num, users[0].Num, "phone", epoch))
	w.device(users[1], "phone")
	w.saw(domain.Seen{User: users[0].Num, Device: "phone", At: epoch}, domain.Seen{User: users[0].Num, Device: "gone", At: epoch})
	w.same("bob's phone", w.deviceSeen(users[1], "phone"), time.Time{})
	w.same("alice", w.lastSeen("alice")["alice"].At, epoch)
}

func seenDeletedUser(w *world) {
	former := w.user("alice")
	w.saw(domain.Seen{User: former.Num, At: epoch})
	w.ok(w.store.DeleteUser(w.ctx, w.app.Num, "alice", epoch))
	w.same("deleted", w.lastSeen("alice"), map[domain.UserID]domain.LastSeen{})
	w.saw(domain.Seen{User: former.Num, At: epoch}) // its connection ends a little later
	alice := w.user("alice")
	w.same("another one", w.lastSeen("alice"), map[domain.UserID]domain.LastSeen{"alice": {Num: alice.Num}})
}

func seenMany(w *world) {
	users := w.many("u", 350)
	var seen []domain.Seen
	for i, u := range users {
		id := fmt.Sprintf("d%03d", i)
		if i < 220 {
			w.device(u, id)
		}
		seen = append(seen, domain.Seen{User: u.Num, Device: domain.DeviceID(id), At: epoch.Add(time.Duration(i) * time.Second)})
	}
	w.saw(seen...)
	got := w.lastSeen(idsOf(users)...)
	for i, u := range users {
		w.same(string(u.ID), got[u.ID].At, seen[i].At)
	}
	for _, i := range []int{0, 99, 100, 219} {
		w.same("device", w.deviceSeen(users[i], seen[i].Device), seen[i].At)
	}
}

func seenConcurrent(w *world) {
	users := w.users("alice", "bob")
	w.device(users[0], "phone")
	w.device(users[1], "laptop")
	var wg sync.WaitGroup
	const last = 20
	for i := range last + 1 {
		wg.Go(func() { // ends with the test
			at := epoch.Add(time.Duration(i) * time.Second)
			seen := []domain.Seen{{User: users[0].Num, Device: "phone", At: at}, {User: users[1].Num, Device: "laptop", At: at}}
			if i%2 == 0 {
				seen[0], seen[1] = seen[1], seen[0]
			}
			if err := w.store.SaveSeen(w.ctx, w.app.Num, seen); err != nil {
				w.Error(err)
			}
		})
	}
	wg.Wait()
	want := epoch.Add(last * time.Second)
	w.same("phone", w.deviceSeen(users[0], "phone"), want)
	w.same("laptop", w.deviceSeen(users[1], "laptop"), want)
	w.same("bob", w.lastSeen("bob")["bob"].At, want)
}
