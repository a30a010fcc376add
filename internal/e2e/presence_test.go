package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/internal/testserver"
	"github.com/gim-im/gim/wire"
)

// presence describes users as a node answers about them: "bob online web/websocket".
func presence(t *testing.T, url string, app gimtest.App, users ...string) string {
	t.Helper()
	got, err := gimtest.Caller{URL: url}.Client(t, app.Key, "").QueryPresenceWithResponse(t.Context(), nil, client.QueryPresenceRequest{UserIds: users})
	if err != nil || got.JSON200 == nil {
		t.Fatalf("query presence: %v, %s", err, got.Body)
	}
	var all []string
	for _, u := range got.JSON200.Items {
		devices := make([]string, len(u.Devices))
		for i, d := range u.Devices {
			devices[i] = string(d.Type) + "/" + d.Transport
		}
		all = append(all, describePresence(u.UserId, u.Online, devices))
	}
	return strings.Join(all, ", ")
}

func describePresence(user string, online *bool, devices []string) string {
	state := "unknown"
	if online != nil {
		state = map[bool]string{true: "online", false: "offline"}[*online]
	}
	return strings.Join(append([]string{user, state}, devices...), " ")
}

// soon waits until got returns want.
func soon(t *testing.T, want string, got func() string) {
	t.Helper()
	var last string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); pause(t.Context()) {
		if last = got(); last == want {
			return
		}
	}
	t.Fatalf("got %q, want %q", last, want)
}

// watch watches users and returns how it stands with them.
func (k *talk) watch(users ...string) string {
	k.t.Helper()
	f := k.ask(&wire.ClientFrame{Body: &wire.ClientFrame_Presence{Presence: &wire.PresenceWatch{Watch: users}}})
	if f.GetPresence() == nil {
		k.t.Fatalf("a watch was answered with %v", f)
	}
	return describeFrame(f)
}

func describeFrame(f *wire.ServerFrame) string {
	var all []string
	for _, u := range f.GetPresence().GetItems() {
		devices := make([]string, len(u.GetDevices()))
		for i, d := range u.GetDevices() {
			devices[i] = d.GetType() + "/" + d.GetTransport()
		}
		all = append(all, describePresence(u.GetUserId(), u.Online, devices))
	}
	return strings.Join(all, ", ")
}

// told reads until a presence frame tells want; others before it may have come.
func (k *talk) told(want string) *wire.UserPresence {
	k.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		f := k.hear()
		if f.GetPresence() != nil && describeFrame(f) == want {
			return f.GetPresence().GetItems()[0]
		}
		if time.Now().After(deadline) {
			k.t.Fatalf("was not told %q", want)
		}
	}
}

func TestPresence_IsWhoHasAConnection(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a, other := newApp(t, g, "alice", "bob", "carol"), newApp(t, g, "theirs", "bob")
		app := gimtest.App{Caller: g.Caller(), ID: a.id, Key: a.key}
		bob, device := a.onDevice(t, "bob")
		const offline = "alice offline, theirs offline, bob offline, ghost offline"
		users := []string{"alice", "theirs", "bob", "ghost"}
		soon(t, offline, func() string { return presence(t, g.URL, app, users...) })
		got := read[client.PresenceList](t, bob.post(t, "/v1/presence/query", object{"user_ids": []string{"bob"}}).want(t, 200))
		if u := got.Items[0]; u.LastSeenAt != nil {
			t.Errorf("who was never online was seen at %v", u.LastSeenAt)
		}

		begin := time.Now()
		k := dialWS(t, g.URL, wire.JSON)
		k.signIn(bob.credential, nil)
		passing := dialWS(t, g.URL, wire.Proto)
		passing.signIn(a.token(t, "carol", object{}).Token, nil)
		if got := presence(t, g.URL, app, "bob", "carol"); got != "bob online web/websocket, carol online other/websocket" {
			t.Errorf("after the sign-ins: %s", got)
		}
		if got := read[client.Device](t, bob.get(t, "/v1/devices/me").want(t, 200)); got.Online == nil || !*got.Online || got.Transport == nil || *got.Transport != "websocket" {
			t.Errorf("the device is %+v", got)
		}
		a.as("bob").post(t, "/v1/devices", object{"device_id": a.id + "-idle", "type": "ios"}).want(t, 201)
		for _, d := range everything[client.Device](t, bob, "/v1/devices") {
			if d.Online == nil || *d.Online != (d.DeviceId == device) || (d.Transport != nil) != *d.Online {
				t.Errorf("listed as %+v", d)
			}
		}
		theirs := gimtest.App{Caller: g.Caller(), ID: other.id, Key: other.key}
		if got := presence(t, g.URL, theirs, "bob"); got != "bob offline" {
			t.Errorf("bob of another app: %s", got)
		}

		_, _ = k.ws.CloseNow(), passing.ws.CloseNow()
		soon(t, "bob offline, carol offline", func() string { return presence(t, g.URL, app, "bob", "carol") })
		got = read[client.PresenceList](t, a.back().post(t, "/v1/presence/query", object{"user_ids": []string{"bob", "carol"}}).want(t, 200))
		for _, u := range got.Items {
			if u.LastSeenAt == nil || u.LastSeenAt.Before(begin.Add(-time.Second)) || u.LastSeenAt.After(time.Now().Add(time.Second)) {
				t.Errorf("%s was last seen at %v", u.UserId, u.LastSeenAt)
			}
		}
		left := *got.Items[0].LastSeenAt
		soon(t, "kept", func() string { // about a second later
			d := read[client.Device](t, bob.get(t, "/v1/devices/me").want(t, 200))
			if d.LastSeenAt != nil && !d.LastSeenAt.Before(left) && d.Online != nil && !*d.Online && d.Transport == nil {
				return "kept"
			}
			return fmt.Sprintf("%+v", d)
		})
		a.admin().post(t, "/v1/presence/query", object{"user_ids": []string{"bob"}}).refused(t, 403, "forbidden")
	})
}

