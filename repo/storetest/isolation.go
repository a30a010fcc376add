package storetest

import (
	"encoding/json"

	"github.com/gim-im/gim/domain"
)

func isolationTests() map[string]func(*world) {
	return map[string]func(*world){
		"Isolation_EqualIDsInTwoAppsNeverMeet": isolationEqualIDs,
		"Isolation_ForeignThingsAreAbsent":     isolationForeign,
		"Isolation_ForeignNumbersAreAbsent":    isolationNumbers,
	}
}

// fill gives an app one of everything, the same ids in each app.
func fill(w *world, mark string) []domain.UserRef {
	w.Helper()
	users := w.users("alice", "bob")
	u := profile("alice")
	u.Nickname = mark
	_, _, err := w.store.UpsertUsers(w.ctx, w.app.Num, []domain.User{u})
	w.ok(err)
	w.group("g", users...)
	w.large("large", users...)
	d := deviceOf(users[0], "phone")
	d.Brand = mark
	_, err = w.store.CreateDevice(w.ctx, w.app.Num, d)
	w.ok(err)
	key := signingKeyOf("k1")
	key.JWK = json.RawMessage(`"` + mark + `"`)
	_, err = w.store.PutSigningKey(w.ctx, w.app.Num, key)
	w.ok(err)
	r, err := w.store.Append(w.ctx, w.outgoing(users[0], toUser(users[1]), mark, "c"))
	w.ok(err)
	w.same("first of its app", []any{r.Repeated, r.Seq, r.ConversationSeq}, []any{false, int64(1), int64(1)})
	w.same("group message", w.send(users[0], toGroup("g"), mark).ConversationSeq, int64(1))
	w.same("large group message", w.send(users[0], toGroup("large"), mark).ConversationSeq, int64(1))
	r, err = w.store.Append(w.ctx, w.outgoing(domain.UserRef{}, toUser(users[0]), mark, "c")) // every business has the number 0
	w.ok(err)
	w.same("business message", []any{r.Repeated, r.ConversationSeq}, []any{false, int64(1)})
	_, isNew := w.begin(request("k", mark, epoch), never, never)
	w.same("request is new", isNew, true)
	return users
}

// intact checks that an app is as fill left it.
func intact(w *world, users []domain.UserRef, mark string) {
	w.Helper()
	u, err := w.store.User(w.ctx, w.app.Num, "alice")
	w.ok(err)
	w.same("user", []any{u.Nickname, u.Num}, []any{mark, users[0].Num})
	d, err := w.store.Device(w.ctx, w.app.Num, users[0].Num, "phone")
	w.ok(err)
	w.same("device", []any{d.Brand, d.AckedSeq}, []any{mark, int64(0)})
	key, err := w.store.SigningKey(w.ctx, w.app.Num, "k1")
	w.ok(err)
	w.same("signing key", string(key.JWK), `"`+mark+`"`)
	w.same("subject", w.subject(users[0], "phone", "t"), domain.Subject{User: users[0], DeviceBound: true})
	w.same("log of alice", w.texts(users[0]), []string{mark, mark, mark})
	w.same("log of bob", w.texts(users[1]), []string{mark, mark})
	w.same("history", w.history(users[1], toUser(users[0])), []string{mark})
	w.same("group history", w.history(users[1], toGroup("g")), []string{mark})
	large := w.largeGroups(users[0], "phone")[0]
	w.same("large group", large, domain.LargeGroup{Num: large.Num, ID: "large", Head: 1, Unread: 1})
	w.same("log of the large group", briefs(w.groupLog(large.Num, asMember(users[1]), 10)), []string{mark})
	w.same("business history", w.history(users[0], domain.Target{}), []string{mark})
	w.same("members", w.members("g"), []string{"alice", "bob"})
	w.same("members of the large group", w.members("large"), []string{"alice", "bob"})
	page, err := w.store.Users(w.ctx, w.app.Num, domain.Page{Limit: 10})
	w.ok(err)
	w.same("users", len(page.Items), 2)
	sessions, err := w.store.Sessions(w.ctx, w.app.Num, []domain.DeviceID{"phone"})
	w.ok(err)
	w.same("sessions", sessions, map[domain.DeviceID]int64{"phone": 0})
	known, isNew := w.begin(request("k", "probe", epoch), never, never)
	w.same("request", []any{isNew, string(known.Request)}, []any{false, string(digest(mark))})
}

