package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
)

func userTests() map[string]func(*world) {
	return map[string]func(*world){
		"User_IsReadAsItWasPut":                     userIsRead,
		"User_BatchMixesNewAndKnown":                userBatchMixed,
		"User_BatchOfAThousand":                     userBatchLarge,
		"User_IDsAreComparedByteForByte":            userIDsExact,
		"User_ListHasLiveUsersByID":                 userList,
		"User_UpdateIsAllOrNothing":                 userUpdate,
		"User_DeletedFreesItsIDAndStartsANewLog":    userDelete,
		"User_DeletedMoreThanOnceAtOneMoment":       userDeletedTwice,
		"User_DeletedLeavesGroupsAndDevices":        userDeleteLeaves,
		"User_CreatedConcurrentlyIsOneUser":         userCreatedConcurrently,
		"User_DeletedWhileAddedIsNoMemberAfterward": userDeletedWhileAdded,
	}
}

func fullProfile(id string) domain.User {
	return domain.User{
		ID: domain.UserID(id), Nickname: "Zoë 👋", Sex: domain.SexFemale, AvatarURL: "https://a.example/ä.png",
		Extra: json.RawMessage(`{"k":[1,"😀"]}`), CreatedAt: epoch, UpdatedAt: epoch.Add(time.Millisecond),
	}
}

func userIsRead(w *world) {
	got, created, err := w.store.UpsertUsers(w.ctx, w.app.Num, []domain.User{fullProfile("alice")})
	w.ok(err)
	w.same("created", created, []bool{true})
	want := fullProfile("alice")
	want.Num = got[0].Num
	w.same("upserted", got, []domain.User{want})
	read, err := w.store.User(w.ctx, w.app.Num, "alice")
	w.ok(err)
	w.same("read", read, want)
	_, err = w.store.User(w.ctx, w.app.Num, "bob")
	w.refused(err, domain.ErrUserNotFound)
}

func userBatchMixed(w *world) {
	old := w.users("b", "d")
	w.send(old[0], toUser(old[1]), "kept")
	later := epoch.Add(time.Hour)
	batch := []domain.User{profile("c"), profile("b"), profile("a"), profile("d")}
	for i := range batch {
		batch[i].Nickname, batch[i].CreatedAt, batch[i].UpdatedAt = "new", later, later
	}
	got, created, err := w.store.UpsertUsers(w.ctx, w.app.Num, batch)
	w.ok(err)
	w.same("created", created, []bool{true, false, true, false})
	for i := range batch {
		batch[i].Num = got[i].Num
		if !created[i] {
			batch[i].CreatedAt = epoch
		}
		read, err := w.store.User(w.ctx, w.app.Num, batch[i].ID)
		w.ok(err)
		w.same("read", read, batch[i])
	}
	w.same("upserted", got, batch)
	w.same("numbers of the known", []domain.UserNum{got[1].Num, got[3].Num}, []domain.UserNum{old[0].Num, old[1].Num})
	w.same("a replaced profile keeps its log", w.texts(old[1]), []string{"kept"})
	w.same("a new one is empty", w.texts(got[0].Ref()), []string{})
}

func userBatchLarge(w *world) {
	users := w.many("u", domain.MaxUserBatch)
	again := w.many("u", domain.MaxUserBatch)
	w.same("numbers", again, users)
	seen := make(map[domain.UserNum]bool)
	for _, u := range users {
		seen[u.Num] = true
	}
	w.same("distinct numbers", len(seen), domain.MaxUserBatch)
	nums := make([]domain.UserNum, len(users))
	for i, u := range users {
		nums[i] = u.Num
	}
	heads, err := w.store.Heads(w.ctx, w.app.Num, nums)
	w.ok(err)
	w.same("logs", len(heads), domain.MaxUserBatch)
}

// exactIDs differ only in what a database may overlook.
func exactIDs() []string {
	long := strings.Repeat("x", domain.MaxIDLength)
	return []string{"Alice", "alice", "ALICE", "alice.", "alice-", "alice_", "alice+", "@alice", "+alice", "-alice", "_alice", "a.b@c+d-e_f", "0", "00", long, long[1:] + "y", long[1:]}
}

