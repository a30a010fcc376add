package e2e

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

// probes are calls of one app that name things which only another app has.
func probes(a app) []struct {
	c            caller
	method, path string
	body         any
	want         string
} {
	back, alice := a.back(), a.as("alice")
	return []struct {
		c            caller
		method, path string
		body         any
		want         string
	}{
		{back, "GET", "/v1/users/theirs", nil, "404 user_not_found"},
		{back, "PATCH", "/v1/users/theirs", object{"nickname": "x"}, "404 user_not_found"},
		{back, "DELETE", "/v1/users/theirs", nil, "404 user_not_found"},
		{back, "POST", "/v1/users/theirs/tokens", object{}, "404 user_not_found"},
		{back, "DELETE", "/v1/users/theirs/tokens", nil, "404 user_not_found"},
		{back, "DELETE", "/v1/users/theirs/tokens/jti", nil, "404 user_not_found"},
		{back, "POST", "/v1/messages", text("theirs", "hi"), "404 user_not_found"},
		{alice, "POST", "/v1/messages", text("theirs", "hi"), "404 user_not_found"},
		{alice, "POST", "/v1/messages", with(text("theirs", "hi"), "persist", false), "404 user_not_found"},
		{alice, "POST", "/v1/messages", with(text("theirs", "hi"), "client_msg_id", "c1"), "404 user_not_found"},
		{back, "GET", "/v1/conversations/user:theirs/messages", nil, "404 user_not_found"},
		{alice, "GET", "/v1/conversations/user:theirs/messages", nil, "404 user_not_found"},
		{a.as("theirs"), "GET", "/v1/sync", nil, "404 user_not_found"},
		{a.as("theirs"), "POST", "/v1/messages", text("alice", "hi"), "404 user_not_found"},
		{back, "POST", "/v1/groups", object{"group_id": "g2", "members": []string{"alice", "theirs"}}, "404 user_not_found"},
		{alice, "POST", "/v1/groups", object{"group_id": "g2", "members": []string{"theirs"}}, "404 user_not_found"},
		{back, "POST", "/v1/groups", object{"group_id": "g2", "owner": "theirs"}, "404 user_not_found"},
		{back, "POST", "/v1/groups/ours/members", object{"user_ids": []string{"bob", "theirs"}}, "404 user_not_found"},
		{back, "DELETE", "/v1/groups/ours/members/theirs", nil, "404 member_not_found"},
		{back, "GET", "/v1/groups/their-group", nil, "404 group_not_found"},
		{alice, "GET", "/v1/groups/their-group", nil, "404 group_not_found"},
		{back, "GET", "/v1/groups/their-group/members", nil, "404 group_not_found"},
		{back, "POST", "/v1/groups/their-group/members", object{"user_ids": []string{"alice"}}, "404 group_not_found"},
		{alice, "DELETE", "/v1/groups/their-group/members/me", nil, "404 group_not_found"},
		{back, "POST", "/v1/messages", groupText("their-group", "hi"), "404 group_not_found"},
		{alice, "POST", "/v1/messages", groupText("their-group", "hi"), "404 group_not_found"},
		{back, "GET", "/v1/conversations/group:their-group/messages", nil, "404 group_not_found"},
		{alice, "GET", "/v1/conversations/group:their-group/messages", nil, "404 group_not_found"},
		{alice, "GET", "/v1/devices/their-device", nil, "404 device_not_found"},
		{alice, "DELETE", "/v1/devices/their-device", nil, "404 device_not_found"},
		{alice, "PUT", "/v1/devices/their-device/ack", object{"seq": 0}, "404 device_not_found"},
		{alice, "PUT", "/v1/blocks/theirs", nil, "404 user_not_found"},
		{alice, "GET", "/v1/blocks/theirs", nil, "404 block_not_found"},
		{alice, "DELETE", "/v1/blocks/theirs", nil, "404 block_not_found"},
		{alice, "PUT", "/v1/contacts/theirs", object{}, "404 user_not_found"},
		{alice, "GET", "/v1/contacts/theirs", nil, "404 contact_not_found"},
		{alice, "PATCH", "/v1/contacts/theirs", object{}, "404 contact_not_found"},
		{alice, "DELETE", "/v1/contacts/theirs", nil, "404 contact_not_found"},
		{back, "POST", "/v1/users/alice/tokens", object{"device_id": "their-device"}, "404 device_not_found"},
		{back, "GET", "/v1/signing-keys/their-key", nil, "404 signing_key_not_found"},
		{back, "DELETE", "/v1/signing-keys/their-key", nil, "404 signing_key_not_found"},
	}
}