// isolationEqualIDs does everything that ends or changes something in one app,
// and looks at the other.
func isolationEqualIDs(w *world) {
	other := w.other()
	mine, theirs := fill(w, "mine"), fill(other, "theirs")
	intact(w, mine, "mine")
	intact(other, theirs, "theirs")

	app := other.app.Num
	before := w.lastRevocation()
	w.ok(w.store.RevokeToken(w.ctx, app, "alice", "t", epoch))
	w.ok(w.store.RevokeTokens(w.ctx, app, "alice", epoch))
	w.ok(w.store.RevokeSigningKey(w.ctx, app, "k1", epoch))
	_, err := other.ack(theirs[0], "phone", 3)
	w.ok(err)
	_, err = other.ackGroup(theirs[0], "phone", "large", 1)
	w.ok(err)
	other.send(theirs[1], toGroup("large"), "more")
	_, err = w.store.OpenSession(w.ctx, app, theirs[0].Num, "phone", epoch)
	w.ok(err)
	w.ok(w.store.DeleteDevice(w.ctx, app, theirs[0].Num, "phone", epoch))
	w.ok(w.store.ForgetIdempotent(w.ctx, app, digest("k")))
	other.user("carol")
	_, err = other.add("g", domain.UserRef{}, 10, "carol")
	w.ok(err)
	w.ok(other.remove("g", domain.UserRef{}, "bob"))
	w.ok(other.remove("large", domain.UserRef{}, "bob"))
	_, err = w.store.UpdateUser(w.ctx, app, "alice", func(u *domain.User) error { u.Nickname = "changed"; return nil })
	w.ok(err)
	w.ok(w.store.DeleteUser(w.ctx, app, "alice", epoch))
	intact(w, mine, "mine")
	w.ok(w.store.DeleteApp(w.ctx, other.app.ID, epoch))
	intact(w, mine, "mine")
	w.wantRevocations(before)
	for _, d := range w.published.of(w.app.Num) {
		for _, to := range d.To {
			if to.User != mine[0].Num && to.User != mine[1].Num {
				w.Errorf("a message of one app was published to user %d of another", to.User)
			}
		}
	}
}

// isolationForeign asks an empty app for what another one has.
func isolationForeign(w *world) {
	theirs := fill(w, "theirs")
	e := w.other()
	app := e.app.Num
	check := func(want error, errs ...error) {
		w.Helper()
		for _, err := range errs {
			w.refused(err, want)
		}
	}
	_, errUser := w.store.User(w.ctx, app, "alice")
	_, errUpdate := w.store.UpdateUser(w.ctx, app, "alice", func(*domain.User) error { return nil })
	_, errSubject := w.store.Subject(w.ctx, app, "alice", "phone", "t")
	_, errSend := w.store.Append(w.ctx, e.outgoing(domain.UserRef{}, toUser(theirs[0]), "x", ""))
	_, errTo := w.store.Receivers(w.ctx, e.outgoing(domain.UserRef{}, toUser(theirs[0]), "x", ""))
	_, errHistory := w.store.History(w.ctx, app, domain.UserRef{}, toUser(theirs[0]), domain.HistoryRange{Limit: 1})
	_, errCreate := w.store.CreateGroup(w.ctx, app, groupOf("new", "alice"), []domain.UserID{"alice"})
	_, errDevice := w.store.CreateDevice(w.ctx, app, deviceOf(theirs[0], "new"))
	check(domain.ErrUserNotFound, errUser, errUpdate, errSubject, errSend, errTo, errHistory, errCreate, errDevice,
		w.store.DeleteUser(w.ctx, app, "alice", epoch), w.store.RevokeTokens(w.ctx, app, "alice", epoch),
		w.store.RevokeToken(w.ctx, app, "alice", "t", epoch))

	_, errGroup := w.store.Group(w.ctx, app, "g", 0)
	_, errMembers := w.groups().Members(w.ctx, e.caller(domain.UserRef{}), "g", domain.Page{Limit: 1})
	_, errAdd := e.add("g", domain.UserRef{}, 10, "alice")
	_, errSend = w.store.Append(w.ctx, e.outgoing(domain.UserRef{}, toGroup("g"), "x", ""))
	_, errHistory = w.store.History(w.ctx, app, domain.UserRef{}, toGroup("g"), domain.HistoryRange{Limit: 1})
	_, errLarge := w.store.LargeGroup(w.ctx, app, "large", asMember(theirs[0]))
	_, errAck := e.ackGroup(theirs[0], "phone", "large", 1)
	_, errTo = w.store.Receivers(w.ctx, e.outgoing(domain.UserRef{}, toGroup("large"), "x", ""))
	check(domain.ErrGroupNotFound, errGroup, errMembers, errAdd, errSend, errHistory, errLarge, errAck, errTo, e.remove("g", domain.UserRef{}, "bob"))

	_, errKey := w.store.SigningKey(w.ctx, app, "k1")
	_, _, errKeyOf := w.store.SigningKeyOf(w.ctx, e.app.ID, "k1")
	check(domain.ErrSigningKeyNotFound, errKey, errKeyOf, w.store.RevokeSigningKey(w.ctx, app, "k1", epoch))

	keys, err := w.store.AppKeys(w.ctx, w.app.Num, domain.Page{Limit: 10})
	w.ok(err)
	check(domain.ErrKeyNotFound, w.store.RevokeAppKey(w.ctx, app, keys.Items[0].ID, epoch))
	intact(w, theirs, "theirs")
}