func userIDsExact(w *world) {
	ids := exactIDs()
	refs := w.users(ids...)
	seen := make(map[domain.UserNum]string)
	for i, id := range ids {
		if twin, dup := seen[refs[i].Num]; dup {
			w.Errorf("%q and %q are one user", id, twin)
		}
		seen[refs[i].Num] = id
		u, err := w.store.User(w.ctx, w.app.Num, domain.UserID(id))
		w.ok(err)
		w.same("user", u.Ref(), refs[i])
		w.send(domain.UserRef{}, toUser(refs[i]), id)
		w.same("log", w.texts(refs[i]), []string{id})
	}
	for _, absent := range []string{"aLICE", "alice..", "Alice.", "000", "x"} {
		_, err := w.store.User(w.ctx, w.app.Num, domain.UserID(absent))
		w.refused(err, domain.ErrUserNotFound)
	}
}

func userList(w *world) {
	w.users("b", "a", "gone", "B", "a.", "a-", "a0")
	w.ok(w.store.DeleteUser(w.ctx, w.app.Num, "gone", epoch))
	read := func(p domain.Page) (domain.List[domain.User], error) { return w.store.Users(w.ctx, w.app.Num, p) }
	wantPages(w, []string{"B", "a", "a-", "a.", "a0", "b"}, func(u domain.User) string { return string(u.ID) }, read)
	wantPages(w.other(), []string{}, func(u domain.User) string { return string(u.ID) },
		func(p domain.Page) (domain.List[domain.User], error) { return w.store.Users(w.ctx, -1, p) })
}

func userUpdate(w *world) {
	alice := w.user("alice")
	got, err := w.store.UpdateUser(w.ctx, w.app.Num, "alice", func(u *domain.User) error {
		*u = domain.User{
			Num: u.Num, ID: u.ID, Nickname: "é", Sex: domain.SexOther, AvatarURL: "x",
			Extra: json.RawMessage(`{"a":1}`), CreatedAt: u.CreatedAt, UpdatedAt: epoch.Add(time.Hour),
		}
		return nil
	})
	w.ok(err)
	want := domain.User{
		Num: alice.Num, ID: "alice", Nickname: "é", Sex: domain.SexOther, AvatarURL: "x",
		Extra: json.RawMessage(`{"a":1}`), CreatedAt: epoch, UpdatedAt: epoch.Add(time.Hour),
	}
	w.same("updated", got, want)
	refusal := errors.New("no")
	_, err = w.store.UpdateUser(w.ctx, w.app.Num, "alice", func(u *domain.User) error {
		u.Nickname = "never"
		return refusal
	})
	if !errors.Is(err, refusal) {
		w.Errorf("got %v, want the error of the change", err)
	}
	read, err := w.store.User(w.ctx, w.app.Num, "alice")
	w.ok(err)
	w.same("after a refused change", read, want)
	_, err = w.store.UpdateUser(w.ctx, w.app.Num, "bob", func(*domain.User) error { return nil })
	w.refused(err, domain.ErrUserNotFound)
}

func userDelete(w *world) {
	users := w.users("alice", "bob")
	w.send(users[1], toUser(users[0]), "old")
	before, err := w.store.ReadLog(w.ctx, w.app.Num, users[0].Num, 0, 10)
	w.ok(err)
	last := w.lastRevocation()
	w.ok(w.store.DeleteUser(w.ctx, w.app.Num, "alice", epoch))
	w.wantRevocations(last, domain.Revocation{Kind: domain.RevokedUser, User: users[0].Num, At: epoch})
	_, err = w.store.User(w.ctx, w.app.Num, "alice")
	w.refused(err, domain.ErrUserNotFound)
	w.refused(w.store.DeleteUser(w.ctx, w.app.Num, "alice", epoch), domain.ErrUserNotFound)
	_, err = w.store.Append(w.ctx, w.outgoing(users[1], toUser(users[0]), "x", ""))
	w.refused(err, domain.ErrUserNotFound)
	_, err = w.store.Append(w.ctx, w.outgoing(users[0], toUser(users[1]), "x", ""))
	w.refused(err, domain.ErrUnauthorized)
	w.same("messages stay with those who got them", w.texts(users[1]), []string{"old"})

	reborn := w.user("alice")
	if reborn.Num == users[0].Num {
		w.Fatal("a new user has the number of a deleted one")
	}
	after, err := w.store.ReadLog(w.ctx, w.app.Num, reborn.Num, 0, 10)
	w.ok(err)
	w.same("log of the new user", after, domain.LogPage{LogHead: domain.LogHead{First: 1, Head: 0, Epoch: after.Epoch}})
	if after.Epoch == "" || after.Epoch == before.Epoch {
		w.Errorf("the new log has epoch %q, the old one %q", after.Epoch, before.Epoch)
	}
	_, err = w.store.Append(w.ctx, w.outgoing(users[0], toUser(users[1]), "x", ""))
	w.refused(err, domain.ErrUnauthorized) // the old alice is not the new one
	r := w.send(users[1], toUser(reborn), "new")
	w.same("a conversation of its own", r.ConversationSeq, int64(1))
	w.same("history", w.history(reborn, toUser(users[1])), []string{"new"})
}

