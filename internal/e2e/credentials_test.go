package e2e

import (
	"strings"
	"testing"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

func TestCredentials_MissingOrMalformedOnesAreAnsweredAlike(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		a.changesNothing(t, []string{"alice", "bob"}, nil, func() {
			var first answer
			for _, header := range []string{
				"X-None: x", "Authorization: ", "Authorization: Bearer", "Authorization: Bearer ", "Authorization: Basic YTpi",
				"Authorization: " + a.key, "Authorization: Bearer x", "Authorization: Bearer gim_x_y", "Authorization: Bearer a.b.c",
				"Authorization: Bearer " + a.key + "x", "Authorization: Bearer " + a.key[:len(a.key)-1],
				"Authorization: Bearer " + strings.ToUpper(a.key), "Authorization: Bearer " + g.AdminKey + "x",
				"Authorization: Bearer " + strings.Repeat("x", 5000),
			} {
				for _, c := range []caller{{gim: g}, {gim: g, user: "alice"}} {
					got := c.post(t, "/v1/messages", text("bob", "hi"), header, "X-Request-Id: same")
					got.refused(t, 401, "unauthorized")
					if challenge := got.header.Get("WWW-Authenticate"); challenge != `Bearer realm="gim"` {
						t.Errorf("%.40s: WWW-Authenticate is %q", header, challenge)
					}
					if first.body == nil {
						first = got
					}
					if string(got.body) != string(first.body) {
						t.Errorf("%.40s is told apart: %s%s", header, got.body, first.body)
					}
				}
			}
		})
		a.as("alice").post(t, "/v1/messages", text("bob", "hi")).want(t, 201)
	})
}

// The whole table of operations and credentials is a test of the handlers; this
// is a call of each kind on a real store.
func TestCredentials_OfTheWrongKindAreForbidden(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		alice, device := a.onDevice(t, "alice")
		const ghost = "ghost"
		a.newGroup(t, "team", "alice", "bob")
		a.changesNothing(t, []string{"alice", "bob", ghost}, []string{"team"}, func() {
			for _, tt := range []struct {
				name         string
				c            caller
				method, path string
				body         any
			}{
				{"a user makes an app", alice, "POST", "/v1/apps", object{"app_id": ghost}},
				{"a back end makes an app", a.back(), "POST", "/v1/apps", object{"app_id": ghost}},
				{"a back end makes a key", a.back(), "POST", "/v1/apps/" + a.id + "/keys", object{}},
				{"a back end deletes its app", a.back(), "DELETE", "/v1/apps/" + a.id, nil},
				{"a user lists users", alice, "GET", "/v1/users", nil},
				{"a user makes a user", alice, "PUT", "/v1/users/ghost", object{}},
				{"a user makes users", alice, "POST", "/v1/users/batch", object{"users": []object{{"user_id": ghost}}}},
				{"a user changes another", alice, "PATCH", "/v1/users/bob", object{"nickname": "Bob"}},
				{"a user deletes another", alice, "DELETE", "/v1/users/bob", nil},
				{"a user reads another", alice, "GET", "/v1/users/bob", nil},
				{"a user mints a token", alice, "POST", "/v1/users/alice/tokens", object{}},
				{"a user revokes its tokens", alice, "DELETE", "/v1/users/alice/tokens", nil},
				{"a user registers a key", alice, "PUT", "/v1/signing-keys/k1", newTestKey(t, "EdDSA").registration()},
				{"a user speaks for the business", alice, "POST", "/v1/messages", with(text("bob", "hi"), "sender_type", "business")},
				{"a user speaks for the system", a.as("alice"), "POST", "/v1/messages", with(text("bob", "hi"), "sender_type", "system")},
				{"a user acts for another", caller{g, alice.credential, "bob"}, "POST", "/v1/messages", text("alice", "hi")},
				{"one acted for changes another", a.as("alice"), "PUT", "/v1/users/bob", object{"nickname": "Bob"}},
				{"a member adds members", a.as("bob"), "POST", "/v1/groups/team/members", object{"user_ids": []string{"alice"}}},
				{"a member removes the owner", a.as("bob"), "DELETE", "/v1/groups/team/members/alice", nil},
				{"the owner leaves", a.as("alice"), "DELETE", "/v1/groups/team/members/me", nil},
				{"the admin sends", a.admin(), "POST", "/v1/messages", text("bob", "hi")},
				{"the admin acts for a user", caller{g, g.AdminKey, "alice"}, "POST", "/v1/messages", text("bob", "hi")},
				{"the admin makes a user", a.admin(), "PUT", "/v1/users/ghost", object{}},
				{"the business syncs", a.back(), "GET", "/v1/sync", nil},
				{"the business registers a device", a.back(), "POST", "/v1/devices", object{"type": "ios"}},
				{"the business acknowledges", a.back(), "PUT", "/v1/devices/" + device + "/ack", object{"seq": 0}},
				{"the business is me", a.back(), "GET", "/v1/users/me", nil},
				{"me without a device", a.as("alice"), "PUT", "/v1/devices/me/ack", object{"seq": 0}},
			} {
				if got := tt.c.do(t, tt.method, tt.path, tt.body); got.status != 403 || got.code() != "forbidden" {
					t.Errorf("%s: status %d %s, want 403 forbidden", tt.name, got.status, got.body)
				}
			}
		})
		a.admin().get(t, "/v1/apps/ghost").refused(t, 404, "app_not_found")
	})
}

