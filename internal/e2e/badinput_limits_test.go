package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

// contentOf returns a text content of n bytes in compact form.
func contentOf(n int) object {
	return object{"text": strings.Repeat("x", n-len(`{"text":""}`))}
}

// padded returns a body of exactly n bytes.
func padded(t *testing.T, body any, n int) string {
	t.Helper()
	raw := marshal(t, body)
	return string(raw) + strings.Repeat(" ", n-len(raw))
}

func TestBadInput_SizesAreLimitedToTheByte(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		alice, hi := a.as("alice"), text("bob", "hi")
		const content, body = 64 << 10, 256 << 10
		alice.post(t, "/v1/messages", with(hi, "content", contentOf(content))).want(t, 201)
		custom := object{"x": strings.Repeat("😀", (content-len(`{"x":""}`))/4)}
		alice.post(t, "/v1/messages", with(with(hi, "type", "custom"), "content", custom)).want(t, 201)
		// White space does not count, escapes do.
		alice.post(t, "/v1/messages", `{"to":{"user_id":"bob"},"type":"text","content":{`+strings.Repeat("\n", content)+`"text":"hi"}}`).want(t, 201)
		alice.post(t, "/v1/messages", padded(t, hi, body)).want(t, 201)
		got := a.as("bob").sync(t, "").Items
		if len(got) != 4 || len(got[0].Content) != content || string(got[2].Content) != `{"text":"hi"}` {
			t.Fatalf("bob has %d messages", len(got))
		}
		if got := read[object](t, answer{body: got[1].Content}); got["x"] != custom["x"] {
			t.Error("the largest content came back changed")
		}

		a.changesNothing(t, []string{"alice", "bob"}, nil, func() {
			alice.post(t, "/v1/messages", with(hi, "content", contentOf(content+1))).refused(t, 413, "too_large")
			escaped := `{"to":{"user_id":"bob"},"type":"text","content":{"text":"` + strings.Repeat(`\u00e9`, content/6) + `"}}`
			alice.post(t, "/v1/messages", escaped).refused(t, 413, "too_large")
			alice.post(t, "/v1/messages", with(with(hi, "content", contentOf(content+1)), "persist", false)).refused(t, 413, "too_large")
			alice.post(t, "/v1/messages", padded(t, hi, body+1)).refused(t, 413, "too_large")
			a.back().post(t, "/v1/users/batch", padded(t, object{"users": []object{{"user_id": "x"}}}, body+1)).refused(t, 413, "too_large")
			caller{gim: g}.post(t, "/v1/messages", padded(t, hi, body+1)).refused(t, 413, "too_large")
			chunked(t, alice, padded(t, hi, body+1)).refused(t, 413, "too_large")
		})
		chunked(t, alice, padded(t, hi, body)).want(t, 201)
	})
}

// chunked sends a message whose length is not told.
func chunked(t *testing.T, c caller, body string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.gim.URL+"/v1/messages", io.MultiReader(bytes.NewReader([]byte(body))))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+c.credential)
	r.Header.Set("Gim-User", c.user)
	return c.send(t, r)
}

