package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

func TestDevices_AreRegisteredListedAndRemoved(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		alice := a.with(a.token(t, "alice", object{}).Token)
		var ids []string
		for i, kind := range []string{"android", "ios", "windows", "macos", "linux", "web", "other"} {
			body := object{
				"device_id": fmt.Sprint("d", i), "type": kind, "brand": "B", "model": "M 😀", "system_version": "1", "sdk_version": "2",
				"push_token": "secret-push-token",
			}
			got := alice.post(t, "/v1/devices", body).want(t, 201)
			device := read[client.Device](t, got)
			if string(device.Type) != kind || device.Model != "M 😀" || device.AckedSeq != 0 || device.LastSeenAt != nil {
				t.Errorf("registered %s", got.body)
			}
			if again := alice.get(t, fmt.Sprint("/v1/devices/d", i)).want(t, 200); string(again.body) != string(got.body) || strings.Contains(string(got.body), "secret") {
				t.Errorf("reads as %s, was %s", again.body, got.body)
			}
			ids = append(ids, device.DeviceId)
		}
		var listed []string
		for _, d := range everything[client.Device](t, alice, "/v1/devices") {
			listed = append(listed, d.DeviceId)
		}
		if diff := cmp.Diff(ids, listed); diff != "" {
			t.Errorf("list (-want +got):\n%s", diff)
		}
		chosen := read[client.Device](t, a.as("bob").post(t, "/v1/devices", object{"type": "ios"}).want(t, 201))
		a.as("bob").get(t, "/v1/devices/"+chosen.DeviceId).want(t, 200)
		if got := everything[client.Device](t, a.as("bob"), "/v1/devices"); len(got) != 1 {
			t.Errorf("bob has %d devices", len(got))
		}

		a.changesNothing(t, []string{"alice", "bob"}, nil, func() {
			for _, by := range []caller{alice, a.as("bob")} {
				by.post(t, "/v1/devices", object{"device_id": "d0", "type": "web"}).refused(t, 409, "device_exists")
			}
			alice.get(t, "/v1/devices/ghost").refused(t, 404, "device_not_found")
			alice.delete(t, "/v1/devices/ghost").refused(t, 404, "device_not_found")
		})
		alice.delete(t, "/v1/devices/d0").want(t, 204)
		alice.delete(t, "/v1/devices/d0").refused(t, 404, "device_not_found")
		alice.get(t, "/v1/devices/d0").refused(t, 404, "device_not_found")
		a.as("bob").post(t, "/v1/devices", object{"device_id": "d0", "type": "web"}).want(t, 201) // free again
	})
}

func TestDevices_AcksOnlyGrow(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		bob, device := a.onDevice(t, "bob")
		for i := range 5 {
			a.as("alice").post(t, "/v1/messages", text("bob", fmt.Sprint(i))).want(t, 201)
		}
		ack := func(c caller, path string, seq, want int) {
			t.Helper()
			if got := read[client.Ack](t, c.put(t, path, object{"seq": seq}).want(t, 200)); got.AckedSeq != int64(want) {
				t.Errorf("ack of %d answers %d, want %d", seq, got.AckedSeq, want)
			}
			if got := read[client.Device](t, bob.get(t, "/v1/devices/me")); got.AckedSeq != int64(want) || got.DeviceId != device {
				t.Errorf("after the ack of %d the device is %+v", seq, got)
			}
		}
		const mine = "/v1/devices/me/ack"
		byName := "/v1/devices/" + device + "/ack"
		ack(bob, mine, 0, 0)
		ack(bob, mine, 3, 3)
		ack(bob, byName, 2, 3)
		ack(a.as("bob"), byName, 4, 4)
		ack(bob, mine, 4, 4)
		if seen := read[client.Device](t, bob.get(t, "/v1/devices/me")).LastSeenAt; seen == nil {
			t.Error("an ack leaves the device unseen")
		}
		a.changesNothing(t, []string{"alice", "bob"}, nil, func() {
			for _, seq := range []any{6, 1 << 40, int64(9223372036854775807)} {
				bob.put(t, mine, object{"seq": seq}).refused(t, 400, "bad_ack")
			}
			bob.put(t, "/v1/devices/ghost/ack", object{"seq": 1}).refused(t, 404, "device_not_found")
			a.as("alice").put(t, byName, object{"seq": 1}).refused(t, 404, "device_not_found")
		})
		ack(bob, mine, 5, 5)
		// What is acknowledged can still be read: it is the device's place, not the user's.
		if got := bob.sync(t, ""); len(got.Items) != 5 {
			t.Errorf("%d entries are left", len(got.Items))
		}

		all := together(20, func(i int) answer { return bob.put(t, mine, object{"seq": i % 6}) })
		for _, got := range all {
			if got.status != 200 || read[client.Ack](t, got).AckedSeq != 5 {
				t.Errorf("ack among others: %d %s", got.status, got.body)
			}
		}
	})
}

func TestDevices_AreAsManyAsTheAppAllows(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		a.admin().do(t, "PATCH", "/v1/apps/"+a.id, object{"settings": object{"max_devices_per_user": 2}}).want(t, 200)
		alice := a.with(a.token(t, "alice", object{"device": object{"type": "ios"}}).Token)
		alice.post(t, "/v1/devices", object{"type": "web", "device_id": "second"}).want(t, 201)
		a.changesNothing(t, []string{"alice"}, nil, func() {
			alice.post(t, "/v1/devices", object{"type": "web"}).refused(t, 409, "device_limit")
			a.back().post(t, "/v1/users/alice/tokens", object{"device": object{"type": "web"}}).refused(t, 409, "device_limit")
		})
		a.as("bob").post(t, "/v1/devices", object{"type": "web"}).want(t, 201)
		alice.delete(t, "/v1/devices/second").want(t, 204)
		alice.post(t, "/v1/devices", object{"type": "web"}).want(t, 201)
	})
}
