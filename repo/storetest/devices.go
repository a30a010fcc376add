package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gim-im/gim/domain"
)

func deviceTests() map[string]func(*world) {
	return map[string]func(*world){
		"Device_IsReadAsItWasRegistered":          deviceIsRead,
		"Device_OfAnotherUserIsAbsent":            deviceForeign,
		"Device_ListIsPagedByID":                  deviceList,
		"Device_AckNeverFallsNorPassesTheHead":    deviceAck,
		"Device_AckOfOneSaysNothingAboutAnother":  deviceAckApart,
		"Device_LimitIsTheApps":                   deviceLimit,
		"Device_SessionsRise":                     deviceSessions,
		"Device_ConcurrentAcksEndAtTheHighest":    deviceAckConcurrent,
		"Device_ConcurrentSessionsHaveOwnNumbers": deviceSessionsConcurrent,
		"Device_DeletedWhileInUseIsNotFound":      deviceDeletedInUse,
		"Device_RegisteredAgainStartsWithoutAck":  deviceAgain,
	}
}

func deviceOf(user domain.UserRef, id string) domain.Device {
	return domain.Device{ID: domain.DeviceID(id), User: user, Type: "ios", CreatedAt: epoch}
}

func (w *world) device(user domain.UserRef, id string) domain.Device {
	w.Helper()
	d, err := w.store.CreateDevice(w.ctx, w.app.Num, deviceOf(user, id))
	w.ok(err)
	return d
}

func deviceIsRead(w *world) {
	alice := w.user("alice")
	want := domain.Device{
		ID: "phone", User: alice, Type: "android", Brand: "B😀", Model: "M", SystemVersion: "14", SDKVersion: "1.0",
		PushToken: "secret", CreatedAt: epoch,
	}
	got, err := w.store.CreateDevice(w.ctx, w.app.Num, want)
	w.ok(err)
	w.same("created", got, want)
	got, err = w.store.Device(w.ctx, w.app.Num, alice.Num, "phone")
	w.ok(err)
	w.same("read", got, want)
	_, err = w.store.Device(w.ctx, w.app.Num, alice.Num, "Phone")
	w.refused(err, domain.ErrDeviceNotFound)

	gone := domain.UserRef{Num: alice.Num + 1, ID: "alice"} // an earlier user of the name
	_, err = w.store.CreateDevice(w.ctx, w.app.Num, deviceOf(gone, "x"))
	w.refused(err, domain.ErrUserNotFound)
}

func deviceLimit(w *world) {
	users := w.users("alice", "bob")
	limit := func(n int) {
		_, err := w.store.UpdateApp(w.ctx, w.app.ID, func(a *domain.App) error {
			a.Settings.MaxDevicesPerUser, a.Settings.MaxOnlinePerType, a.Settings.OnlineYields = n, 1, domain.YieldNewest
			return nil
		})
		w.ok(err)
	}
	limit(2)
	w.device(users[0], "phone")
	w.device(users[0], "laptop")
	_, err := w.store.CreateDevice(w.ctx, w.app.Num, deviceOf(users[0], "third"))
	w.refused(err, domain.ErrDeviceLimit)
	w.device(users[1], "third") // another user's count is its own
	w.ok(w.store.DeleteDevice(w.ctx, w.app.Num, users[0].Num, "laptop", epoch))
	w.device(users[0], "fourth")
	limit(1) // those there are stay
	s, err := w.store.OpenSession(w.ctx, w.app.Num, users[0].Num, "fourth", epoch)
	w.ok(err)
	w.same("policy", s.Policy, domain.DevicePolicy{MaxDevicesPerUser: 1, MaxOnlinePerType: 1, OnlineYields: domain.YieldNewest})

	limit(3)
	var made atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() { // ends with the test
			switch _, err := w.store.CreateDevice(w.ctx, w.app.Num, deviceOf(users[1], fmt.Sprint("at-once-", i))); {
			case err == nil:
				made.Add(1)
			case !errors.Is(err, domain.ErrDeviceLimit):
				w.Error(err)
			}
		})
	}
	wg.Wait()
	w.same("devices made at once beside one", made.Load(), int32(2))
}

