package handlers

import (
	"net/url"
	"strings"
	"testing"

	"github.com/gim-im/gim/domain"
)

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