func TestTenancy_AnotherAppsThingsAreAnsweredAsAbsentOnes(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		a.newGroup(t, "ours", "alice")
		look := func() []string {
			var answers []string
			for _, p := range probes(a) {
				got := p.c.do(t, p.method, p.path, p.body, "X-Request-Id: same")
				if answer := fmt.Sprint(got.status, " ", got.code()); answer != p.want {
					t.Errorf("%s %s: %s, want %s: %s", p.method, p.path, answer, p.want, got.body)
				}
				answers = append(answers, fmt.Sprintf("%s %s: %d %v %s", p.method, p.path, got.status, got.header["Content-Type"], got.body))
			}
			return answers
		}
		users, groups := []string{"alice", "bob", "theirs"}, []string{"ours", "their-group", "g2"}
		var absent []string
		a.changesNothing(t, users, groups, func() { absent = look() })

		other := newApp(t, g, "theirs")
		other.newGroup(t, "their-group", "theirs")
		other.as("theirs").post(t, "/v1/devices", object{"device_id": "their-device", "type": "ios"}).want(t, 201)
		other.back().put(t, "/v1/signing-keys/their-key", newTestKey(t, "EdDSA").registration()).want(t, 200)
		other.as("theirs").post(t, "/v1/messages", with(groupText("their-group", "hi"), "client_msg_id", "c1")).want(t, 201)
		other.changesNothing(t, []string{"theirs", "alice"}, []string{"their-group"}, func() {
			a.changesNothing(t, users, groups, func() {
				if diff := cmp.Diff(absent, look()); diff != "" {
					t.Errorf("what another app has is told apart (- absent, + another's):\n%s", diff)
				}
			})
		})
		other.back().get(t, "/v1/signing-keys/their-key").want(t, 200)
	})
}

func TestTenancy_KeysAndDevicesOfAnotherAreAbsent(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a, other := newApp(t, g, "alice", "bob"), newApp(t, g)
		theirs := read[client.AppKeyList](t, a.admin().get(t, "/v1/apps/"+other.id+"/keys").want(t, 200)).Items[0].KeyId
		_, device := a.onDevice(t, "bob")
		refuse := func(c caller, method, path string, body any, code string) {
			t.Helper()
			foreign := c.do(t, method, path, body, "X-Request-Id: same")
			foreign.refused(t, 404, code)
			absent := c.do(t, method, "/v1/"+map[string]string{
				"key_not_found": "apps/" + a.id + "/keys/ghost", "device_not_found": "devices/ghost",
			}[code]+map[bool]string{true: "/ack"}[body != nil], body, "X-Request-Id: same")
			if string(foreign.body) != string(absent.body) {
				t.Errorf("told apart: %s%s", foreign.body, absent.body)
			}
		}
		a.changesNothing(t, []string{"alice", "bob"}, nil, func() {
			refuse(a.admin(), "DELETE", "/v1/apps/"+a.id+"/keys/"+theirs, nil, "key_not_found")
			refuse(a.as("alice"), "GET", "/v1/devices/"+device, nil, "device_not_found")
			refuse(a.as("alice"), "DELETE", "/v1/devices/"+device, nil, "device_not_found")
			refuse(a.as("alice"), "PUT", "/v1/devices/"+device+"/ack", object{"seq": 0}, "device_not_found")
			a.as("alice").post(t, "/v1/devices", object{"device_id": device, "type": "ios"}).refused(t, 409, "device_exists")
			for _, method := range []string{"GET", "DELETE"} {
				a.admin().do(t, method, "/v1/apps/ghost", nil).refused(t, 404, "app_not_found")
			}
			a.admin().get(t, "/v1/apps/ghost/keys").refused(t, 404, "app_not_found")
			a.admin().post(t, "/v1/apps/ghost/keys", object{}).refused(t, 404, "app_not_found")
			a.admin().do(t, "PATCH", "/v1/apps/ghost", object{"name": "x"}).refused(t, 404, "app_not_found")
		})
		other.back().ping(t).want(t, 200)
	})
}