func userDeletedTwice(w *world) {
	for range 3 {
		w.user("alice")
		w.ok(w.store.DeleteUser(w.ctx, w.app.Num, "alice", epoch))
	}
}

func userDeleteLeaves(w *world) {
	users := w.users("alice", "bob", "carol")
	w.device(users[1], "phone")
	w.group("g", users...)
	w.group("h", users[1], users[0])
	w.ok(w.store.DeleteUser(w.ctx, w.app.Num, "bob", epoch))
	g, err := w.store.Group(w.ctx, w.app.Num, "g", 0)
	w.ok(err)
	w.same("members left", g.MemberCount, 2)
	w.send(users[0], toGroup("g"), "after")
	w.same("who stayed", w.texts(users[2]), []string{"after"})
	w.same("who went", w.texts(users[1]), []string{})
	_, err = w.store.Device(w.ctx, w.app.Num, users[1].Num, "phone")
	w.refused(err, domain.ErrDeviceNotFound)
	w.device(users[2], "phone") // its id is free
	_, err = w.store.CreateDevice(w.ctx, w.app.Num, deviceOf(users[1], "other"))
	w.refused(err, domain.ErrUserNotFound)
}

// userCreatedConcurrently: whoever creates a user first, all get that one.
func userCreatedConcurrently(w *world) { userCreatedConcurrentlyOn(w, w.store) }

func userCreatedConcurrentlyOn(w *world, stores ...Store) {
	w.Helper()
	for round := range 10 {
		id := fmt.Sprintf("u%d", round)
		const workers = 6
		refs, created := make([]domain.UserRef, workers), make([]bool, workers)
		var wg sync.WaitGroup
		for i := range workers {
			wg.Go(func() { // ends with the round
				users, isNew, err := stores[i%len(stores)].UpsertUsers(w.ctx, w.app.Num, []domain.User{profile(id)})
				if err != nil {
					w.Error(err)
					return
				}
				refs[i], created[i] = users[0].Ref(), isNew[0]
			})
		}
		wg.Wait()
		u, err := w.store.User(w.ctx, w.app.Num, domain.UserID(id))
		w.ok(err)
		firsts := 0
		for i := range workers {
			w.same("number", refs[i], u.Ref())
			if created[i] {
				firsts++
			}
		}
		w.same("times created", firsts, 1)
	}
}

func userDeletedWhileAdded(w *world) {
	owner := w.user("owner")
	w.group("g", owner)
	for range 10 {
		w.user("guest")
		var wg sync.WaitGroup
		wg.Go(func() { // ends with the round
			_, err := w.add("g", domain.UserRef{}, 10, "guest")
			if err != nil && !errors.Is(err, domain.ErrUserNotFound) {
				w.Errorf("AddMembers: %v", err)
			}
		})
		wg.Go(func() { // ends with the round
			if err := w.store.DeleteUser(w.ctx, w.app.Num, "guest", epoch); err != nil {
				w.Errorf("DeleteUser: %v", err)
			}
		})
		wg.Wait()
		g, err := w.store.Group(w.ctx, w.app.Num, "g", 0)
		w.ok(err)
		w.same("members", g.MemberCount, 1)
	}
}