// isolationNumbers uses numbers of another app, as a forged caller would.
func isolationNumbers(w *world) {
	theirs := fill(w, "theirs")
	e := w.other()
	app, alice := e.app.Num, theirs[0]
	_, errDevice := w.store.Device(w.ctx, app, alice.Num, "phone")
	_, errAck := w.store.AckDevice(w.ctx, app, alice.Num, "phone", 0, epoch)
	_, errSession := w.store.OpenSession(w.ctx, app, alice.Num, "phone", epoch)
	e.large("large", e.user("alice")) // of the same name
	_, errAckGroup := w.store.AckGroup(w.ctx, app, e.user("alice").Num, "phone", "large", 0, epoch)
	for _, err := range []error{errDevice, errAck, errAckGroup, errSession, w.store.DeleteDevice(w.ctx, app, alice.Num, "phone", epoch)} {
		w.refused(err, domain.ErrDeviceNotFound)
	}
	_, err := w.store.ReadLog(w.ctx, app, alice.Num, 0, 10)
	w.refused(err, domain.ErrUserNotFound)
	heads, err := w.store.Heads(w.ctx, app, []domain.UserNum{alice.Num})
	w.ok(err)
	w.same("heads", heads, map[domain.UserNum]int64{})
	large := w.largeGroups(alice, "phone")[0].Num
	groupHeads, err := w.store.GroupHeads(w.ctx, app, []domain.ConversationNum{large})
	w.ok(err)
	w.same("heads of groups", groupHeads, map[domain.ConversationNum]int64{})
	_, err = w.store.ReadGroup(w.ctx, app, large, asMember(alice), 0, 10)
	w.refused(err, domain.ErrGroupNotFound)
	w.same("large groups", len(e.largeGroups(alice, "phone")), 0)
	_, err = e.ackGroup(alice, "phone", "large", 0)
	w.refused(err, domain.ErrNotInGroup)
	sessions, err := w.store.Sessions(w.ctx, app, []domain.DeviceID{"phone"})
	w.ok(err)
	w.same("sessions", sessions, map[domain.DeviceID]int64{})
	devices, err := w.store.Devices(w.ctx, app, alice.Num, domain.Page{Limit: 10})
	w.ok(err)
	w.same("devices", devices.Items, []domain.Device{})
	_, err = w.store.Append(w.ctx, e.outgoing(alice, toUser(alice), "x", ""))
	w.refused(err, domain.ErrUnauthorized)
	page, err := w.store.History(w.ctx, app, alice, domain.Target{}, domain.HistoryRange{Limit: 1})
	w.ok(err)
	w.same("business history", page, domain.HistoryPage{})
	intact(w, theirs, "theirs")
}
