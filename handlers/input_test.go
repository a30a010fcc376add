package handlers

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/domain"
)

func post(path, body string, header ...string) request {
	return request{"POST", path, body, append([]string{asApp}, header...)}
}

func get(path string, header ...string) request {
	return request{"GET", path, "", append([]string{asAlice}, header...)}
}

// message is a send with one part replaced.
func message(part string) request {
	return post("/v1/messages", `{"to":{"user_id":"bob"},"type":"text","content":{"text":"hi"}`+part+`}`)
}

func TestBadInput_IsRefusedWithASentence(t *testing.T) {
	t.Parallel()
	const (
		idRule    = "may contain only letters, digits and the characters _ . @ + -, and must not start with a dot"
		typeNames = "must be one of text, face, voice, image, file, location, command, custom"
	)
	id64, id65 := strings.Repeat("a", 64), strings.Repeat("a", 65)
	tests := []struct {
		name   string
		call   request
		status int
		errors string // "pointer detail", one a line
	}{
		{"no body", post("/v1/messages", ""), 400, " needs a body"},
		{"white space", post("/v1/messages", " \n"), 400, " needs a body"},
		{"malformed JSON", post("/v1/messages", `{"to":`), 400, "/to is not valid JSON: it ends too early"},
		{"two values", post("/v1/messages", `{} {}`), 400, " is followed by something else; exactly one value is allowed"},
		{"an array", post("/v1/messages", `[]`), 400, " must be an object"},
		{"null", post("/v1/messages", `null`), 400, " must not be null"},
		{"duplicate field", message(`,"type":"text"`), 400, "/type is given twice"},
		{"unknown field", message(`,"a/b":1,"c~":2`), 400, "/a~1b is not a known field\n/c~0 is not a known field"},
		{"field in other letters", message(`,"Mentions":[]`), 400, "/Mentions is not a known field"},
		{"huge field name", message(`,"` + strings.Repeat("é", 200) + `":1`), 400, "/" + strings.Repeat("é", 64) + " is not a known field"},
		{"invalid UTF-8", message(",\"client_msg_id\":\"\xff\""), 400, "/client_msg_id is not valid UTF-8 at byte 79"},
		{"lone surrogate", message(`,"client_msg_id":"\ud800"`), 400, "/client_msg_id has half of a surrogate pair at byte 79"},
		{"NUL", message(`,"client_msg_id":"\u0000"`), 400, "/client_msg_id must not contain the character U+0000"},
		{"nested deeply", post("/v1/messages", strings.Repeat("[", 65)+strings.Repeat("]", 65)), 400, strings.Repeat("/0", 64) + " is nested deeper than 64 levels"},
		{
			"all at once", post("/v1/messages", `{"type":5,"content":"hi","persist":"no","mentions":[1]}`), 400,
			"/content must be an object\n/mentions/0 must be a string\n/persist must be true or false\n/to is required\n/type " + typeNames,
		},
		{"null in a field", post("/v1/groups", `{"name":null}`), 400, "/name must not be null"},
		{"wrong enum", post("/v1/devices", `{"type":"toaster"}`, forBob), 400, "/type must be one of android, ios, windows, macos, linux, web, other"},
		{"id of 0 characters", post("/v1/groups", `{"group_id":"","members":["bob"]}`), 400, "/group_id must have between 1 and 64 characters"},
		{"id of 65 characters", post("/v1/groups", `{"group_id":"`+id65+`","members":["bob"]}`), 400, "/group_id must have between 1 and 64 characters"},
		{"id with a space", post("/v1/groups", `{"members":["bob","a b"]}`), 400, "/members/1 " + idRule},
		{"reserved id", post("/v1/groups", `{"group_id":"me","members":["bob"]}`), 400, `/group_id is a reserved id; "me" and "batch" cannot be used`},
		{"no users", post("/v1/users/batch", `{"users":[]}`), 400, "/users must have between 1 and 1000 entries"},
		{"a user's nickname", post("/v1/users/batch", `{"users":[{"user_id":"a","nickname":"`+strings.Repeat("é", 129)+`"}]}`), 400, "/users/0/nickname must have at most 128 characters"},
		{"too long a life", post("/v1/users/bob/tokens", `{"ttl_seconds":2592001}`), 400, "/ttl_seconds must be between 1 and 2592000"},
		{"a fraction", post("/v1/users/bob/tokens", `{"ttl_seconds":1.5}`), 400, "/ttl_seconds must be an integer"},
		{"an exponent", post("/v1/users/bob/tokens", `{"ttl_seconds":1e3}`), 400, "/ttl_seconds must be written without fraction or exponent, in 64 bits"},
		{"a negative seq", request{"PUT", "/v1/devices/me/ack", `{"seq":-1}`, []string{asAlice}}, 400, "/seq must be 0 or more"},
		{"a seq of more than 64 bits", request{"PUT", "/v1/devices/me/ack", `{"seq":99999999999999999999}`, []string{asAlice}}, 400, "/seq must be an integer of 64 bits"},
		{"extra too large", post("/v1/groups", `{"members":["bob"],"extra":{"a":"`+strings.Repeat("a", 16<<10)+`"}}`), 400, "/extra is larger than 16384 bytes"},

		{"no media type", post("/v1/messages", "{}", "Content-Type: "), 415, ""},
		{"another media type", post("/v1/messages", "{}", "Content-Type: text/plain"), 415, ""},
		{"another charset", post("/v1/messages", "{}", "Content-Type: application/json; charset=latin1"), 415, ""},
		{"compressed", post("/v1/messages", "{}", "Content-Encoding: gzip"), 415, ""},
		{"body of 256 KiB and 1", post("/v1/messages", strings.Repeat(" ", domain.MaxBodyBytes+1)), 413, ""},
		{"body of 256 KiB", post("/v1/messages", strings.Repeat(" ", domain.MaxBodyBytes)), 400, " needs a body"},
		{
			"content of more than 64 KiB",
			post("/v1/messages", `{"to":{"user_id":"bob"},"type":"custom","content":{"a":"`+strings.Repeat("a", 64<<10)+`"}}`), 413, "",
		},

		{"limit 0", get("/v1/sync?limit=0"), 400, "limit must be between 1 and 200"},
		{"limit 201", get("/v1/sync?limit=201"), 400, "limit must be between 1 and 200"},
		{"limit twice", get("/v1/sync?limit=1&limit=1"), 400, "limit is given more than once"},
		{"limit in words", get("/v1/sync?limit=ten"), 400, "limit must be an integer"},
		{"limit empty", get("/v1/sync?limit="), 400, "limit must be an integer"},
		{"several parameters", get("/v1/sync?limit=0&after=-1&wait=31&x=1"), 400, "after must be 0 or more\nlimit must be between 1 and 200\nwait must be between 0 and 30\nx is not a known parameter"},
		{"after beyond 64 bits", get("/v1/sync?after=9223372036854775808"), 400, "after must be an integer"},
		{"epoch too long", get("/v1/sync?epoch=" + id65), 400, "epoch must have at most 64 characters"},
		{"epoch of bad UTF-8", get("/v1/sync?epoch=%ff"), 400, "epoch is not valid UTF-8"},
		{"malformed query", get("/v1/sync?a=%zz"), 400, " has a malformed query"},
		{"a parameter where there are none", get("/v1/users/alice?x"), 400, "x is not a known parameter"},
		{"cursor", request{"GET", "/v1/users?cursor=!", "", []string{asApp}}, 400, "cursor is not a cursor that a list answered with"},
		{"presence of nobody", post("/v1/presence/query", `{"user_ids":[]}`), 400, "/user_ids must have between 1 and 500 entries"},
		{"presence of too many", post("/v1/presence/query", `{"user_ids":["a`+strings.Repeat(`","a`, 500)+`"]}`), 400, "/user_ids must have between 1 and 500 entries"},
		{"presence of a bad id", post("/v1/presence/query", `{"user_ids":["a","b c"]}`), 400, "/user_ids/1 " + idRule},
		{"presence of one twice", post("/v1/presence/query", `{"user_ids":["a","b","a"]}`), 400, "/user_ids/2 is the same as entry 0"},
		{"before and after", get("/v1/conversations/user:bob/messages?before=1&after=1"), 400, "before must not be given together with after"},
		{"around and from", get("/v1/conversations/user:bob/messages?around=1&from=2026-01-31T12:00:00Z"), 400, "around must not be given together with from"},
		{"no time", get("/v1/conversations/user:bob/messages?from=yesterday"), 400, "from must be a time as 2026-01-31T12:00:00Z (RFC 3339; write + as %2B)"},
		{"no offset", get("/v1/conversations/user:bob/messages?from=2026-01-31T12:00:00%20"), 400, "from must be a time as 2026-01-31T12:00:00Z (RFC 3339; write + as %2B)"},
		{"no type", get("/v1/conversations/user:bob/messages?type=text,film"), 400, "type must be some of text, face, voice, image, file, location, command, custom, each once and with commas between them"},
		{"a type twice", get("/v1/conversations/user:bob/messages?type=text,text"), 400, "type must be some of text, face, voice, image, file, location, command, custom, each once and with commas between them"},
		{"no user id", get("/v1/conversations/user:bob/messages?sender=b%2Fb"), 400, "sender may contain only letters, digits and the characters _ . @ + -"},
		{"conversation", get("/v1/conversations/bob/messages"), 400, "conversation_id must be user:ID, group:ID or, for a user, business"},

		{"path id of 64 characters", request{"GET", "/v1/users/" + id64, "", []string{asApp}}, 404, ""},
		{"path id of 65 characters", request{"GET", "/v1/users/" + id65, "", []string{asApp}}, 400, "user_id is longer than 64 characters"},
		{"path id with a slash", request{"GET", "/v1/users/a%2Fb", "", []string{asApp}}, 400, "user_id may contain only letters, digits and the characters _ . @ + -"},
		{"path id with a NUL", request{"GET", "/v1/users/%00", "", []string{asApp}}, 400, "user_id may contain only letters, digits and the characters _ . @ + -"},
		{"empty path id", request{"DELETE", "/v1/users//tokens", "", []string{asApp}}, 400, "user_id is malformed"},
		{"me for the business", request{"GET", "/v1/users/me", "", []string{asApp}}, 403, ""},
		{"me as an id", request{"DELETE", "/v1/users/me/tokens", "", []string{asApp}}, 400, `user_id is a reserved id; "me" and "batch" cannot be used`},
		{"another user", get("/v1/users/bob"), 403, ""},
		{"empty Gim-User", request{"GET", "/v1/sync", "", []string{asApp, "Gim-User: "}}, 400, "Gim-User must not be empty; leave it out to act as the business"},
		{"Gim-User twice", request{"GET", "/v1/sync", "", []string{asApp, forBob, forBob}}, 400, "Gim-User is given more than once"},
		{"empty Idempotency-Key", post("/v1/groups", `{"members":["bob"]}`, "Idempotency-Key: "), 400, "Idempotency-Key must have between 1 and 255 characters"},
		{"Idempotency-Key twice", post("/v1/groups", `{"members":["bob"]}`, "Idempotency-Key: a", "Idempotency-Key: a"), 400, "Idempotency-Key is given more than once"},
	}
	h := newAPI(t, newFake().options())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := tt.call.do(h)
			p := problemOf(t, w)
			var got []string
			if p.Errors != nil {
				for _, e := range *p.Errors {
					got = append(got, fmt.Sprintf("%s %s", e.Pointer, e.Detail))
				}
			}
			if w.Code != tt.status {
				t.Errorf("status %d, want %d", w.Code, tt.status)
			}
			if diff := cmp.Diff(tt.errors, strings.Join(got, "\n")); diff != "" {
				t.Error(diff)
			}
			for _, leak := range []string{"Schema", "json:", "api.", "Go ", "float64", "strconv"} {
				if strings.Contains(w.Body.String(), leak) {
					t.Errorf("%q leaks: %s", leak, w.Body)
				}
			}
		})
	}
}

