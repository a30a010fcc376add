package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

func TestApps_AreMadeReadChangedAndDeleted(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		admin := app{gim: g}.admin()
		id := fmt.Sprintf("app-%d", appCount.Add(1))
		path := "/v1/apps/" + id
		created := read[client.CreatedApp](t, admin.post(t, "/v1/apps", object{
			"app_id": id, "name": "Démo 😀", "settings": object{"max_group_members": 3},
		}).want(t, 201))
		if created.AppId != id || created.Name != "Démo 😀" || *created.Settings.MaxGroupMembers != 3 ||
			!strings.HasPrefix(created.Key.Secret, "gim_"+created.Key.KeyId+"_") {
			t.Errorf("created %+v", created)
		}
		got := read[client.App](t, admin.get(t, path).want(t, 200))
		want := client.App{AppId: id, Name: created.Name, Settings: created.Settings, CreatedAt: created.CreatedAt}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("read back (-want +got):\n%s", diff)
		}
		a := app{g, id, created.Key.Secret}
		a.changesNothing(t, nil, nil, func() {
			admin.post(t, "/v1/apps", object{"app_id": id, "name": "another"}).refused(t, 409, "app_exists")
			admin.post(t, "/v1/apps", object{"app_id": "x", "name": "a\x00b"}).refused(t, 400, "bad_request")
		})
		for patch, want := range map[string]client.App{
			`{}`:                                   {Name: "Démo 😀", Settings: setting(3)},
			`{"name":"Demo 2"}`:                    {Name: "Demo 2", Settings: setting(3)},
			`{"settings":{"max_group_members":4}}`: {Name: "Démo 😀", Settings: setting(4)},
			`{"settings":{},"name":""}`:            {Name: "", Settings: setting(3)},
		} {
			admin.do(t, "PATCH", path, object{"name": "Démo 😀", "settings": object{"max_group_members": 3}}).want(t, 200)
			want.AppId, want.CreatedAt = id, created.CreatedAt
			for name, got := range map[string]answer{"answer": admin.do(t, "PATCH", path, patch).want(t, 200), "read": admin.get(t, path)} {
				if diff := cmp.Diff(want, read[client.App](t, got)); diff != "" {
					t.Errorf("%s of %s (-want +got):\n%s", name, patch, diff)
				}
			}
		}
		admin.delete(t, path).want(t, 204)
		admin.delete(t, path).refused(t, 404, "app_not_found")
		admin.get(t, path).refused(t, 404, "app_not_found")
		other, found := newApp(t, g).id, false
		for _, listed := range everything[client.App](t, admin, "/v1/apps") {
			if found = found || listed.AppId == other; listed.AppId == id {
				t.Error("a deleted app is listed")
			}
		}
		if !found {
			t.Error("a new app is not listed")
		}
	})
}

func setting(maxMembers int) client.AppSettings {
	oldest := client.Oldest
	return client.AppSettings{
		MaxGroupMembers: &maxMembers, MaxLargeGroupMembers: new(100_000), ConvertWhenFull: new(false), FriendsOnly: new(false),
		MaxDevicesPerUser: new(1000), MaxOnlinePerType: new(0), OnlineYields: &oldest, RecallWindowSeconds: new(120), EditWindowSeconds: new(900), EditHistory: new(false),
		Reactions: &[]string{},
	}
}

func TestApps_HaveSeveralKeysWhoseSecretIsShownOnce(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice")
		path := "/v1/apps/" + a.id + "/keys"
		secrets := map[string]string{}
		for i := range 6 { // with the first one, two whole pages and a part
			got := read[client.NewAppKey](t, a.admin().post(t, path, object{"name": fmt.Sprint("key ", i)}).want(t, 201))
			if got.Name != fmt.Sprint("key ", i) || !strings.HasPrefix(got.Secret, "gim_"+got.KeyId+"_") {
				t.Errorf("made %+v", got)
			}
			secrets[got.KeyId] = got.Secret
		}
		keys := everything[client.AppKey](t, a.admin(), path)
		if len(keys) != 7 {
			t.Errorf("%d keys are listed, want 7", len(keys))
		}
		raw := string(a.admin().get(t, path).want(t, 200).body)
		for id, secret := range secrets {
			if !strings.Contains(raw, id) || strings.Contains(raw, secret) || strings.Contains(raw, strings.TrimPrefix(secret, "gim_"+id+"_")) {
				t.Errorf("the list has no %s, or a secret: %s", id, raw)
			}
			a.with(secret).get(t, "/v1/users/alice").want(t, 200)
		}
		// One is taken out, the others stay.
		gone := keys[len(keys)-1].KeyId
		if secrets[gone] == "" { // the app's first key, which the rest of the test stands on
			gone = keys[0].KeyId
		}
		a.admin().delete(t, path+"/"+gone).want(t, 204)
		for _, key := range everything[client.AppKey](t, a.admin(), path) {
			if key.KeyId == gone {
				t.Error("a revoked key is listed")
			}
		}
		for id, secret := range secrets {
			if id == gone {
				refusedSoon(t, a.with(secret))
			} else {
				a.with(secret).get(t, "/v1/users/alice").want(t, 200)
			}
		}
		if strings.Contains(g.Log(), secrets[gone]) || strings.Contains(g.Log(), a.key) {
			t.Error("a secret is in the log")
		}
	})
}

func TestConcurrentCreationsOfOneID_LetOneWin(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		const callers = 16
		id := fmt.Sprintf("app-%d", appCount.Add(1))
		for name, tt := range map[string]struct {
			call        func() answer
			won, others int
		}{
			"app":    {func() answer { return a.admin().post(t, "/v1/apps", object{"app_id": id}) }, 201, 409},
			"user":   {func() answer { return a.back().put(t, "/v1/users/carol", object{}) }, 201, 200},
			"group":  {func() answer { return a.back().post(t, "/v1/groups", object{"group_id": "g", "owner": "bob"}) }, 201, 409},
			"device": {func() answer { return a.as("alice").post(t, "/v1/devices", object{"device_id": "d", "type": "ios"}) }, 201, 409},
		} {
			count := map[int]int{}
			for _, got := range together(callers, func(int) answer { return tt.call() }) {
				count[got.status]++
			}
			if count[tt.won] != 1 || count[tt.others] != callers-1 {
				t.Errorf("%s: statuses %v, want one %d and the others %d", name, count, tt.won, tt.others)
			}
		}
		if page := a.as("carol").sync(t, ""); page.HeadSeq != 0 {
			t.Errorf("carol's log is %+v", page)
		}
	})
}

// everything reads a list page by page and checks the way it is paged.
func everything[T any](t *testing.T, c caller, path string) []T {
	t.Helper()
	var all []T
	cursor := "?limit=3"
	if strings.Contains(path, "?") {
		cursor = "&limit=3"
	}
	first := cursor
	for range 1000 {
		page := read[struct {
			Items      []T
			NextCursor *string `json:"next_cursor"`
		}](t, c.get(t, path+cursor).want(t, 200))
		all = append(all, page.Items...)
		if page.NextCursor == nil {
			return all
		}
		if len(page.Items) != 3 {
			t.Fatalf("a page of %d that is not the last", len(page.Items))
		}
		cursor = first + "&cursor=" + *page.NextCursor
	}
	t.Fatalf("%s does not end", path)
	return nil
}
