package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

func TestHistory_IsReadInBothDirections(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob", "carol")
		a.newGroup(t, "team", "alice", "bob")
		for i := range 7 {
			sender, receiver := "alice", "bob"
			if i%2 == 1 {
				sender, receiver = receiver, sender
			}
			a.as(sender).post(t, "/v1/messages", text(receiver, fmt.Sprint(i+1))).want(t, 201)
			if i > 0 { // the first entry of a group is its beginning
				a.as(sender).post(t, "/v1/messages", groupText("team", fmt.Sprint(i+1))).want(t, 201)
			}
		}
		readers := map[string]struct {
			c            caller
			conversation string
		}{
			"alice": {a.as("alice"), "user:bob"}, "bob": {a.as("bob"), "user:alice"},
			"a member": {a.as("bob"), "group:team"}, "the business": {a.back(), "group:team"},
		}
		for _, tt := range []struct {
			query string
			want  string
			more  bool
		}{
			{"", "1 2 3 4 5 6 7", false},
			{"limit=7", "1 2 3 4 5 6 7", false},
			{"limit=6", "2 3 4 5 6 7", true},
			{"limit=1", "7", true},
			{"before=8", "1 2 3 4 5 6 7", false},
			{"before=7&limit=3", "4 5 6", true},
			{"before=4&limit=3", "1 2 3", false},
			{"before=3&limit=3", "1 2", false},
			{"before=2&limit=1", "1", false},
			{"before=1", "", false},
			{"before=0", "", false},
			{"before=9223372036854775807&limit=2", "6 7", true},
			{"after=0&limit=3", "1 2 3", true},
			{"after=3&limit=3", "4 5 6", true},
			{"after=4&limit=3", "5 6 7", false},
			{"after=6", "7", false},
			{"after=7", "", false},
			{"after=9223372036854775807", "", false},
		} {
			for name, reader := range readers {
				page := reader.c.history(t, reader.conversation, tt.query)
				var numbers []string
				for _, m := range page.Items {
					number := fmt.Sprint(m.ConversationSeq)
					numbers = append(numbers, number)
					if said := texts(t, []client.Message{m}); len(said) > 0 && said[0] != number || m.ConversationId != reader.conversation || m.Seq != 0 {
						t.Errorf("%s, %s: %+v", name, tt.query, m)
					}
				}
				if got := strings.Join(numbers, " "); got != tt.want || page.HasMore != tt.more {
					t.Errorf("%s, %s: %q with has_more %v, want %q with %v", name, tt.query, got, page.HasMore, tt.want, tt.more)
				}
			}
		}
		// Nothing was said yet.
		for _, page := range []client.MessagePage{
			a.as("carol").history(t, "user:bob", ""), a.as("carol").history(t, "business", ""), a.back().history(t, "user:carol", ""),
		} {
			if len(page.Items) != 0 || page.HasMore {
				t.Errorf("a conversation that has not begun has %+v", page)
			}
		}
		a.as("carol").get(t, "/v1/conversations/user:ghost/messages").refused(t, 404, "user_not_found")
	})
}

func TestHistory_IsReadAroundAMessageFromATimeAndByTypeAndSender(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		var sent []client.SentMessage
		for i := range 9 {
			sender, receiver := "alice", "bob"
			if i%3 == 1 {
				sender, receiver = receiver, sender
			}
			body := text(receiver, fmt.Sprint(i+1))
			if i == 3 || i == 4 {
				body = object{"to": object{"user_id": receiver}, "type": "image", "content": object{"url": "https://example.com/i.png"}}
			}
			sent = append(sent, read[client.SentMessage](t, a.as(sender).post(t, "/v1/messages", body).want(t, 201)))
		}
		moment := func(i int) string { return sent[i].SentAt.UTC().Format("2006-01-02T15:04:05.000Z") }
		for _, tt := range []struct {
			query         string
			want          string
			before, after int64 // 0 for none
		}{
			{"around=5&limit=4", "3 4 5 6", 3, 6},
			{"around=5&limit=5", "3 4 5 6 7", 3, 7},
			{"around=2&limit=6", "1 2 3 4", 0, 4},
			{"around=9&limit=4", "7 8 9", 7, 0},
			{"around=5", "1 2 3 4 5 6 7 8 9", 0, 0},
			{"around=5&limit=1", "5", 5, 5},
			{"from=2001-01-01T00:00:00Z&limit=3", "1 2 3", 0, 3},
			{"from=2999-01-01T00:00:00%2B08:00", "", 0, 0},
			{"type=image", "4 5", 0, 0},
			{"type=image,command&limit=1", "5", 5, 0},
			{"type=image&after=0&limit=1", "4", 0, 4},
			{"type=voice", "", 0, 0},
			{"sender=bob", "2 5 8", 0, 0},
			{"sender=bob&type=image", "5", 0, 0},
			{"sender=bob&around=5&limit=2", "2 5", 0, 5},
			{"sender=nobody", "", 0, 0},
		} {
			page := a.as("bob").history(t, "user:alice", tt.query)
			var numbers []string
			for _, m := range page.Items {
				numbers = append(numbers, fmt.Sprint(m.ConversationSeq))
			}
			value := func(p *int64) int64 {
				if p == nil {
					return 0
				}
				return *p
			}
			got := []any{strings.Join(numbers, " "), value(page.NextBefore), value(page.NextAfter), page.HasMore}
			if diff := cmp.Diff([]any{tt.want, tt.before, tt.after, tt.before+tt.after > 0}, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.query, diff)
			}
		}
		from := moment(6)
		page := a.as("bob").history(t, "user:alice", "from="+from)
		if first := page.Items[0]; first.SentAt.Before(sent[6].SentAt) || first.ConversationSeq > 7 || len(page.Items) != 10-int(first.ConversationSeq) {
			t.Errorf("from %s: %+v", from, page.Items)
		}
	})
}

func TestHistory_OfAConversationIsContiguousWhileItGrows(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		all := together(40, func(i int) client.SentMessage {
			sender, receiver := "alice", "bob"
			if i%2 == 1 {
				sender, receiver = receiver, sender
			}
			got := a.as(sender).post(t, "/v1/messages", text(receiver, fmt.Sprint(i)))
			if got.status != 201 {
				t.Errorf("%d %s", got.status, got.body)
				return client.SentMessage{}
			}
			return read[client.SentMessage](t, got)
		})
		slices.SortFunc(all, func(a, b client.SentMessage) int { return int(a.ConversationSeq - b.ConversationSeq) })
		page := a.as("bob").history(t, "user:alice", "limit=200")
		var want, got []string
		for i, m := range all {
			if m.ConversationSeq != int64(i)+1 || *m.Seq != int64(i)+1 {
				t.Errorf("receipt %d is %+v", i, m)
			}
			want = append(want, m.MessageId)
		}
		for _, m := range page.Items {
			got = append(got, m.MessageId)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("history against receipts (-want +got):\n%s", diff)
		}
	})
}