func TestGoodInput_IsTaken(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]request{
		"charset":            post("/v1/messages", sendHi.body, "Content-Type: Application/JSON; Charset=UTF-8"),
		"white space around": post("/v1/messages", "\n"+sendHi.body+"\n"),
		"escaped path id":    {"PUT", "/v1/users/bob%40x", `{}`, []string{asApp}},
		"plain path id":      {"PUT", "/v1/users/bob@x+y", `{}`, []string{asApp}},
		"escaped batch":      {"PUT", "/v1/users/a%2Bb%2e", `{}`, []string{asApp}},
		"conversation id":    get("/v1/conversations/user%3Abob%40x/messages"),
		"me":                 get("/v1/users/me"),
		"me escaped":         get("/v1/users/%6De"),
		"me by an app key":   {"GET", "/v1/users/me", "", []string{asApp, forBob}},
		"device me":          get("/v1/devices/me"),
		"a long number":      post("/v1/messages", `{"to":{"user_id":"bob"},"type":"custom","content":{"n":1e400}}`),
		"a body on GET":      {"GET", "/v1/users/me", `whatever`, []string{asAlice}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake()
			if w := call.do(newAPI(t, f.options())); w.Code >= 300 {
				t.Errorf("status %d: %s", w.Code, w.Body)
			}
			for escaped, id := range map[string]domain.UserID{"bob%40x": "bob@x", "bob@x+y": "bob@x+y", "a%2Bb%2e": "a+b."} {
				if _, stored := f.users[id]; strings.HasSuffix(call.path, "/"+escaped) && !stored {
					t.Errorf("%s did not become %s", call.path, id)
				}
			}
		})
	}
}
