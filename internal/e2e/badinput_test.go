package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

// badInput is a request that must be refused and change nothing.
type badInput struct {
	name         string
	method, path string
	body         any
	status       int
	code         string
	pointer      string // of the first field named, "-" where none is
}

// refuse makes bad requests, as alice unless by says otherwise.
func refuse(t *testing.T, a app, by caller, all []badInput) {
	t.Helper()
	a.changesNothing(t, []string{"alice", "bob", "x"}, []string{"team", "x"}, func() {
		for _, tt := range all {
			got := by.do(t, tt.method, tt.path, tt.body)
			if got.status != tt.status || got.code() != tt.code {
				t.Errorf("%s: status %d %s, want %d %s", tt.name, got.status, got.body, tt.status, tt.code)
				continue
			}
			if len(got.body) > 8<<10 {
				t.Errorf("%s: an answer of %d bytes", tt.name, len(got.body))
			}
			p := read[client.Problem](t, got)
			switch {
			case tt.pointer == "-" && p.Errors != nil:
				t.Errorf("%s: names fields: %s", tt.name, got.body)
			case tt.pointer != "-" && (p.Errors == nil || (*p.Errors)[0].Pointer != tt.pointer):
				t.Errorf("%s: does not name %q first: %s", tt.name, tt.pointer, got.body)
			}
		}
	})
}

func send(name, body, pointer string) badInput {
	return badInput{name, "POST", "/v1/messages", body, 400, "bad_request", pointer}
}

func TestBadInput_BodiesThatReadersCouldTakeDifferentlyAreRefused(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		nested := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
		refuse(t, a, a.as("alice"), []badInput{
			send("unknown field", `{"to":{"user_id":"bob"},"type":"text","content":{"text":"hi"},"x":1}`, "/x"),
			send("unknown field in to", `{"to":{"user_id":"bob","x":1},"type":"text","content":{"text":"hi"}}`, "/to/x"),
			send("unknown field in content", `{"to":{"user_id":"bob"},"type":"text","content":{"text":"hi","x":1}}`, "/content/x"),
			send("name in other letters", `{"TO":{"user_id":"bob"},"type":"text","content":{"text":"hi"}}`, "/TO"),
			send("content's name in other letters", `{"to":{"user_id":"bob"},"type":"text","content":{"Text":"hi"}}`, "/content/Text"),
			send("duplicate field", `{"to":{"user_id":"bob"},"to":{"user_id":"alice"},"type":"text","content":{"text":"hi"}}`, "/to"),
			send("duplicate field, escaped", `{"to":{"user_id":"bob"},"type":"text","type":"text","content":{"text":"hi"}}`, "/type"),
			send("duplicate field in content", `{"to":{"user_id":"bob"},"type":"text","content":{"text":"hi","text":"ho"}}`, "/content/text"),
			send("duplicate field in custom", `{"to":{"user_id":"bob"},"type":"custom","content":{"a":{"b":1,"b":2}}}`, "/content/a/b"),
			send("invalid UTF-8", "{\"to\":{\"user_id\":\"bob\"},\"type\":\"text\",\"content\":{\"text\":\"a\xffb\"}}", "/content/text"),
			send("overlong UTF-8", "{\"to\":{\"user_id\":\"bob\"},\"type\":\"text\",\"content\":{\"text\":\"\xc0\xaf\"}}", "/content/text"),
			send("lone surrogate", `{"to":{"user_id":"bob"},"type":"text","content":{"text":"\ud83d"}}`, "/content/text"),
			send("NUL", `{"to":{"user_id":"bob"},"type":"text","content":{"text":"a\u0000b"}}`, "/content/text"),
			send("NUL in custom", `{"to":{"user_id":"bob"},"type":"custom","content":{"a":["\u0000"]}}`, "/content/a/0"),
			send("NUL in client_msg_id", `{"to":{"user_id":"bob"},"type":"text","content":{"text":"hi"},"client_msg_id":"\u0000"}`, "/client_msg_id"),
			send("control character", "{\"to\":{\"user_id\":\"bob\"},\"type\":\"text\",\"content\":{\"text\":\"a\x00b\"}}", "/content/text"),
			send("too deep", `{"to":{"user_id":"bob"},"type":"custom","content":`+nested+`}`, "/content"+strings.Repeat("/a", 63)),
			send("nothing", ``, ""),
			send("white space", " \n ", ""),
			send("no JSON", `hi`, ""),
			send("cut off", `{"to":{"user_id":"bob"},"type":"text","content":{"text":"hi"}`, ""),
			send("two values", `{"to":{"user_id":"bob"},"type":"text","content":{"text":"hi"}}{}`, ""),
			send("comma at the end", `{"to":{"user_id":"bob"},"type":"text","content":{"text":"hi"},}`, ""),
			send("byte order mark", "\ufeff"+`{"to":{"user_id":"bob"},"type":"text","content":{"text":"hi"}}`, ""),
			send("null", `null`, ""),
			send("an array", `[]`, ""),
			send("a string", `"hi"`, ""),
		})
		a.as("alice").post(t, "/v1/messages", text("bob", "hi")).want(t, 201)
	})
}

