package e2e

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

func TestUsers_ArePutPatchedAndRead(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g)
		const path = "/v1/users/alice"
		full := object{
			"nickname": strings.Repeat("😀", 128), "sex": "female", "avatar_url": "https://a.example/" + strings.Repeat("é", 1000),
			"extra": object{"level": 3, "tags": []string{"a", "ß"}, "big": 12345678901234567},
		}
		created := read[client.User](t, a.back().put(t, path, full).want(t, 201))
		check := func(doing string, got answer, want object) {
			t.Helper()
			shown := read[object](t, got)
			if shown["user_id"] != "alice" || shown["created_at"] != format(created.CreatedAt) {
				t.Errorf("%s: got %s", doing, got.body)
			}
			for _, name := range []string{"user_id", "created_at", "updated_at"} {
				delete(shown, name)
			}
			if diff := cmp.Diff(read[object](t, answer{body: marshal(t, want)}), shown); diff != "" {
				t.Errorf("%s (-want +got):\n%s", doing, diff)
			}
		}
		check("created", a.back().get(t, path), full)
		check("put again", a.back().put(t, path, full).want(t, 200), full)

		check("patched", a.back().do(t, "PATCH", path, object{"nickname": "Ali"}).want(t, 200), with(full, "nickname", "Ali"))
		check("patched with nothing", a.back().do(t, "PATCH", path, object{}).want(t, 200), with(full, "nickname", "Ali"))
		check("patched with empty", a.back().do(t, "PATCH", path, object{"avatar_url": "", "extra": object{}, "sex": "unknown"}).want(t, 200),
			object{"nickname": "Ali", "sex": "unknown", "avatar_url": "", "extra": object{}})
		check("replaced", a.back().put(t, path, object{"sex": "other"}).want(t, 200), object{"nickname": "", "sex": "other", "avatar_url": "", "extra": object{}})

		// A user does all of it for itself, by either name.
		alice, _ := a.onDevice(t, "alice")
		check("by itself", alice.put(t, "/v1/users/me", object{"nickname": "Me"}).want(t, 200), object{"nickname": "Me", "sex": "unknown", "avatar_url": "", "extra": object{}})
		check("by name", alice.do(t, "PATCH", path, object{"sex": "male"}).want(t, 200), object{"nickname": "Me", "sex": "male", "avatar_url": "", "extra": object{}})
		check("as alice", a.as("alice").get(t, "/v1/users/me"), object{"nickname": "Me", "sex": "male", "avatar_url": "", "extra": object{}})
		if updated := read[client.User](t, alice.get(t, path)).UpdatedAt; updated.Before(created.UpdatedAt) {
			t.Errorf("updated at %s, created at %s", updated, created.UpdatedAt)
		}
		a.back().do(t, "PATCH", "/v1/users/ghost", object{}).refused(t, 404, "user_not_found")
	})
}

