package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

func TestIdempotencyKey_MakesACallHappenOnce(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob", "carol")
		a.newGroup(t, "team", "alice")
		n := appCount.Add(1)
		for _, tt := range []struct {
			name        string
			by          caller
			path        string
			body, other object
			status      int
			fresh       []string // members that differ where the call is made with another key
		}{
			{"app", a.admin(), "/v1/apps", object{"app_id": fmt.Sprint("app-", n)}, object{"app_id": fmt.Sprint("app-", n, "-x")}, 201, []string{"key"}},
			{"app key", a.admin(), "/v1/apps/" + a.id + "/keys", object{"name": "ci"}, object{"name": "cd"}, 201, []string{"key_id", "secret"}},
			{"token", a.back(), "/v1/users/alice/tokens", object{"device": object{"type": "ios"}}, object{}, 201, []string{"token", "token_id", "device_id"}},
			{"device", a.as("alice"), "/v1/devices", object{"type": "ios"}, object{"type": "web"}, 201, []string{"device_id"}},
			{"group", a.as("alice"), "/v1/groups", object{"name": "g"}, object{"name": "h"}, 201, []string{"group_id"}},
			{"group of the business", a.back(), "/v1/groups", object{"owner": "bob"}, object{"owner": "carol"}, 201, []string{"group_id"}},
			{"members", a.back(), "/v1/groups/team/members", object{"user_ids": []string{"bob"}}, object{"user_ids": []string{"carol"}}, 200, []string{"added"}},
			{"users", a.back(), "/v1/users/batch", object{"users": []object{{"user_id": "dave"}}}, object{"users": []object{{"user_id": "erin"}}}, 200, nil},
		} {
			key := fmt.Sprintf("Idempotency-Key: %s %d", tt.name, n) // the operator is one for all tests
			first := tt.by.post(t, tt.path, tt.body, key).want(t, tt.status)
			a.changesNothing(t, []string{"alice", "bob", "carol"}, []string{"team"}, func() {
				again := tt.by.post(t, tt.path, tt.body, key).want(t, tt.status)
				if string(again.body) != string(first.body) || again.header.Get("Content-Type") != first.header.Get("Content-Type") {
					t.Errorf("%s: first %s, again %s", tt.name, first.body, again.body)
				}
				if first.header.Get("X-Request-Id") == again.header.Get("X-Request-Id") {
					t.Errorf("%s: two requests have one id", tt.name)
				}
				tt.by.post(t, tt.path, tt.other, key).refused(t, 422, "idempotency_conflict")
			})
			if len(tt.fresh) > 0 && tt.name != "app" {
				third := tt.by.post(t, tt.path, tt.body, key+" again").want(t, tt.status)
				for _, name := range tt.fresh {
					if x, y := read[object](t, first)[name], read[object](t, third)[name]; cmp.Equal(x, y) {
						t.Errorf("%s: another key makes the same %s: %v", tt.name, name, x)
					}
				}
			}
		}
		// What came back again works.
		first := read[client.Token](t, a.back().post(t, "/v1/users/bob/tokens", object{"device": object{"type": "ios"}}, "Idempotency-Key: t").want(t, 201))
		again := read[client.Token](t, a.back().post(t, "/v1/users/bob/tokens", object{"device": object{"type": "ios"}}, "Idempotency-Key: t").want(t, 201))
		a.with(again.Token).get(t, "/v1/devices/me").want(t, 200)
		if got := everything[client.Device](t, a.as("bob"), "/v1/devices"); len(got) != 1 || got[0].DeviceId != *first.DeviceId {
			t.Errorf("bob's devices: %+v", got)
		}
	})
}

func TestIdempotencyKey_BelongsToItsCaller(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a, other := newApp(t, g, "alice", "bob"), newApp(t, g, "alice")
		const key = "Idempotency-Key: shared"
		body := object{"type": "ios"}
		ids := map[string]bool{}
		for _, by := range []caller{a.as("alice"), a.as("bob"), other.as("alice")} {
			ids[read[client.Device](t, by.post(t, "/v1/devices", body, key).want(t, 201)).DeviceId] = true
		}
		if len(ids) != 3 {
			t.Errorf("three callers made %d devices", len(ids))
		}
		// A user's tokens change between two tries; the user is the same.
		var first answer
		for i := range 2 {
			got := a.with(a.token(t, "alice", object{}).Token).post(t, "/v1/devices", body, "Idempotency-Key: own").want(t, 201)
			if i == 1 && string(got.body) != string(first.body) {
				t.Errorf("first %s, then %s", first.body, got.body)
			}
			first = got
		}
	})
}

func TestIdempotencyKey_RepeatsWhatLastsAndRetriesWhatDoesNot(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice")
		// What was refused for what the caller may not do is tried anew.
		group := object{"group_id": "g1", "members": []string{"alice"}}
		a.admin().post(t, "/v1/groups", group, "Idempotency-Key: k").refused(t, 403, "forbidden")
		a.back().post(t, "/v1/groups", group, "Idempotency-Key: k").want(t, 201)
		// A refusal of the request itself is the answer to it from then on.
		missing := object{"group_id": "g2", "members": []string{"ghost"}}
		a.back().post(t, "/v1/groups", missing, "Idempotency-Key: m").refused(t, 404, "user_not_found")
		a.newUsers(t, "ghost")
		a.back().post(t, "/v1/groups", missing, "Idempotency-Key: m").refused(t, 404, "user_not_found")
		a.back().post(t, "/v1/groups", missing, "Idempotency-Key: m2").want(t, 201)

		for _, key := range []string{"Idempotency-Key: ", "Idempotency-Key: " + strings.Repeat("k", 256)} {
			a.back().post(t, "/v1/groups", object{"owner": "alice"}, key).refused(t, 400, "bad_request")
		}
	})
}

func TestIdempotencyKey_TwinsAreOneCall(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice")
		all := together(10, func(int) answer {
			return a.as("alice").post(t, "/v1/devices", object{"type": "web"}, "Idempotency-Key: twin")
		})
		for _, got := range all {
			if got.status != http.StatusCreated || string(got.body) != string(all[0].body) {
				t.Errorf("a twin gets %d %s, another %s", got.status, got.body, all[0].body)
			}
		}
		if got := everything[client.Device](t, a.as("alice"), "/v1/devices"); len(got) != 1 {
			t.Errorf("%d devices were made", len(got))
		}
	})
}
