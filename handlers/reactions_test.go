package handlers

import (
	"net/url"
	"strings"
	"testing"

	"github.com/gim-im/gim/domain"
)

func TestMessages_AnswerAndForwardOthers(t *testing.T) {
	t.Parallel()
	path := "/v1/messages/" + storedID
	f := newFake()
	send := func(reply string) request {
		return request{"POST", "/v1/messages", `{"to":{"user_id":"bob"},"type":"text","content":{"text":"x"},"reply_to":"` + reply + `"}`, []string{asAlice}}
	}
	forward := func(path, body string) request { return request{"POST", path + "/forward", body, []string{asAlice}} }
	for _, tt := range []struct {
		call   request
		status int
		part   string
	}{
		{send(storedID), 201, ""},
		{forward(path, `{"to":{"user_id":"bob"},"client_msg_id":"c"}`), 201, ""},
		{send("x"), 400, `"pointer":"/reply_to"`},
		{send(strings.ToUpper(storedID)), 400, `"pointer":"/reply_to"`},
		{forward(path, `{}`), 400, `"pointer":"/to"`},
		{forward(path, `{"to":{}}`), 400, `"pointer":"/to"`},
		{forward(path, `{"to":{"user_id":"bob"},"content":{}}`), 400, `"pointer":"/content"`},
		{forward("/v1/messages/x", `{"to":{"user_id":"bob"}}`), 400, `"pointer":"message_id"`},
		{forward("/v1/messages/"+string(domain.NewMessageID(testTime, 5, 4)), `{"to":{"user_id":"bob"}}`), 404, `"code":"message_not_found"`},
	} {
		w := tt.call.do(newAPI(t, f.options()))
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.part) {
			t.Errorf("%s %s: %d %s, want %d with %s", tt.call.path, tt.call.body, w.Code, w.Body, tt.status, tt.part)
		}
		if m := f.outgoing.Message; tt.status == 201 && m.ReplyTo != domain.MessageID(storedID) && (!m.Forwarded || string(m.Content) != `{"text":"<hi>"}`) {
			t.Errorf("%s: sent as %+v", tt.call.path, m)
		}
	}
}

func TestReactions_AreGivenTakenBackAndListed(t *testing.T) {
	t.Parallel()
	path := "/v1/messages/" + storedID + "/reactions"
	call := func(method, reaction string, header ...string) request {
		return request{method, path + "/" + url.PathEscape(reaction), "", header}
	}
	for _, tt := range []struct {
		call   request
		status int
		part   string
	}{
		{call("PUT", "👍", asAlice), 200, `"reactions":[{"count":2,"me":true,"reaction":"😀"},{"count":1,"me":true,"reaction":"👍"}]`},
		{call("PUT", "#️⃣", asAlice), 200, `{"count":1,"me":true,"reaction":"#️⃣"}`},
		{call("PUT", "*⃣", asAlice), 200, `{"count":1,"me":true,"reaction":"*⃣"}`},
		{call("PUT", "😀", asAlice), 200, `"reactions":[{"count":2,"me":true,"reaction":"😀"}]`},
		{call("PUT", "👍", asApp, forBob), 200, `"conversation_id":"user:alice"`},
		{call("DELETE", "😀", asAlice), 204, ""},
		{call("DELETE", "👍", asAlice), 404, `"code":"reaction_not_found"`},
		{get(path), 200, `{"items":[{"reacted_at":"2026-01-31T12:00:00.000Z","reaction":"👎","user_id":"bob"}],"next_cursor":"NA"}`},
		{get(path + "?reaction=" + url.QueryEscape("👍")), 200, `"reaction":"👎👍"`},

		{call("PUT", "👍", asApp), 403, `"code":"forbidden"`},
		{call("PUT", "a", asAlice), 400, `"pointer":"reaction"`},
		{call("PUT", "👍/👍", asAlice), 400, `"pointer":"reaction"`},
		{call("PUT", "\xff", asAlice), 400, `"pointer":"reaction"`},
		{call("PUT", strings.Repeat("👍", 17), asAlice), 400, `"pointer":"reaction"`},
		{call("DELETE", "👍👍", asAlice), 400, `"pointer":"reaction"`},
		{get(path + "?reaction=A"), 400, `"pointer":"reaction"`},
		{get(path + "?limit=0"), 400, `"pointer":"limit"`},
		{request{"PUT", "/v1/messages/x/reactions/👍", "", []string{asAlice}}, 400, `"pointer":"message_id"`},
		{request{"PUT", "/v1/messages/" + string(domain.NewMessageID(testTime, 5, 4)) + "/reactions/👍", "", []string{asAlice}}, 404, `"code":"message_not_found"`},
	} {
		w := tt.call.do(newAPI(t, newFake().options()))
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.part) {
			t.Errorf("%s %s: %d %s, want %d with %s", tt.call.method, tt.call.path, w.Code, w.Body, tt.status, tt.part)
		}
	}
}
