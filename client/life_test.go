package client_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/wire"
)

// listing serves pages of conversations by their query and says what was asked.
func listing(t *testing.T, pages map[string]string) (rest *client.ClientWithResponses, asked *[]string) {
	t.Helper()
	asked = &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query().Encode()
		*asked = append(*asked, query)
		page, known := pages[query]
		if !known {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusServiceUnavailable)
			page = `{"code":"unavailable","detail":"Not now.","retryable":true}`
		} else {
			w.Header().Set("Content-Type", "application/json")
		}
		_, _ = w.Write([]byte(page))
	}))
	t.Cleanup(server.Close)
	rest, err := client.NewREST(server.URL, "key")
	if err != nil {
		t.Fatal(err)
	}
	return rest, asked
}

func idsOf(list *client.ConversationChanges) (ids []string) {
	for _, c := range list.Items {
		ids = append(ids, c.ConversationId)
	}
	return ids
}

func TestConversations_ReadsTheWholeListAndWhatChangesFromItsFirstPage(t *testing.T) {
	t.Parallel()
	rest, _ := listing(t, map[string]string{
		"limit=100":          `{"items":[{"conversation_id":"a"},{"conversation_id":"b"}],"removed":[],"next_cursor":"2","changes":"first","total_unread":3}`,
		"cursor=2&limit=100": `{"items":[{"conversation_id":"a"},{"conversation_id":"c"}],"removed":[],"next_cursor":null,"changes":"later","total_unread":4}`,
	})
	list, err := rest.Conversations(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b", "a", "c"}, idsOf(list)); diff != "" || list.Changes != "first" || list.TotalUnread != 4 {
		t.Errorf("got %+v %s", list, diff)
	}
}

func TestConversations_FollowsChangesToTheEnd(t *testing.T) {
	t.Parallel()
	pages := map[string]string{
		"changed_since=one&limit=100":   `{"items":[{"conversation_id":"a"},{"conversation_id":"b"}],"removed":["c","d"],"next_cursor":"x","changes":"two","total_unread":1}`,
		"changed_since=two&limit=100":   `{"items":[{"conversation_id":"c"}],"removed":["a"],"next_cursor":"x","changes":"three","total_unread":2}`,
		"changed_since=three&limit=100": `{"items":[],"removed":[],"next_cursor":null,"changes":"four","total_unread":2}`,
	}
	rest, asked := listing(t, pages)
	list, err := rest.Conversations(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b", "c"}, idsOf(list)); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"d", "a"}, list.Removed); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	if list.Changes != "four" || list.TotalUnread != 2 || len(*asked) != 3 {
		t.Errorf("got %+v after %q", list, *asked)
	}

	delete(pages, "changed_since=three&limit=100")
	if list, err := rest.Conversations(t.Context(), "one"); list != nil || !isRefusal(err, "unavailable") {
		t.Errorf("an error on the way gives %+v, %v", list, err)
	}
}

func isRefusal(err error, code string) bool {
	refused, ok := errors.AsType[*client.Error](err)
	return ok && refused.Code == code
}

func TestChangeOf_KnowsWhatBecomesOfMessagesOnly(t *testing.T) {
	t.Parallel()
	message := func(sender, kind, content string) *wire.Message {
		return &wire.Message{ConversationId: "c", Sender: &wire.Sender{Type: sender}, Type: kind, Content: []byte(content)}
	}
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		message *wire.Message
		news    int64 // 0: none
		want    *client.Change
	}{
		"a recall": {
			message("user", "command", `{"code":300,"data":{"by":"bob","message_id":"m","message_seq":7}}`), 300,
			&client.Change{MessageID: "m", MessageSeq: 7, ConversationID: "c", By: "bob", Recalled: true},
		},
		"an edit": {
			message("business", "command", `{"code":301,"data":{"message_id":"m","message_seq":7,"content":{"text":"b"},"edited_at":"2026-01-31T12:00:00.000Z"}}`), 301,
			&client.Change{MessageID: "m", MessageSeq: 7, ConversationID: "c", Content: json.RawMessage(`{"text":"b"}`), EditedAt: at},
		},
		"an edit of before another": {
			message("user", "command", `{"code":301,"data":{"message_id":"m","message_seq":7,"edited_at":"2026-01-31T12:00:00Z"}}`), 301,
			&client.Change{MessageID: "m", MessageSeq: 7, ConversationID: "c", EditedAt: at},
		},
		"a reaction": {
			message("user", "command", `{"code":302,"data":{"by":"bob","message_id":"m","message_seq":7,"reaction":"👍","count":3}}`), 302,
			&client.Change{MessageID: "m", MessageSeq: 7, ConversationID: "c", By: "bob", Reaction: "👍", Count: 3},
		},
		"the last of a reaction taken back": {
			message("user", "command", `{"code":303,"data":{"by":"bob","message_id":"m","message_seq":7,"reaction":"+1","count":0}}`), 303,
			&client.Change{MessageID: "m", MessageSeq: 7, ConversationID: "c", By: "bob", Reaction: "+1", TakenBack: true},
		},
		"a deletion, told in another conversation": {
			message("system", "command", `{"code":304,"data":{"message_id":"m","message_seq":7,"conversation_id":"user:bob"}}`), 304,
			&client.Change{MessageID: "m", MessageSeq: 7, ConversationID: "user:bob", Deleted: true},
		},
		"news of a message that are not known": {message("user", "command", `{"code":305,"data":{"message_id":"m"}}`), 305, nil},
		"news of a group":                      {message("system", "command", `{"code":103,"data":{"user_id":"bob"}}`), 103, nil},
		"a group's code by a user":             {message("user", "command", `{"code":103}`), 0, nil},
		"a command of the business":            {message("business", "command", `{"code":1000}`), 0, nil},
		"a text":                               {message("user", "text", `{"text":"a","code":300}`), 0, nil},
		"a broken one":                         {message("user", "command", `[300]`), 0, nil},
		"one with broken data":                 {message("user", "command", `{"code":300,"data":[]}`), 300, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, client.ChangeOf(tt.message)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			news := client.NewsOf(tt.message)
			if (news == nil) != (tt.news == 0) || news != nil && news.Code != tt.news {
				t.Errorf("news %+v, want code %d", news, tt.news)
			}
		})
	}
}

func TestPositionOf_IsThatOfReadAndDeliveredSignals(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		kind, data string
		seq        int64
		ok         bool
	}{
		"read":         {client.KindRead, `{"conversation_seq":12}`, 12, true},
		"delivered":    {client.KindDelivered, `{"conversation_seq":13}`, 13, true},
		"without data": {client.KindRead, `{}`, 0, false},
		"broken":       {client.KindRead, `12`, 0, false},
		"typing":       {client.KindTyping, `{"conversation_seq":12}`, 0, false},
	}
	for name, tt := range tests {
		seq, ok := client.PositionOf(&wire.PushedSignal{Kind: tt.kind, Data: []byte(tt.data)})
		if seq != tt.seq || ok != tt.ok {
			t.Errorf("%s: %d, %t", name, seq, ok)
		}
	}
}
