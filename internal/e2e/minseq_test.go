package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

// Who has the positions that a write answered with reads it on any node.
func TestMinSeq_ReadsYourWrites(t *testing.T) {
	onPairs(t, func(t *testing.T, g1, g2 *gimtest.Gim) {
		a := newApp(t, g1, "alice", "bob")
		a.newLarge(t, "news", object{}, "alice", "bob")
		here, there := a.as("alice"), a.as("alice").on(g2)
		for i := range 20 {
			sent := read[client.SentMessage](t, here.post(t, "/v1/messages", text("bob", fmt.Sprint(i))).want(t, 201))
			page := there.sync(t, fmt.Sprintf("&after=%d&min_seq=%d", *sent.Seq-1, *sent.Seq))
			if len(page.Items) != 1 || page.Items[0].MessageId != sent.MessageId {
				t.Fatalf("sync has %+v, want %s", page.Items, sent.MessageId)
			}
			newest := there.history(t, "user:bob", fmt.Sprintf("limit=1&min_seq=%d", sent.ConversationSeq))
			if newest.Items[0].MessageId != sent.MessageId {
				t.Fatalf("the history ends with %+v, want %s", newest.Items, sent.MessageId)
			}
			sent = read[client.SentMessage](t, here.post(t, "/v1/messages", groupText("news", fmt.Sprint(i))).want(t, 201))
			newest = there.history(t, "group:news", fmt.Sprintf("limit=1&min_seq=%d", sent.ConversationSeq))
			if newest.Items[0].MessageId != sent.MessageId {
				t.Fatalf("the group's ends with %+v, want %s", newest.Items, sent.MessageId)
			}
		}
		// What comes while somebody waits for it.
		got := make(chan answer, 1)
		head := there.sync(t, "").HeadSeq
		go func() { got <- there.get(t, fmt.Sprintf("/v1/sync?after=%d&min_seq=%d", head, head+1)) }() // ends with the answer
		here.post(t, "/v1/messages", text("bob", "late")).want(t, 201)
		if page := read[client.SyncPage](t, (<-got).want(t, 200)); page.HeadSeq != head+1 {
			t.Errorf("woken with %+v", page)
		}
	})
}

func TestMinSeq_ThatIsNowhere(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		a.as("alice").post(t, "/v1/messages", text("bob", "hi")).want(t, 201)
		for _, path := range []string{"/v1/sync?min_seq=2", "/v1/conversations/user:bob/messages?min_seq=2"} {
			started := time.Now()
			p := a.as("alice").get(t, path).refused(t, 503, "unavailable")
			if took := time.Since(started); !p.Retryable || took > 20*time.Second {
				t.Errorf("%s: %+v after %s", path, p, took)
			}
		}
		for _, query := range []string{"min_seq=-1", "min_seq=x", "min_seq=1&min_seq=1", "min_seq=9223372036854775808"} {
			a.as("alice").get(t, "/v1/sync?"+query).refused(t, 400, "bad_request")
			a.as("alice").get(t, "/v1/conversations/user:bob/messages?"+query).refused(t, 400, "bad_request")
		}
		a.as("alice").get(t, "/v1/sync?epoch=stale&min_seq=2").refused(t, 409, "resync_required")
	})
}