func format(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

func TestUsers_DeletedLeaveTheirMessagesAndTheirIDBehind(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob", "carol")
		a.newGroup(t, "team", "bob", "alice")
		a.as("alice").post(t, "/v1/messages", text("bob", "one")).want(t, 201)
		a.as("bob").post(t, "/v1/messages", groupText("team", "two")).want(t, 201)
		a.as("alice").post(t, "/v1/devices", object{"device_id": "phone", "type": "ios"}).want(t, 201)
		old := a.as("alice").sync(t, "")
		bob := a.as("bob").sync(t, "")

		a.back().delete(t, "/v1/users/alice").want(t, 204)
		a.back().get(t, "/v1/users/alice").refused(t, 404, "user_not_found")
		a.back().delete(t, "/v1/users/alice").refused(t, 404, "user_not_found")
		a.back().do(t, "PATCH", "/v1/users/alice", object{}).refused(t, 404, "user_not_found")
		a.back().post(t, "/v1/users/alice/tokens", object{}).refused(t, 404, "user_not_found")
		a.as("bob").post(t, "/v1/messages", text("alice", "gone?")).refused(t, 404, "user_not_found")
		a.as("bob").post(t, "/v1/messages", groupText("team", "three")).want(t, 201)
		if got := read[client.Group](t, a.back().get(t, "/v1/groups/team")); got.MemberCount != 1 {
			t.Errorf("%d members are left, want 1", got.MemberCount)
		}
		if users := everything[client.User](t, a.back(), "/v1/users"); len(users) != 2 {
			t.Errorf("%d users are listed, want 2", len(users))
		}
		got := a.as("bob").sync(t, "").Items
		if diff := cmp.Diff(bob.Items, got[:len(bob.Items)]); diff != "" {
			t.Errorf("bob's messages changed (-before +after):\n%s", diff)
		}

		a.back().put(t, "/v1/users/alice", object{"nickname": "new"}).want(t, 201)
		alice := a.with(a.token(t, "alice", object{}).Token)
		fresh := alice.sync(t, "")
		if len(fresh.Items) != 0 || fresh.HeadSeq != 0 || fresh.Epoch == old.Epoch {
			t.Errorf("the new alice has %+v", fresh)
		}
		alice.get(t, "/v1/sync?after=0&epoch="+old.Epoch).refused(t, 409, "resync_required")
		for _, path := range []string{"/v1/conversations/user:bob/messages", "/v1/devices"} {
			if page := read[client.MessagePage](t, alice.get(t, path).want(t, 200)); len(page.Items) != 0 {
				t.Errorf("the new alice reads the old one's %s: %+v", path, page)
			}
		}
		alice.get(t, "/v1/groups/team").refused(t, 403, "not_in_group")
		alice.get(t, "/v1/devices/phone").refused(t, 404, "device_not_found")
		a.as("carol").post(t, "/v1/devices", object{"device_id": "phone", "type": "ios"}).want(t, 201)
		a.as("bob").post(t, "/v1/messages", text("alice", "welcome")).want(t, 201)
		if diff := cmp.Diff([]string{"welcome"}, texts(t, alice.sync(t, "").Items)); diff != "" {
			t.Errorf("the new alice (-want +got):\n%s", diff)
		}
		eventually(t, "the back end acts for the new alice", func() bool { return a.as("alice").sync(t, "").Epoch == fresh.Epoch })
	})
}

func TestUsers_InBatchesAreAllOrNone(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "u0500")
		before := read[client.User](t, a.back().get(t, "/v1/users/u0500"))
		users := make([]object, 1001)
		for i := range users {
			users[i] = object{"user_id": fmt.Sprintf("u%04d", i), "nickname": fmt.Sprint("n", i)}
		}
		a.changesNothing(t, nil, nil, func() {
			a.back().post(t, "/v1/users/batch", object{"users": users}).refused(t, 400, "bad_request")
			a.back().post(t, "/v1/users/batch", object{"users": []object{}}).refused(t, 400, "bad_request")
		})
		got := read[client.Users](t, a.back().post(t, "/v1/users/batch", object{"users": users[:1000]}).want(t, 200)).Items
		if len(got) != 1000 || got[0].UserId != "u0000" || got[999].Nickname != "n999" || !got[500].CreatedAt.Equal(before.CreatedAt) {
			t.Fatalf("%d users came back", len(got))
		}
		cursor, n := "", 0
		for {
			page := read[client.UserList](t, a.back().get(t, "/v1/users?limit=200"+cursor).want(t, 200))
			for _, u := range page.Items {
				if u.UserId != got[n].UserId || u.Nickname != got[n].Nickname {
					t.Fatalf("user %d of the list is %+v", n, u)
				}
				n++
			}
			if page.NextCursor == nil {
				break
			}
			cursor = "&cursor=" + url.QueryEscape(*page.NextCursor)
		}
		if n != 1000 {
			t.Errorf("%d users are listed", n)
		}
		if page := read[client.UserList](t, a.back().get(t, "/v1/users").want(t, 200)); len(page.Items) != 50 {
			t.Errorf("a page has %d users, want 50 by default", len(page.Items))
		}
	})
}
