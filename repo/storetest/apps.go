package storetest

import (
	"errors"
	"time"

	"github.com/gim-im/gim/domain"
)

func appTests() map[string]func(*world) {
	return map[string]func(*world){
		"App_IsReadAsItWasCreated":           appIsReadAsCreated,
		"App_IDIsTakenUntilDeleted":          appIDIsTaken,
		"App_DeletedMoreThanOnceAtOneMoment": appDeletedTwice,
		"App_ListHasLiveAppsByID":            appList,
		"App_UpdateIsAllOrNothing":           appUpdate,
		"AppKey_IsUsableUntilRevoked":        appKeyLife,
		"AppKey_ListHasLiveKeysByID":         appKeyList,
		"AppKey_EndsWithItsApp":              appKeyEndsWithApp,
		"AdminKey_FirstOneStays":             adminKey,
		"Store_AnswersPing":                  func(w *world) { w.ok(w.store.Ping(w.ctx)) },
	}
}

func appIsReadAsCreated(w *world) {
	want := domain.App{Num: w.app.Num, ID: w.app.ID, Name: "A test", Settings: domain.DefaultAppSettings(), CreatedAt: epoch}
	w.same("created", w.app, want)
	got, err := w.store.App(w.ctx, w.app.ID)
	w.ok(err)
	w.same("by id", got, want)
	got, err = w.store.AppByNum(w.ctx, w.app.Num)
	w.ok(err)
	w.same("by number", got, want)
	_, err = w.store.App(w.ctx, w.app.ID+"x")
	w.refused(err, domain.ErrAppNotFound)
	_, err = w.store.AppByNum(w.ctx, -1)
	w.refused(err, domain.ErrAppNotFound)
}

func appIDIsTaken(w *world) {
	again := domain.App{ID: w.app.ID, Name: "B", Settings: domain.DefaultAppSettings(), CreatedAt: epoch}
	_, err := w.store.CreateApp(w.ctx, again, newKey("k"), []byte("h"))
	w.refused(err, domain.ErrAppExists)
	w.ok(w.store.DeleteApp(w.ctx, w.app.ID, epoch))
	_, err = w.store.App(w.ctx, w.app.ID)
	w.refused(err, domain.ErrAppNotFound)
	_, err = w.store.AppByNum(w.ctx, w.app.Num)
	w.refused(err, domain.ErrAppNotFound)
	w.refused(w.store.DeleteApp(w.ctx, w.app.ID, epoch), domain.ErrAppNotFound)
	_, err = w.store.UpdateApp(w.ctx, w.app.ID, func(*domain.App) error { return nil })
	w.refused(err, domain.ErrAppNotFound)
	reborn, err := w.store.CreateApp(w.ctx, again, newKey("k"), []byte("h"))
	w.ok(err)
	if reborn.Num == w.app.Num {
		w.Error("a new app has the number of a deleted one")
	}
}

// appDeletedTwice: an id may be freed again and again, also within one millisecond.
func appDeletedTwice(w *world) {
	w.ok(w.store.DeleteApp(w.ctx, w.app.ID, epoch))
	for range 2 {
		w.newApp(string(w.app.ID))
		w.ok(w.store.DeleteApp(w.ctx, w.app.ID, epoch))
	}
}

// appList looks only at its own part of the list: other tests make apps too.
func appList(w *world) {
	prefix := string(w.app.ID) + "."
	for _, id := range []string{"b", "B", "a", "gone", "a1"} {
		w.newApp(prefix + id)
	}
	w.ok(w.store.DeleteApp(w.ctx, domain.AppID(prefix+"gone"), epoch))
	page, err := w.store.Apps(w.ctx, domain.Page{Limit: 3, Cursor: string(w.app.ID)})
	w.ok(err)
	rest, err := w.store.Apps(w.ctx, domain.Page{Limit: 1, Cursor: page.NextCursor})
	w.ok(err)
	got := []string{}
	for _, a := range append(page.Items, rest.Items...) {
		got = append(got, string(a.ID))
	}
	w.same("apps by id, byte for byte", got, []string{prefix + "B", prefix + "a", prefix + "a1", prefix + "b"})
}