func TestBadInput_WrongTypesAndValuesNameTheirField(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		a.newGroup(t, "team", "alice")
		hi := text("bob", "hi")
		post := func(name string, body any, pointer string) badInput {
			return badInput{name, "POST", "/v1/messages", body, 400, "bad_request", pointer}
		}
		many := make([]string, 101)
		for i := range many {
			many[i] = fmt.Sprint("u", i)
		}
		refuse(t, a, a.as("alice"), []badInput{
			post("no to", object{"type": "text", "content": object{"text": "hi"}}, "/to"),
			post("no type", object{"to": object{"user_id": "bob"}, "content": object{"text": "hi"}}, "/type"),
			post("no content", object{"to": object{"user_id": "bob"}, "type": "text"}, "/content"),
			post("to nobody", with(hi, "to", object{}), "/to"),
			post("to both", with(hi, "to", object{"user_id": "bob", "group_id": "team"}), "/to"),
			post("to a string", with(hi, "to", "bob"), "/to"),
			post("to null", with(hi, "to", nil), "/to"),
			post("to a number", with(hi, "to", object{"user_id": 1}), "/to/user_id"),
			post("unknown type", with(hi, "type", "video"), "/type"),
			post("content of another type", with(hi, "type", "image"), "/content/text"),
			post("content a string", with(hi, "content", "hi"), "/content"),
			post("content null", with(hi, "content", nil), "/content"),
			post("text a number", with(hi, "content", object{"text": 1}), "/content/text"),
			post("text empty", with(hi, "content", object{"text": ""}), "/content/text"),
			post("gim's own command", with(with(hi, "type", "command"), "content", object{"code": 999}), "/content/code"),
			post("persist a string", with(hi, "persist", "false"), "/persist"),
			post("client_msg_id empty", with(hi, "client_msg_id", ""), "/client_msg_id"),
			post("client_msg_id of 65", with(hi, "client_msg_id", strings.Repeat("é", 65)), "/client_msg_id"),
			post("101 mentions", with(hi, "mentions", many), "/mentions"),
			post("a mention twice", with(hi, "mentions", []string{"bob", "bob"}), "/mentions/1"),
			post("@all and another", with(hi, "mentions", []string{"@all", "bob"}), "/mentions/0"),
			post("a mention that is no id", with(hi, "mentions", []string{"a b"}), "/mentions/0"),
			post("sender_type user", with(hi, "sender_type", "user"), "/sender_type"),
			{"extra a list", "PATCH", "/v1/users/me", `{"extra":[]}`, 400, "bad_request", "/extra"},
			{"extra too large", "PATCH", "/v1/users/me", object{"extra": object{"x": strings.Repeat("x", 16<<10)}}, 400, "bad_request", "/extra"},
			{"nickname null", "PATCH", "/v1/users/me", `{"nickname":null}`, 400, "bad_request", "/nickname"},
			{"nickname of 129", "PATCH", "/v1/users/me", object{"nickname": strings.Repeat("😀", 129)}, 400, "bad_request", "/nickname"},
			{"unknown sex", "PUT", "/v1/users/me", object{"sex": "robot"}, 400, "bad_request", "/sex"},
			{"seq a string", "PUT", "/v1/devices/x/ack", `{"seq":"1"}`, 400, "bad_request", "/seq"},
			{"seq with a fraction", "PUT", "/v1/devices/x/ack", `{"seq":0.5}`, 400, "bad_request", "/seq"},
			{"seq beyond 64 bits", "PUT", "/v1/devices/x/ack", `{"seq":9223372036854775808}`, 400, "bad_request", "/seq"},
			{"seq negative", "PUT", "/v1/devices/x/ack", `{"seq":-1}`, 400, "bad_request", "/seq"},
			{"unknown device type", "POST", "/v1/devices", `{"type":"fridge"}`, 400, "bad_request", "/type"},
			{"a group of no type", "POST", "/v1/groups", `{"group_id":"x","type":"huge"}`, 400, "bad_request", "/type"},
			{"a group of another's", "POST", "/v1/groups", `{"group_id":"x","owner":"bob"}`, 400, "bad_request", "/owner"},
			{"a member twice", "POST", "/v1/groups", `{"group_id":"x","members":["bob","bob"]}`, 400, "bad_request", "/members/1"},
			{"no members to add", "POST", "/v1/groups/team/members", `{"user_ids":[]}`, 400, "bad_request", "/user_ids"},
			{"a new member twice", "POST", "/v1/groups/team/members", `{"user_ids":["bob","bob"]}`, 400, "bad_request", "/user_ids/1"},
		})
		refuse(t, a, a.back(), []badInput{
			{"a group of nobody", "POST", "/v1/groups", `{"group_id":"x"}`, 400, "bad_request", "/owner"},
			{"a user twice", "POST", "/v1/users/batch", `{"users":[{"user_id":"x"},{"user_id":"x"}]}`, 400, "bad_request", "/users/1/user_id"},
			{"a bad user among good ones", "POST", "/v1/users/batch", `{"users":[{"user_id":"x"},{"user_id":"y","sex":"robot"}]}`, 400, "bad_request", "/users/1/sex"},
			{"sends for the seventh", "POST", "/v1/messages", with(hi, "sender_type", "user"), 400, "bad_request", "/sender_type"},
		})
		refuse(t, a, a.admin(), []badInput{
			{"a group limit of 1", "PATCH", "/v1/apps/" + a.id, `{"settings":{"max_group_members":1}}`, 400, "bad_request", "/settings/max_group_members"},
			{"a device limit of 0", "PATCH", "/v1/apps/" + a.id, `{"settings":{"max_devices_per_user":0}}`, 400, "bad_request", "/settings/max_devices_per_user"},
			{"a negative online limit", "PATCH", "/v1/apps/" + a.id, `{"settings":{"max_online_per_type":-1}}`, 400, "bad_request", "/settings/max_online_per_type"},
			{"an unknown yield", "PATCH", "/v1/apps/" + a.id, `{"settings":{"online_yields":"all"}}`, 400, "bad_request", "/settings/online_yields"},
			{"a group limit of 5001", "PATCH", "/v1/apps/" + a.id, `{"settings":{"max_group_members":5001}}`, 400, "bad_request", "/settings/max_group_members"},
			{"a name of 129", "PATCH", "/v1/apps/" + a.id, object{"name": strings.Repeat("é", 129)}, 400, "bad_request", "/name"},
		})
	})
}