func TestPresence_NamesTheTransport(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "bob")
		bob, _ := a.onDevice(t, "bob")
		conn, err := client.Dial(t.Context(), g.TCPURL)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.SignIn(t.Context(), bob.credential, nil); err != nil {
			t.Fatal(err)
		}
		app := gimtest.App{Caller: g.Caller(), ID: a.id, Key: a.key}
		soon(t, "bob online web/tcp", func() string { return presence(t, g.URL, app, "bob") }) // it is so right after the answer
		if got := read[client.Device](t, bob.get(t, "/v1/devices/me").want(t, 200)); got.Transport == nil || *got.Transport != "tcp" {
			t.Errorf("the device is %+v", got)
		}
	})
}

// onNodes runs a test on one embedded gim, and on two nodes of a cluster.
func onNodes(t *testing.T, test func(t *testing.T, app gimtest.App, urlA, urlB string)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		g := gimtest.Start(t, gimtest.Options{})
		app := g.NewApp(t, "presence")
		test(t, app, g.URL, g.URL)
	})
	t.Run("two nodes", func(t *testing.T) {
		t.Parallel()
		a, b := gimtest.StartPair(t, gimtest.Options{})
		test(t, a.NewApp(t, "presence"), a.URL, b.URL)
	})
}

func TestPresence_WatchersAreToldOfChanges(t *testing.T) {
	onNodes(t, func(t *testing.T, app gimtest.App, urlA, urlB string) {
		app.NewUsers(t, "alice", "bob", "carol")
		for _, enc := range []wire.Encoding{wire.JSON, wire.Proto} {
			token, _ := app.Token(t, "alice")
			alice := dialWS(t, urlA, enc)
			alice.signIn(token, nil)
			soon(t, "bob offline, ghost offline, carol offline", func() string { return alice.watch("bob", "ghost", "carol") })
			bob := talkTo(t, urlB, app, "bob")
			alice.told("bob online web/websocket")
			second := talkTo(t, urlA, app, "bob")
			alice.told("bob online web/websocket web/websocket")
			_ = second.ws.CloseNow()
			alice.told("bob online web/websocket")
			before := time.Now().Add(-time.Second)
			_ = bob.ws.CloseNow()
			if u := alice.told("bob offline"); time.UnixMilli(u.GetLastSeenAt()).Before(before) {
				t.Errorf("last seen %v, want after %v", time.UnixMilli(u.GetLastSeenAt()), before)
			}
			_ = alice.ws.CloseNow()
		}
	})
}

func TestPresence_ADeletedDeviceIsSignedOutOnAnyNode(t *testing.T) {
	onNodes(t, func(t *testing.T, app gimtest.App, urlA, urlB string) {
		app.NewUsers(t, "alice", "bob")
		token, device := app.Token(t, "bob")
		bob := dialWS(t, urlB, wire.Proto)
		bob.signIn(token, nil)
		alice := talkTo(t, urlA, app, "alice")
		soon(t, "bob online web/websocket", func() string { return alice.watch("bob") })
		begin := time.Now()
		got, err := app.For(t, "bob").DeleteDeviceWithResponse(t.Context(), device, nil)
		if err != nil || got.StatusCode() != 204 {
			t.Fatalf("delete: %v, %s", err, got.Body)
		}
		bob.wantClosed(int(wire.CloseRevoked))
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("closed after %v, want within 5s", took)
		}
		alice.told("bob offline")
	})
}

func newPresenceCluster(t *testing.T, server *testserver.RedisServer) *cluster {
	t.Helper()
	return newCluster(t, testserver.MariaDB(t), server.URL(), "--presence-ttl", "2s")
}