func appUpdate(w *world) {
	got, err := w.store.UpdateApp(w.ctx, w.app.ID, func(a *domain.App) error {
		a.Name, a.Settings.MaxGroupMembers = "Renamed", 7
		return nil
	})
	w.ok(err)
	want := w.app
	want.Name, want.Settings.MaxGroupMembers = "Renamed", 7
	w.same("updated", got, want)
	refusal := errors.New("no")
	_, err = w.store.UpdateApp(w.ctx, w.app.ID, func(a *domain.App) error {
		a.Name = "Never"
		return refusal
	})
	if !errors.Is(err, refusal) {
		w.Errorf("got %v, want the error of the change", err)
	}
	got, err = w.store.App(w.ctx, w.app.ID)
	w.ok(err)
	w.same("after a refused change", got, want)
}

func appKeyLife(w *world) {
	key := newKey("ci")
	w.ok(w.store.AddAppKey(w.ctx, w.app.Num, key, []byte{0, 1, 0xff}))
	ref, hash, err := w.store.AppKeyHash(w.ctx, key.ID)
	w.ok(err)
	w.same("app", ref, w.app.Ref())
	w.same("hash", hash, []byte{0, 1, 0xff})
	before := w.lastRevocation()
	at := epoch.Add(time.Second)
	w.ok(w.store.RevokeAppKey(w.ctx, w.app.Num, key.ID, at))
	w.wantRevocations(before, domain.Revocation{Kind: domain.RevokedAppKey, Name: key.ID, At: at})
	_, _, err = w.store.AppKeyHash(w.ctx, key.ID)
	w.refused(err, domain.ErrKeyNotFound)
	w.refused(w.store.RevokeAppKey(w.ctx, w.app.Num, key.ID, at), domain.ErrKeyNotFound)
	_, _, err = w.store.AppKeyHash(w.ctx, "absent")
	w.refused(err, domain.ErrKeyNotFound)
}

func appKeyList(w *world) {
	alone := w.other() // has its first key only
	page, err := alone.store.AppKeys(w.ctx, alone.app.Num, domain.Page{Limit: 10})
	w.ok(err)
	w.ok(w.store.RevokeAppKey(w.ctx, alone.app.Num, page.Items[0].ID, epoch))
	prefix := string(alone.app.ID)
	for _, id := range []string{"-b", "-a", "-B", "-x"} {
		w.ok(w.store.AddAppKey(w.ctx, alone.app.Num, domain.AppKey{ID: prefix[4:] + id, Name: "n" + id, CreatedAt: epoch}, []byte("h")))
	}
	w.ok(w.store.RevokeAppKey(w.ctx, alone.app.Num, prefix[4:]+"-x", epoch))
	read := func(p domain.Page) (domain.List[domain.AppKey], error) {
		return w.store.AppKeys(w.ctx, alone.app.Num, p)
	}
	wantPages(w, []string{prefix[4:] + "-B", prefix[4:] + "-a", prefix[4:] + "-b"}, func(k domain.AppKey) string { return k.ID }, read)
	page, err = read(domain.Page{Limit: 1})
	w.ok(err)
	w.same("key", page.Items, []domain.AppKey{{ID: prefix[4:] + "-B", Name: "n-B", CreatedAt: epoch}})
}

func appKeyEndsWithApp(w *world) {
	key := newKey("k")
	w.ok(w.store.AddAppKey(w.ctx, w.app.Num, key, []byte("h")))
	before := w.lastRevocation()
	w.ok(w.store.DeleteApp(w.ctx, w.app.ID, epoch))
	w.wantRevocations(before, domain.Revocation{Kind: domain.RevokedApp, At: epoch})
	_, _, err := w.store.AppKeyHash(w.ctx, key.ID)
	w.refused(err, domain.ErrKeyNotFound)
}

// adminKey is the only test that touches the admin key of the shared store.
func adminKey(w *world) {
	hash, err := w.store.AdminKeyHash(w.ctx)
	w.ok(err)
	if hash != nil {
		w.Errorf("a fresh store has the admin key hash %q", hash)
	}
	for i, hash := range []string{"one", "two"} {
		isFirst, err := w.store.InitAdminKeyHash(w.ctx, []byte(hash))
		w.ok(err)
		w.same("stored", isFirst, i == 0)
	}
	hash, err = w.store.AdminKeyHash(w.ctx)
	w.ok(err)
	w.same("hash", hash, []byte("one"))
}