func deviceForeign(w *world) {
	users := w.users("alice", "bob")
	w.device(users[0], "phone")
	for _, u := range users { // taken for the same user too
		_, err := w.store.CreateDevice(w.ctx, w.app.Num, deviceOf(u, "phone"))
		w.refused(err, domain.ErrDeviceExists)
	}
	bob := users[1].Num
	_, err := w.store.Device(w.ctx, w.app.Num, bob, "phone")
	w.refused(err, domain.ErrDeviceNotFound)
	_, err = w.store.AckDevice(w.ctx, w.app.Num, bob, "phone", 0, epoch)
	w.refused(err, domain.ErrDeviceNotFound)
	_, err = w.store.OpenSession(w.ctx, w.app.Num, bob, "phone", epoch)
	w.refused(err, domain.ErrDeviceNotFound)
	w.refused(w.store.DeleteDevice(w.ctx, w.app.Num, bob, "phone", epoch), domain.ErrDeviceNotFound)
	got, err := w.store.Device(w.ctx, w.app.Num, users[0].Num, "phone")
	w.ok(err)
	w.same("untouched", got, deviceOf(users[0], "phone"))
}

func deviceList(w *world) {
	users := w.users("alice", "bob")
	for _, id := range []string{"b", "a", "B", "a."} {
		w.device(users[0], id)
	}
	w.device(users[1], "aa")
	id := func(d domain.Device) string { return string(d.ID) }
	wantPages(w, []string{"B", "a", "a.", "b"}, id, func(p domain.Page) (domain.List[domain.Device], error) {
		return w.store.Devices(w.ctx, w.app.Num, users[0].Num, p)
	})
}

func (w *world) ack(user domain.UserRef, device string, seq int64) (int64, error) {
	return w.store.AckDevice(w.ctx, w.app.Num, user.Num, domain.DeviceID(device), seq, epoch.Add(time.Hour))
}

func deviceAck(w *world) {
	alice := w.user("alice")
	w.device(alice, "phone")
	for range 3 {
		w.send(domain.UserRef{}, toUser(alice), "x")
	}
	for _, step := range []struct{ seq, want int64 }{{0, 0}, {2, 2}, {1, 2}, {2, 2}, {3, 3}, {0, 3}} {
		got, err := w.ack(alice, "phone", step.seq)
		w.ok(err)
		w.same("acked", got, step.want)
	}
	_, err := w.ack(alice, "phone", 4)
	w.refused(err, domain.ErrBadAck)
	d, err := w.store.Device(w.ctx, w.app.Num, alice.Num, "phone")
	w.ok(err)
	w.same("stored", d.AckedSeq, int64(3))
	w.same("last seen", d.LastSeenAt, epoch.Add(time.Hour))
	_, err = w.ack(alice, "absent", 1)
	w.refused(err, domain.ErrDeviceNotFound)
}

func deviceAckApart(w *world) {
	alice := w.user("alice")
	w.device(alice, "phone")
	w.device(alice, "laptop")
	w.send(domain.UserRef{}, toUser(alice), "x")
	_, err := w.ack(alice, "phone", 1)
	w.ok(err)
	d, err := w.store.Device(w.ctx, w.app.Num, alice.Num, "laptop")
	w.ok(err)
	w.same("the other device", d, deviceOf(alice, "laptop"))
}