func TestCredentials_ATokenStandsOnItsDevice(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a, other := newApp(t, g, "alice", "bob"), newApp(t, g, "alice")
		key := a.newKey(t, "EdDSA")
		_, mine := a.onDevice(t, "alice")
		_, ofBob := a.onDevice(t, "bob")
		_, elsewhere := other.onDevice(t, "alice")
		claims := a.claims()

		a.with(key.sign(t, claims)).get(t, "/v1/sync").want(t, 200)
		a.with(key.sign(t, with(claims, "did", mine))).get(t, "/v1/devices/me").want(t, 200)
		a.changesNothing(t, []string{"alice", "bob"}, nil, func() {
			for name, device := range map[string]string{"nobody's": "ghost", "bob's": ofBob, "another app's": elsewhere} {
				c := a.with(key.sign(t, with(claims, "did", device)))
				if p := c.get(t, "/v1/sync").refused(t, 401, "device_not_bound"); strings.Contains(p.Detail, device) {
					t.Errorf("%s device is named: %s", name, p.Detail)
				}
				c.post(t, "/v1/messages", text("bob", "hi")).refused(t, 401, "device_not_bound")
			}
		})
		// Registered later, the same token is good.
		c := a.with(key.sign(t, with(claims, "did", "tablet")))
		c.get(t, "/v1/sync").refused(t, 401, "device_not_bound")
		a.as("alice").post(t, "/v1/devices", object{"device_id": "tablet", "type": "ios"}).want(t, 201)
		if got := read[client.Device](t, c.get(t, "/v1/devices/me").want(t, 200)); got.DeviceId != "tablet" {
			t.Errorf("me is the device %q", got.DeviceId)
		}
	})
}

func TestCredentials_MintedTokensAreForTheDeviceAskedFor(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		fresh := a.token(t, "alice", object{"device": object{"device_id": "phone", "type": "ios", "model": "m"}, "ttl_seconds": 60})
		again := a.token(t, "alice", object{"device_id": "phone"})
		none := a.token(t, "alice", object{})
		if *fresh.DeviceId != "phone" || *again.DeviceId != "phone" || none.DeviceId != nil {
			t.Errorf("devices are %v, %v and %v", *fresh.DeviceId, *again.DeviceId, none.DeviceId)
		}
		a.with(again.Token).get(t, "/v1/devices/me").want(t, 200)
		a.with(none.Token).get(t, "/v1/devices/me").refused(t, 403, "forbidden")
		a.with(none.Token).get(t, "/v1/sync").want(t, 200)

		a.changesNothing(t, []string{"alice", "bob"}, nil, func() {
			for name, tt := range map[string]struct {
				user   string
				body   object
				status int
				code   string
			}{
				"unknown user":      {"ghost", object{"device": object{"type": "ios"}}, 404, "user_not_found"},
				"unknown device":    {"alice", object{"device_id": "ghost"}, 404, "device_not_found"},
				"another's device":  {"bob", object{"device_id": "phone"}, 404, "device_not_found"},
				"device id in use":  {"bob", object{"device": object{"device_id": "phone", "type": "ios"}}, 409, "device_exists"},
				"both":              {"alice", object{"device_id": "phone", "device": object{"type": "ios"}}, 400, "bad_request"},
				"no time":           {"alice", object{"ttl_seconds": 0}, 400, "bad_request"},
				"more than 30 days": {"alice", object{"ttl_seconds": 2592001}, 400, "bad_request"},
				"device of no type": {"alice", object{"device": object{}}, 400, "bad_request"},
			} {
				got := a.back().post(t, "/v1/users/"+tt.user+"/tokens", tt.body)
				if got.status != tt.status || got.code() != tt.code {
					t.Errorf("%s: status %d %s, want %d %s", name, got.status, got.body, tt.status, tt.code)
				}
			}
		})
	})
}