func TestBadInput_IDsFollowTheirRuleInPathsAndBodies(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		a.newGroup(t, "team", "alice")
		longest := strings.Repeat("x", 64)
		for _, id := range []string{"a", longest, "-", "_x", "@x", "+x", "x.", "x..y", "a+b@c.example", "0", "Me", "BATCH", "me.", "null"} {
			path := url.PathEscape(id)
			a.back().put(t, "/v1/users/"+path, object{}).want(t, 201)
			if got := read[client.User](t, a.back().get(t, "/v1/users/"+path).want(t, 200)); got.UserId != id {
				t.Errorf("%q reads as %q", id, got.UserId)
			}
			a.as(id).get(t, "/v1/users/me").want(t, 200)
			a.as("alice").post(t, "/v1/messages", text(id, "hi")).want(t, 201)
			if page := a.as("alice").get(t, "/v1/conversations/user:"+path+"/messages").want(t, 200); len(read[client.MessagePage](t, page).Items) != 1 {
				t.Errorf("%q has no history", id)
			}
		}
		var bad []badInput
		for _, id := range []string{longest + "x", ".x", "a b", "a/b", "é", "a\tb", "a:b", "a%b", "a*", "😀", "a\x7f", "<b>"} {
			path := url.PathEscape(id)
			bad = append(bad,
				badInput{id + " in a path", "PUT", "/v1/users/" + path, object{}, 400, "bad_request", "user_id"},
				badInput{id + " to read", "GET", "/v1/users/" + path, nil, 400, "bad_request", "user_id"},
				badInput{id + " in a body", "POST", "/v1/users/batch", object{"users": []object{{"user_id": "x"}, {"user_id": id}}}, 400, "bad_request", "/users/1/user_id"},
				badInput{id + " as receiver", "POST", "/v1/messages", text(id, "hi"), 400, "bad_request", "/to/user_id"},
				badInput{id + " as group", "POST", "/v1/messages", groupText(id, "hi"), 400, "bad_request", "/to/group_id"},
				badInput{id + " as a new group", "POST", "/v1/groups", object{"group_id": id, "members": []string{"bob"}}, 400, "bad_request", "/group_id"},
				badInput{id + " as member", "POST", "/v1/groups/team/members", object{"user_ids": []string{"bob", id}}, 400, "bad_request", "/user_ids/1"},
				badInput{id + " as a member to remove", "DELETE", "/v1/groups/team/members/" + path, nil, 400, "bad_request", "user_id"},
				badInput{id + " as a group to read", "GET", "/v1/groups/" + path, nil, 400, "bad_request", "group_id"},
				badInput{id + " as conversation", "GET", "/v1/conversations/user:" + path + "/messages", nil, 400, "bad_request", "conversation_id"},
				badInput{id + " as kid", "GET", "/v1/signing-keys/" + path, nil, 400, "bad_request", "kid"},
				badInput{id + " as token", "DELETE", "/v1/users/bob/tokens/" + path, nil, 400, "bad_request", "token_id"},
			)
		}
		for _, id := range []string{"me", "batch"} { // in a path, each has a meaning of its own
			bad = append(bad,
				badInput{id + " in a body", "POST", "/v1/users/batch", object{"users": []object{{"user_id": id}}}, 400, "bad_request", "/users/0/user_id"},
				badInput{id + " as receiver", "POST", "/v1/messages", text(id, "hi"), 400, "bad_request", "/to/user_id"},
				badInput{id + " as a new group", "POST", "/v1/groups", object{"group_id": id, "members": []string{"bob"}}, 400, "bad_request", "/group_id"},
				badInput{id + " as group", "GET", "/v1/groups/" + id, nil, 400, "bad_request", "group_id"},
				badInput{id + " as kid", "PUT", "/v1/signing-keys/" + id, newTestKey(t, "EdDSA").registration(), 400, "bad_request", "kid"},
			)
		}
		for _, id := range []string{"user", "user:", "bob", "group:", "User:bob", "business", "large:x", "user:me"} {
			bad = append(bad, badInput{id + " as conversation", "GET", "/v1/conversations/" + url.PathEscape(id) + "/messages", nil, 400, "bad_request", "conversation_id"})
		}
		refuse(t, a, a.back(), bad)
		a.changesNothing(t, []string{"alice"}, nil, func() {
			for _, id := range []string{"", ".x", "a b", "me", longest + "x", "é"} {
				a.back().get(t, "/v1/sync", "Gim-User: "+id).refused(t, 400, "bad_request")
			}
			a.as("alice").do(t, "GET", "/v1/devices/batch", nil).refused(t, 400, "bad_request")
			a.as("alice").post(t, "/v1/devices", object{"device_id": "me", "type": "ios"}).refused(t, 400, "bad_request")
			a.admin().post(t, "/v1/apps", object{"app_id": "me"}).refused(t, 400, "bad_request")
			a.admin().post(t, "/v1/apps", object{"app_id": strings.Repeat("x", 65)}).refused(t, 400, "bad_request")
			a.admin().get(t, "/v1/apps/.x").refused(t, 400, "bad_request")
		})
	})
}

