package handlers

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/domain"
)

// Search finds a message of bob's, and has more.
func (f *fake) Search(_ context.Context, _ domain.AppNum, _ domain.UserRef, s domain.Search, p domain.Page) (domain.List[*domain.Message], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.search = s; s.Query == "?" {
		return domain.List[*domain.Message]{}, domain.Invalid("q", "must have a word")
	}
	found := &domain.Message{
		ID: "m7", ConversationSeq: 7, Sender: domain.Sender{Type: domain.SenderUser, User: "bob"}, To: domain.Target{User: "alice"},
		Type: domain.ContentText, Content: []byte(`{"text":"<hi>"}`), SentAt: testTime, Status: domain.StatusNormal,
	}
	return domain.List[*domain.Message]{Items: []*domain.Message{found}, NextCursor: "next " + p.Cursor}, nil
}

func TestSearchMessages_AnswersAreAsDocumented(t *testing.T) {
	t.Parallel()
	f := newFake()
	h := newAPI(t, f.options())
	get := func(query string) request {
		return request{"GET", "/v1/messages/search?" + query, "", []string{asAlice}}
	}
	w := get("q=h%C3%AF+bob&conversation_id=group:team&sender=bob&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00.5Z&type=text&limit=3&cursor=eA").do(h)
	const want = `"content":{"text":"<hi>"},"conversation_id":"user:bob"`
	if w.Code != 200 || !strings.Contains(w.Body.String(), want) || !strings.Contains(w.Body.String(), `"next_cursor":"bmV4dCB4"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if diff := cmp.Diff(domain.Search{
		Query: "hï bob", Target: &domain.Target{Group: "team"}, Sender: "bob", From: from, To: from.Add(24*time.Hour + time.Second/2), Type: domain.ContentText,
	}, f.search); diff != "" {
		t.Errorf("the search (-want +got):\n%s", diff)
	}
	for query, field := range map[string]string{
		"":    "q",
		"q=":  "q",
		"q=?": "q",
		"q=" + strings.Repeat("x", domain.MaxQuery+1):           "q",
		"q=x&conversation_id=bob":                               "conversation_id",
		"q=x&sender=b%20b":                                      "sender",
		"q=x&type=noise":                                        "type",
		"q=x&from=yesterday":                                    "from",
		"q=x&from=2026-01-02T00:00:00Z&to=2026-01-02T00:00:00Z": "from",
		"q=x&limit=0":                                           "limit",
		"q=x&cursor=*":                                          "cursor",
	} {
		if w := get(query).do(h); w.Code != 400 || !strings.Contains(w.Body.String(), `"pointer":"`+field) {
			t.Errorf("%q: %d %s", query, w.Code, w.Body)
		}
	}
	o := newFake().options()
	o.Searches = domain.NewSearches(nil)
	if w := get("q=x").do(newAPI(t, o)); w.Code != 501 || !strings.Contains(w.Body.String(), `"code":"search_unavailable"`) {
		t.Errorf("without search: %d %s", w.Code, w.Body)
	}
}
