package e2e

import (
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/internal/gimtest"
)

// found is a page of a search.
type found struct {
	Items []struct {
		ID           string `json:"message_id"`
		Conversation string `json:"conversation_id"`
		Content      struct{ Text string }
	}
	Next *string `json:"next_cursor"`
}

// searched returns what a caller finds, page by page of two, newest first.
func searched(t *testing.T, c caller, query url.Values) []string {
	t.Helper()
	all := []string{}
	query.Set("limit", "2")
	for {
		page := read[found](t, c.get(t, "/v1/messages/search?"+query.Encode()).want(t, 200))
		for _, m := range page.Items {
			all = append(all, m.Conversation+" "+m.Content.Text)
		}
		if page.Next == nil {
			return all
		}
		query.Set("cursor", *page.Next)
	}
}

// finds waits until a caller finds something: messages are indexed behind their commit.
func finds(t *testing.T, c caller, query url.Values, want ...string) {
	t.Helper()
	var got []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		query.Del("cursor")
		if got = searched(t, c, query); slices.Equal(got, want) {
			return
		}
	}
	t.Errorf("%s (-want +got):\n%s", query.Encode(), cmp.Diff(want, got))
}

func TestREST_SearchFindsOnesMessages(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob", "carol")
		a.back().post(t, "/v1/groups", object{"group_id": "big", "type": "large", "members": []string{"alice", "bob"}}).want(t, 201)
		send := func(by caller, to object, text string) string {
			return read[struct {
				ID string `json:"message_id"`
			}](t, by.post(t, "/v1/messages", object{"to": to, "type": "text", "content": object{"text": text}}).want(t, 201)).ID
		}
		chat := send(a.as("alice"), object{"user_id": "bob"}, "Lunch in 北京烤鸭店?")
		group := send(a.as("bob"), object{"group_id": "big"}, "LUNCH is at noon, Café Zoë")
		q := func(pairs ...string) url.Values {
			v := url.Values{}
			for i := 0; i < len(pairs); i += 2 {
				v.Set(pairs[i], pairs[i+1])
			}
			return v
		}
		finds(t, a.as("alice"), q("q", "lunch"), "group:big LUNCH is at noon, Café Zoë", "user:bob Lunch in 北京烤鸭店?")
		finds(t, a.as("bob"), q("q", "烤鸭"), "user:alice Lunch in 北京烤鸭店?")
		finds(t, a.as("bob"), q("q", "zoe cafe", "conversation_id", "group:big", "sender", "bob", "type", "text"), "group:big LUNCH is at noon, Café Zoë")
		finds(t, a.as("bob"), q("q", "lunch", "to", "2026-01-01T00:00:00Z"))
		finds(t, a.as("carol"), q("q", "lunch"))
		a.as("carol").get(t, "/v1/messages/search?q=lunch&conversation_id=group:big").refused(t, 403, "not_in_group")
		a.as("carol").get(t, "/v1/messages/search?q=%22*%20-").refused(t, 400, "bad_request")
		a.back().get(t, "/v1/messages/search?q=lunch").refused(t, 403, "forbidden")

		a.as("alice").do(t, "PATCH", "/v1/messages/"+chat, object{"content": object{"text": "Dinner"}}).want(t, 200)
		a.as("bob").post(t, "/v1/messages/"+group+"/recall", nil).want(t, 200)
		finds(t, a.as("bob"), q("q", "lunch"))
		finds(t, a.as("bob"), q("q", "dinner"), "user:alice Dinner")

		other := newApp(t, g, "alice", "bob")
		finds(t, other.as("alice"), q("q", "dinner"))
		for i := range 3 {
			send(other.as("bob"), object{"user_id": "alice"}, fmt.Sprint("dinner ", i))
		}
		finds(t, other.as("alice"), q("q", "dinner"), "user:bob dinner 2", "user:bob dinner 1", "user:bob dinner 0")
		finds(t, a.as("bob"), q("q", "dinner"), "user:alice Dinner")
	})
}
