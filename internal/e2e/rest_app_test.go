package e2e

import (
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

// object is a JSON object to send.
type object = map[string]any

// app is an app of a test's own on a shared gim.
type app struct {
	gim *gimtest.Gim
	id  string
	key string
}

var appCount atomic.Int64

// newApp creates an app with users.
func newApp(t *testing.T, g *gimtest.Gim, users ...string) app {
	t.Helper()
	a := app{gim: g, id: fmt.Sprintf("app-%d", appCount.Add(1))}
	got := a.admin().post(t, "/v1/apps", object{"app_id": a.id}).want(t, 201)
	a.key = read[client.CreatedApp](t, got).Key.Secret
	if len(users) > 0 {
		a.newUsers(t, users...)
	}
	return a
}

func (a app) newUsers(t *testing.T, ids ...string) {
	t.Helper()
	users := make([]object, len(ids))
	for i, id := range ids {
		users[i] = object{"user_id": id}
	}
	a.back().post(t, "/v1/users/batch", object{"users": users}).want(t, 200)
}

func (a app) newGroup(t *testing.T, id string, members ...string) {
	t.Helper()
	a.back().post(t, "/v1/groups", object{"group_id": id, "members": members}).want(t, 201)
}

// with returns a caller with any credential.
func (a app) with(credential string) caller { return caller{gim: a.gim, credential: credential} }

// admin is the operator.
func (a app) admin() caller { return a.with(a.gim.AdminKey) }

// back is the business's back end.
func (a app) back() caller { return a.with(a.key) }

// as is the back end in the name of a user.
func (a app) as(user string) caller { return caller{gim: a.gim, credential: a.key, user: user} }

// token mints a token; body says for which device, if any.
func (a app) token(t *testing.T, user string, body object) client.Token {
	t.Helper()
	return read[client.Token](t, a.back().post(t, "/v1/users/"+user+"/tokens", body).want(t, 201))
}

// onDevice is a user with a token of its own, bound to a new device.
func (a app) onDevice(t *testing.T, user string) (c caller, device string) {
	t.Helper()
	token := a.token(t, user, object{"device": object{"type": "web"}})
	return a.with(token.Token), *token.DeviceId
}

// text is a message to a user.
func text(to, text string) object {
	return object{"to": object{"user_id": to}, "type": "text", "content": object{"text": text}}
}

// groupText is a message to a group.
func groupText(to, text string) object {
	return object{"to": object{"group_id": to}, "type": "text", "content": object{"text": text}}
}

// with returns o with one more member.
func with(o object, name string, value any) object {
	all := object{name: value}
	for n, v := range o {
		if n != name {
			all[n] = v
		}
	}
	return all
}

// sync returns the log of a caller up to 200 entries.
func (c caller) sync(t *testing.T, query string) client.SyncPage {
	t.Helper()
	return read[client.SyncPage](t, c.get(t, "/v1/sync?limit=200"+query).want(t, 200))
}

// texts returns what was said, in order, without events of groups.
func texts(t *testing.T, messages []client.Message) []string {
	t.Helper()
	all := []string{}
	for _, m := range messages {
		if m.Type == "command" && m.Sender.Type == "system" {
			continue
		}
		all = append(all, read[struct{ Text string }](t, answer{body: m.Content}).Text)
	}
	return all
}

// state is what there is to read about users and groups of the app, by path and
// reader. Absent users and groups are part of it.
func (a app) state(t *testing.T, users, groups []string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	look := func(who string, c caller, paths ...string) {
		for _, path := range paths {
			got := c.get(t, path, "X-Request-Id: state")
			all[who+" "+path] = fmt.Sprintf("%d %s", got.status, got.body)
		}
	}
	look("admin", a.admin(), "/v1/apps/"+a.id, "/v1/apps/"+a.id+"/keys")
	look("back end", a.back(), "/v1/users?limit=200")
	for _, user := range users {
		look(user, a.as(user), "/v1/sync?limit=200", "/v1/devices", "/v1/blocks",
			"/v1/contacts", "/v1/contacts?status=incoming", "/v1/contacts?status=outgoing")
		look("back end", a.back(), "/v1/conversations/user:"+url.PathEscape(user)+"/messages")
		for _, other := range users {
			look(user, a.as(user), "/v1/conversations/user:"+url.PathEscape(other)+"/messages")
		}
	}
	for _, group := range groups {
		path := url.PathEscape(group)
		look("back end", a.back(), "/v1/groups/"+path, "/v1/groups/"+path+"/members", "/v1/conversations/group:"+path+"/messages")
	}
	return all
}

// changesNothing fails the test when what there is to read is another after do.
func (a app) changesNothing(t *testing.T, users, groups []string, do func()) {
	t.Helper()
	before := a.state(t, users, groups)
	do()
	if diff := cmp.Diff(before, a.state(t, users, groups)); diff != "" {
		t.Errorf("what was refused changed something (- before, + after):\n%s", diff)
	}
}
