package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

// write is a call by alice that makes entries.
type write struct {
	method, path string
	body         any
	conversation string // that they are in, as she reads it; "" when she cannot
	inLog        bool   // her own log has them
}

// Every write tells the positions that it made, and who has them reads what it wrote on
// any node.
func TestPositions_OfEveryWriteAreReadOnAnyNode(t *testing.T) {
	onPairs(t, func(t *testing.T, g1, g2 *gimtest.Gim) {
		a := newApp(t, g1, "alice", "bob", "carol", "dave")
		a.newGroup(t, "team", "alice", "bob")
		a.newLarge(t, "news", object{}, "alice", "bob")
		a.back().do(t, "PATCH", "/v1/groups/team", object{"settings": object{"join": "approval"}}).want(t, 200)
		a.as("dave").put(t, "/v1/groups/team/join-requests/me", object{}).want(t, 201)
		own := read[client.SentMessage](t, a.as("alice").post(t, "/v1/messages", text("bob", "hi")).want(t, 201))
		alice := a.as("alice")
		for _, w := range []write{
			{"POST", "/v1/messages", text("bob", "hello"), "user:bob", true},
			{"POST", "/v1/messages", groupText("team", "hello"), "group:team", true},
			{"POST", "/v1/messages", groupText("news", "hello"), "group:news", false},
			{"PATCH", "/v1/messages/" + own.MessageId, object{"content": object{"text": "new"}}, "user:bob", true},
			{"POST", "/v1/messages/" + own.MessageId + "/recall", nil, "user:bob", true},
			{"POST", "/v1/groups", object{"group_id": "mine", "members": []string{"bob"}}, "group:mine", true},
			{"POST", "/v1/groups", object{"group_id": "crowd", "type": "large"}, "group:crowd", true},
			{"PATCH", "/v1/groups/mine", object{"name": "Ours"}, "group:mine", true},
			{"PATCH", "/v1/groups/crowd", object{"name": "Crowd"}, "group:crowd", false},
			{"POST", "/v1/groups/mine/members", object{"user_ids": []string{"carol"}}, "group:mine", true},
			{"PUT", "/v1/groups/mine/members/dave", nil, "group:mine", true},
			{"PATCH", "/v1/groups/mine/members/bob", object{"role": "admin"}, "group:mine", true},
			{"PATCH", "/v1/groups/mine/members/carol", object{"mute_until": "2099-01-01T00:00:00Z"}, "group:mine", true},
			{"PATCH", "/v1/groups/mine", object{"settings": object{"mute_all": true}}, "group:mine", true},
			{"DELETE", "/v1/groups/mine/members/carol", nil, "group:mine", true},
			{"PATCH", "/v1/groups/mine", object{"type": "large"}, "group:mine", true},
			{"PUT", "/v1/groups/team/members/dave", nil, "group:team", true}, // which takes the request
			{"PATCH", "/v1/groups/mine/members/bob", object{"role": "owner"}, "group:mine", false},
			{"DELETE", "/v1/groups/mine/members/me", nil, "", true},
			{"DELETE", "/v1/groups/crowd", nil, "group:crowd", false},
			{"PUT", "/v1/contacts/carol", object{"message": "It is me."}, "business", true},
			{"PUT", "/v1/contacts/carol", object{"accepted": true}, "business", true},
			{"PATCH", "/v1/contacts/carol", object{"remark": "C"}, "business", true},
			{"DELETE", "/v1/contacts/carol", nil, "business", true},
		} {
			t.Run(w.method+" "+w.path, func(t *testing.T) { w.reads(t, alice, alice.on(g2)) })
		}
		for _, w := range []write{ // which make none
			{"PATCH", "/v1/groups/team", object{}, "", false},
			{"PUT", "/v1/conversations/group:team/read", object{"conversation_seq": 1}, "", false},
			{"DELETE", "/v1/contacts/carol", nil, "", false},
			{"GET", "/v1/sync", nil, "", false},
		} {
			if got := alice.do(t, w.method, w.path, w.body); got.header.Get("Gim-Seq")+got.header.Get("Gim-Conversation-Seq") != "" {
				t.Errorf("%s %s tells %v", w.method, w.path, got.header)
			}
		}
	})
}

// reads makes the write at one node and reads what it made at another.
func (w write) reads(t *testing.T, here, there caller) {
	t.Helper()
	before := here.sync(t, "").HeadSeq
	got := here.do(t, w.method, w.path, w.body)
	if got.status >= 300 {
		t.Fatalf("%s %s: %d %s", w.method, w.path, got.status, got.body)
	}
	seq, conversationSeq := client.Made(&http.Response{Header: got.header})
	if w.inLog != (seq > before) || !w.inLog && seq != 0 {
		t.Errorf("%s %s tells %d of the log, which had %d", w.method, w.path, seq, before)
	}
	var last client.Message
	if w.inLog {
		page := there.sync(t, fmt.Sprintf("&after=%d&min_seq=%d", seq-1, seq))
		if len(page.Items) != 1 || page.Items[0].ConversationSeq != conversationSeq {
			t.Errorf("%s %s tells %d and %d, the log has %+v", w.method, w.path, seq, conversationSeq, page.Items)
			return
		}
		last = page.Items[0]
	}
	if w.conversation == "" {
		return
	}
	page := there.history(t, w.conversation, fmt.Sprintf("limit=1&min_seq=%d", conversationSeq))
	if len(page.Items) == 0 && w.path == "/v1/groups" {
		return // the beginning of a large group is not in its history
	}
	if len(page.Items) != 1 || page.Items[0].ConversationSeq != conversationSeq || w.inLog && page.Items[0].MessageId != last.MessageId {
		t.Errorf("%s %s tells %d, the history ends with %+v", w.method, w.path, conversationSeq, page.Items)
	}
}