func deviceSessions(w *world) {
	users := w.users("alice", "bob")
	w.device(users[0], "phone")
	w.device(users[1], "laptop")
	var last int64
	for range 3 {
		s, err := w.store.OpenSession(w.ctx, w.app.Num, users[0].Num, "phone", epoch.Add(time.Hour))
		w.ok(err)
		if s.Number <= last {
			w.Errorf("session %d follows %d", s.Number, last)
		}
		last = s.Number
		w.same("session", s, domain.DeviceSession{Number: last, Type: "ios", Policy: domain.DefaultAppSettings().DevicePolicy})
	}
	got, err := w.store.Sessions(w.ctx, w.app.Num, []domain.DeviceID{"phone", "laptop", "absent"})
	w.ok(err)
	w.same("sessions", got, map[domain.DeviceID]int64{"phone": last, "laptop": 0})
	got, err = w.store.Sessions(w.ctx, w.app.Num, nil)
	w.ok(err)
	w.same("of none", got, map[domain.DeviceID]int64{})
	d, err := w.store.Device(w.ctx, w.app.Num, users[0].Num, "phone")
	w.ok(err)
	w.same("last seen", d.LastSeenAt, epoch.Add(time.Hour))
}

func deviceAckConcurrent(w *world) {
	alice := w.user("alice")
	w.device(alice, "phone")
	const n = 20
	for range n {
		w.send(domain.UserRef{}, toUser(alice), "x")
	}
	var wg sync.WaitGroup
	for seq := int64(1); seq <= n; seq++ {
		wg.Go(func() { // ends with the test
			if got, err := w.ack(alice, "phone", seq); err != nil || got < seq {
				w.Errorf("ack %d: got %d, %v", seq, got, err)
			}
		})
	}
	wg.Wait()
	got, err := w.ack(alice, "phone", 0)
	w.ok(err)
	w.same("acked", got, int64(n))
}

func deviceSessionsConcurrent(w *world) {
	alice := w.user("alice")
	w.device(alice, "phone")
	var mu sync.Mutex
	seen := make(map[int64]bool)
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() { // ends with the test
			s, err := w.store.OpenSession(w.ctx, w.app.Num, alice.Num, "phone", epoch)
			if err != nil {
				w.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			seen[s.Number] = true
		})
	}
	wg.Wait()
	w.same("distinct numbers", len(seen), 12)
}

// deviceDeletedInUse: whoever loses against a deletion hears that there is no
// such device, and it is revoked once.
func deviceDeletedInUse(w *world) {
	alice := w.user("alice")
	for range 10 {
		w.device(alice, "phone")
		before := w.lastRevocation()
		var wg sync.WaitGroup
		var mu sync.Mutex
		deleted := 0
		attempt := func(f func() error) {
			wg.Go(func() { // ends with the round
				if err := f(); err != nil && !errors.Is(err, domain.ErrDeviceNotFound) {
					w.Errorf("got %v, want nothing or device_not_found", err)
				}
			})
		}
		for range 3 {
			attempt(func() error { _, err := w.ack(alice, "phone", 0); return err })
			attempt(func() error {
				_, err := w.store.OpenSession(w.ctx, w.app.Num, alice.Num, "phone", epoch)
				return err
			})
			attempt(func() error {
				err := w.store.DeleteDevice(w.ctx, w.app.Num, alice.Num, "phone", epoch)
				if err == nil {
					mu.Lock()
					defer mu.Unlock()
					deleted++
				}
				return err
			})
		}
		wg.Wait()
		w.same("deletions that succeeded", deleted, 1)
		w.wantRevocations(before, domain.Revocation{Kind: domain.RevokedDevice, User: alice.Num, Name: "phone", At: epoch})
	}
}

func deviceAgain(w *world) {
	alice := w.user("alice")
	w.device(alice, "phone")
	w.send(domain.UserRef{}, toUser(alice), "x")
	_, err := w.ack(alice, "phone", 1)
	w.ok(err)
	w.ok(w.store.DeleteDevice(w.ctx, w.app.Num, alice.Num, "phone", epoch))
	w.device(alice, "phone")
	d, err := w.store.Device(w.ctx, w.app.Num, alice.Num, "phone")
	w.ok(err)
	w.same("device", d, deviceOf(alice, "phone"))
}