func TestPresence_ANodeThatDiesTakesItsConnectionsAlong(t *testing.T) {
	t.Parallel()
	c := newPresenceCluster(t, testserver.NewRedis(t))
	alice, _ := talkTo(t, c.a.URL, c.app, "alice"), talkTo(t, c.b.URL, c.app, "bob")
	soon(t, "bob online web/websocket", func() string { return alice.watch("bob") })
	before := time.Now().Add(-10 * time.Second)
	c.b.Kill()
	if u := alice.told("bob offline"); time.UnixMilli(u.GetLastSeenAt()).Before(before) {
		t.Errorf("last seen %v, want about now", time.UnixMilli(u.GetLastSeenAt()))
	}
	if got := presence(t, c.a.URL, c.app, "bob", "alice"); got != "bob offline, alice online web/websocket" {
		t.Errorf("after the death: %s", got)
	}
}

// A node that was stopped, for longer than it counts as alive, comes back with the
// connections that it still has; an old one of a device that is elsewhere by now
// takes nothing away.
func TestPresence_ANodeThatSleptTellsNothingOld(t *testing.T) {
	t.Parallel()
	c := newPresenceCluster(t, testserver.NewRedis(t))
	alice := talkTo(t, c.a.URL, c.app, "alice")
	token, _ := c.app.Token(t, "bob")
	old := dialWS(t, c.b.URL, wire.Proto)
	old.signIn(token, nil)
	carol := talkTo(t, c.b.URL, c.app, "carol")
	soon(t, "bob online web/websocket, carol online web/websocket", func() string { return alice.watch("bob", "carol") })

	c.b.Signal(syscall.SIGSTOP)
	soon(t, "bob offline, carol offline", func() string { return presence(t, c.a.URL, c.app, "bob", "carol") })
	young := dialWS(t, c.a.URL, wire.Proto)
	young.signIn(token, nil)
	c.b.Signal(syscall.SIGCONT)
	old.wantClosed(int(wire.CloseReplaced))
	for _, url := range []string{c.a.URL, c.b.URL} {
		soon(t, "bob online web/websocket, carol online web/websocket", func() string { return presence(t, url, c.app, "bob", "carol") })
	}
	_ = carol.ws.CloseNow()
	for _, url := range []string{c.a.URL, c.b.URL} { // what b had queued is written by now
		soon(t, "bob online web/websocket, carol offline", func() string { return presence(t, url, c.app, "bob", "carol") })
	}
}

func TestPresence_IsUnknownWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	server := testserver.NewRedis(t)
	c := newPresenceCluster(t, server)
	alice, bob := talkTo(t, c.a.URL, c.app, "alice"), talkTo(t, c.b.URL, c.app, "bob")
	online := "alice online web/websocket, bob online web/websocket, carol offline"
	everyone := func(url string) func() string {
		return func() string { return presence(t, url, c.app, "alice", "bob", "carol") }
	}
	soon(t, online, everyone(c.a.URL))
	soon(t, online, everyone(c.b.URL))
	alice.watch("bob")
	server.Kill()
	soon(t, "alice online web/websocket, bob unknown, carol unknown", everyone(c.a.URL))
	soon(t, "alice unknown, bob online web/websocket, carol unknown", everyone(c.b.URL))
	alice.told("bob unknown")
	got, err := c.app.For(t, "bob").ListDevicesWithResponse(t.Context(), nil) // asks node a
	if err != nil || got.JSON200 == nil || got.JSON200.Items[0].Online != nil {
		t.Errorf("a device on the other node: %v, %s", err, got.Body)
	}
	server.Restart()
	soon(t, online, everyone(c.a.URL))
	soon(t, online, everyone(c.b.URL))
	alice.told("bob online web/websocket")

	server.FlushAll()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); pause(t.Context()) {
		if got := presence(t, c.a.URL, c.app, "bob"); got == "bob offline" {
			t.Fatal("a flush makes bob look offline")
		}
	}
	soon(t, online, everyone(c.a.URL))
	_ = bob.ws.CloseNow()
	alice.told("bob offline")
}

func TestPresence_LastSeenOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	p := gimtest.StartProcess(t, gimtest.ProcessOptions{})
	app := p.NewApp(t, "presence")
	app.NewUsers(t, "bob")
	bob := talkTo(t, p.URL, app, "bob")
	begin := time.Now().Truncate(time.Millisecond)
	if code := p.Terminate(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	bob.wantClosed(int(wire.CloseShutdown))
	p.Start()
	app.Caller = p.Caller()
	got, err := app.Back(t).QueryPresenceWithResponse(t.Context(), nil, client.QueryPresenceRequest{UserIds: []string{"bob"}})
	if err != nil || got.JSON200 == nil {
		t.Fatalf("query: %v, %s", err, got.Body)
	}
	if u := got.JSON200.Items[0]; u.Online == nil || *u.Online || u.LastSeenAt == nil || u.LastSeenAt.Before(begin) {
		t.Errorf("after a restart bob is %s, want offline and seen after %v", got.Body, begin)
	}
}