func TestBadInput_QueriesAreHeldToTheContract(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		a.as("alice").post(t, "/v1/messages", text("bob", "hi")).want(t, 201)
		query := func(path, pointer string) badInput {
			return badInput{path, "GET", path, nil, 400, "bad_request", pointer}
		}
		const history = "/v1/conversations/user:bob/messages"
		var bad []badInput
		for _, path := range []string{"/v1/sync", "/v1/devices", history} {
			for _, limit := range []string{"0", "201", "-1", "x", "", "1.5", "99999999999999999999", "0x1", "1&limit=2"} {
				bad = append(bad, query(path+"?limit="+limit, "limit"))
			}
			bad = append(bad, query(path+"?x=1", "x"), query(path+"?Limit=1", "Limit"), query(path+"?limit=1;x=2", ""), query(path+"?%zz=1", ""))
		}
		bad = append(bad,
			query("/v1/sync?after=-1", "after"), query("/v1/sync?after=x", "after"), query("/v1/sync?after=", "after"),
			query("/v1/sync?after=9223372036854775808", "after"), query("/v1/sync?wait=-1", "wait"), query("/v1/sync?wait=31", "wait"),
			query("/v1/sync?wait=1s", "wait"), query("/v1/sync?epoch="+strings.Repeat("x", 65), "epoch"), query("/v1/sync?cursor=x", "cursor"),
			query(history+"?before=-1", "before"), query(history+"?after=-1", "after"), query(history+"?before=1&after=1", "before"),
			query(history+"?around=-1", "around"), query(history+"?around=x", "around"), query(history+"?around=1&after=1", "after"),
			query(history+"?from=12:00", "from"), query(history+"?from=", "from"), query(history+"?from=2026-01-31T12:00:00Z&before=1", "before"),
			query(history+"?type=", "type"), query(history+"?type=film", "type"), query(history+"?type=text&type=image", "type"),
			query(history+"?sender=", "sender"), query(history+"?sender=b%2Fb", "sender"),
		)
		for _, cursor := range []string{"!", "x", "%20", "YQ==", strings.Repeat("x", 129), "%00", "%ff"} {
			bad = append(bad, query("/v1/devices?cursor="+cursor, "cursor"))
		}
		refuse(t, a, a.as("alice"), bad)

		// What the limits allow.
		for _, good := range []string{"/v1/sync?limit=1", "/v1/sync?limit=200", "/v1/devices?limit=200", history + "?limit=1&before=0", "/v1/sync?after=1&wait=0"} {
			a.as("alice").get(t, good).want(t, 200)
		}
	})
}

func TestBadInput_CursorsOfAnotherLogAskForAResync(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a, other := newApp(t, g, "alice", "bob", "carol"), newApp(t, g, "alice")
		for i := range 3 {
			a.as("alice").post(t, "/v1/messages", text("bob", fmt.Sprint(i))).want(t, 201)
		}
		a.as("alice").post(t, "/v1/messages", text("carol", "hi")).want(t, 201)
		bob, carol, alice := a.as("bob").sync(t, ""), a.as("carol").sync(t, ""), a.as("alice").sync(t, "")
		if bob.Epoch == carol.Epoch || bob.Epoch == other.as("alice").sync(t, "").Epoch {
			t.Error("two logs have one epoch")
		}
		a.changesNothing(t, []string{"alice", "bob", "carol"}, nil, func() {
			for name, query := range map[string]string{
				"beyond the head":              "after=4",
				"far beyond the head":          "after=9223372036854775807",
				"of alice, with her epoch":     fmt.Sprintf("after=%d&epoch=%s", alice.HeadSeq, alice.Epoch),
				"of carol, within the log":     fmt.Sprintf("after=%d&epoch=%s", carol.HeadSeq, carol.Epoch),
				"of another epoch":             "after=1&epoch=ghost",
				"of another epoch, from 0":     "after=0&epoch=ghost",
				"of another epoch, in waiting": "after=3&wait=30&epoch=ghost",
				"beyond the head, in waiting":  "after=4&wait=30",
			} {
				if got := a.as("bob").get(t, "/v1/sync?"+query); got.status != 409 || got.code() != "resync_required" {
					t.Errorf("%s: status %d %s, want 409 resync_required", name, got.status, got.body)
				}
			}
		})
		if got := a.as("bob").sync(t, "&after=2&epoch="+bob.Epoch); len(got.Items) != 1 || got.Items[0].Seq != 3 {
			t.Errorf("bob's own cursor: %+v", got)
		}
		if got := a.as("bob").sync(t, "&after=3&epoch="+bob.Epoch); len(got.Items) != 0 || got.HasMore {
			t.Errorf("bob's head: %+v", got)
		}
	})
}