func TestTenancy_TheSameIDsInTwoAppsAreDifferentThings(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a, b := newApp(t, g, "alice", "bob"), newApp(t, g, "alice", "bob")
		for _, x := range []app{a, b} {
			x.newGroup(t, "team", "alice", "bob")
			x.as("alice").post(t, "/v1/devices", object{"device_id": "phone", "type": "ios"}).want(t, 201)
			x.back().put(t, "/v1/users/alice", object{"nickname": "Alice of " + x.id}).want(t, 200)
		}
		b.changesNothing(t, []string{"alice", "bob"}, []string{"team"}, func() {
			a.as("alice").post(t, "/v1/messages", with(text("bob", "hi"), "client_msg_id", "c1")).want(t, 201)
			a.as("alice").post(t, "/v1/messages", groupText("team", "hi")).want(t, 201)
			a.as("alice").do(t, "PUT", "/v1/devices/phone/ack", object{"seq": 2}).want(t, 200)
			a.back().do(t, "PATCH", "/v1/users/bob", object{"nickname": "Bob"}).want(t, 200)
			a.back().delete(t, "/v1/groups/team/members/bob").want(t, 204)
			a.as("alice").delete(t, "/v1/devices/phone").want(t, 204)
			a.back().delete(t, "/v1/users/alice").want(t, 204)
		})
		if got := read[client.User](t, b.back().get(t, "/v1/users/alice").want(t, 200)); got.Nickname != "Alice of "+b.id {
			t.Errorf("alice of %s is %q", b.id, got.Nickname)
		}
		// One app's client_msg_id says nothing about another's.
		b.as("alice").post(t, "/v1/messages", with(text("bob", "ho"), "client_msg_id", "c1")).want(t, 201)
	})
}

func TestTenancy_IDsThatDifferInCaseAreDifferent(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "Alice", "ALICE", "bob")
		a.newGroup(t, "team", "alice")
		a.newGroup(t, "Team", "Alice", "bob")
		a.back().put(t, "/v1/users/Alice", object{"nickname": "other"}).want(t, 200)
		if got := read[client.User](t, a.back().get(t, "/v1/users/alice").want(t, 200)); got.Nickname != "" || got.UserId != "alice" {
			t.Errorf("alice is %+v", got)
		}
		a.back().get(t, "/v1/users/aLICE").refused(t, 404, "user_not_found")
		a.back().get(t, "/v1/groups/TEAM").refused(t, 404, "group_not_found")
		for i, device := range []string{"phone", "Phone"} {
			a.as("alice").post(t, "/v1/devices", object{"device_id": device, "type": "ios"}).want(t, 201)
			a.as("alice").post(t, "/v1/messages", with(text("bob", fmt.Sprint(i)), "client_msg_id", device)).want(t, 201)
		}
		a.as("bob").post(t, "/v1/messages", groupText("Team", "hi")).want(t, 201)
		for user, want := range map[string][]string{"alice": {"0", "1"}, "Alice": {"hi"}, "ALICE": {}, "bob": {"0", "1", "hi"}} {
			if diff := cmp.Diff(want, texts(t, a.as(user).sync(t, "").Items)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", user, diff)
			}
		}
		var ids []string
		for _, u := range read[client.UserList](t, a.back().get(t, "/v1/users").want(t, 200)).Items {
			ids = append(ids, u.UserId)
		}
		if diff := cmp.Diff([]string{"ALICE", "Alice", "alice", "bob"}, ids); diff != "" {
			t.Errorf("users in the order of bytes (-want +got):\n%s", diff)
		}
		a.back().delete(t, "/v1/users/ALICE").want(t, 204)
		a.back().get(t, "/v1/users/alice").want(t, 200)
		// An app's id and a key's id as well.
		a.admin().get(t, "/v1/apps/"+"A"+a.id[1:]).refused(t, 404, "app_not_found")
		a.newKey(t, "EdDSA")
		a.back().get(t, "/v1/signing-keys/K-EdDSA").refused(t, 404, "signing_key_not_found")
	})
}