func TestBadInput_RoutesMethodsAndMediaTypes(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		alice, hi := a.as("alice"), text("bob", "hi")
		a.changesNothing(t, []string{"alice", "bob"}, nil, func() {
			for _, path := range []string{"/v1/nothing", "/v1/messages/", "/V1/messages", "/v1/users/alice/nothing", "/v1/users/a/b/c", "/v2/messages"} {
				alice.post(t, path, hi).refused(t, 404, "not_found")
			}
			for path, allow := range map[string]string{
				"/v1/messages": "POST", "/v1/users": "GET", "/v1/users/bob": "GET, PUT, PATCH, DELETE",
				"/v1/sync": "GET", "/v1/devices/me/ack": "PUT", "/v1/ws": "GET", "/openapi.yaml": "GET, HEAD",
			} {
				for _, method := range []string{"TRACE", "OPTIONS"} {
					got := alice.do(t, method, path, nil)
					got.refused(t, 405, "method_not_allowed")
					if got := strings.Split(got.header.Get("Allow"), ", "); !sameSet(got, strings.Split(allow, ", ")) {
						t.Errorf("%s: Allow is %q, want %q", path, got, allow)
					}
				}
			}
			for _, header := range []string{
				"Content-Type: text/plain", "Content-Type: application/x-www-form-urlencoded", "Content-Type: application/xml", "Content-Type: ",
				"Content-Type: application/json; charset=iso-8859-1", "Content-Type: multipart/form-data; boundary=x", "Content-Encoding: gzip",
			} {
				if got := alice.post(t, "/v1/messages", hi, header); got.status != 415 || got.code() != "unsupported_media_type" {
					t.Errorf("%s: status %d %s, want 415", header, got.status, got.body)
				}
			}
		})
		for _, header := range []string{"Content-Type: application/json", "Content-Type: application/json; charset=UTF-8", "Content-Type: Application/JSON"} {
			alice.post(t, "/v1/messages", hi, header).want(t, 201)
		}
		if got := alice.do(t, http.MethodHead, "/openapi.yaml", nil); got.status != 200 || len(got.body) > 0 {
			t.Errorf("HEAD: status %d with %d bytes", got.status, len(got.body))
		}
	})
}

func sameSet(a, b []string) bool {
	count := make(map[string]int)
	for _, s := range a {
		count[s]++
	}
	for _, s := range b {
		count[s]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}
