package e2e

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// happening is what an entry tells of a message.
type happening struct {
	Code int
	Data struct {
		By      string
		Message string `json:"message_id"`
		Seq     int64  `json:"message_seq"`
		Content struct{ Text string }
	}
}

// A device that is connected hears of a recall and of an edit at once, and one that
// comes later finds nothing of what was there before.
func TestWS_RecallsAndEditsArePushedAndStay(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		for _, enc := range []wire.Encoding{wire.JSON, wire.Proto} {
			t.Run(enc.String(), func(t *testing.T) {
				t.Parallel()
				recallAndEditOn(t, newApp(t, g, "alice", "bob"), enc)
			})
		}
	})
}

func recallAndEditOn(t *testing.T, a app, enc wire.Encoding) {
	t.Helper()
	bob, alice := a.connect(t, "bob", enc, nil), a.connect(t, "alice", enc, nil)
	sent := alice.ask(&wire.ClientFrame{Body: sendFrame("bob", "secret", "")}).GetSent()
	path := "/v1/messages/" + sent.GetMessageId()

	original := bob.message()
	a.as("alice").do(t, "PATCH", path, object{"content": object{"text": "other"}}).want(t, 200)
	edit := bob.message()
	a.as("alice").post(t, path+"/recall", nil).want(t, 200)
	recall := bob.message()
	for i, m := range []*wire.Message{edit, recall} {
		got := read[happening](t, answer{body: m.GetContent()})
		want := happening{Code: []int{301, 300}[i]}
		want.Data.By, want.Data.Message, want.Data.Seq = "alice", sent.GetMessageId(), 1
		want.Data.Content.Text = []string{"other", ""}[i]
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("bob hears (-want +got):\n%s", diff)
		}
		if m.GetSeq() != original.GetSeq()+int64(i)+1 || m.GetConversationId() != "user:alice" || m.GetType() != "command" {
			t.Errorf("bob hears %v", m)
		}
		if other := alice.message(); other.GetConversationId() != "user:bob" || string(other.GetContent()) != string(m.GetContent()) {
			t.Errorf("alice hears %v", other)
		}
	}

	zero := int64(0)
	late := a.connect(t, "bob", enc, &zero)
	first, second, third := late.message(), late.message(), late.message()
	if first.GetStatus() != "recalled" || string(first.GetContent()) != "{}" || first.GetMessageId() != sent.GetMessageId() || first.GetEditedAt() == 0 {
		t.Errorf("replayed %v", first)
	}
	if all := string(second.GetContent()) + string(third.GetContent()); strings.Contains(all, "secret") || strings.Contains(all, "other") || !strings.Contains(all, "edited_at") {
		t.Errorf("replayed %s", all)
	}
}

func TestMessages_WhatIsRefusedChangesNothing(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		users := []string{"alice", "bob", "carol"}
		a := newApp(t, g, users...)
		a.newGroup(t, "team", "bob", "alice")
		a.admin().do(t, "PATCH", "/v1/apps/"+a.id, object{"settings": object{"recall_window_seconds": 0}}).want(t, 200)
		other := newApp(t, g, "alice", "bob")
		send := func(body object) string {
			return "/v1/messages/" + read[client.SentMessage](t, a.as("alice").post(t, "/v1/messages", body).want(t, 201)).MessageId
		}
		chat, group := send(text("bob", "chat")), send(groupText("team", "group"))
		recall := func(c caller, path string) answer { return c.post(t, path+"/recall", nil) }
		edit := func(c caller, path string, content any) answer {
			return c.do(t, "PATCH", path, object{"content": content})
		}
		hello := object{"text": "hello"}
		a.changesNothing(t, users, []string{"team"}, func() {
			for _, path := range []string{chat, group} {
				recall(a.as("alice"), path).refused(t, 403, "too_late")
				edit(a.as("bob"), path, hello).refused(t, 403, "forbidden")
				for _, stranger := range []caller{a.as("carol"), other.as("alice"), other.back()} {
					stranger.get(t, path).refused(t, 404, "message_not_found")
					stranger.get(t, path+"/edits").refused(t, 404, "message_not_found")
					recall(stranger, path).refused(t, 404, "message_not_found")
					edit(stranger, path, hello).refused(t, 404, "message_not_found")
				}
				for _, content := range []any{object{}, object{"text": ""}, object{"text": 1}, object{"text": "x", "more": 1}, "x"} {
					edit(a.as("alice"), path, content).refused(t, 400, "bad_request")
				}
				edit(a.as("alice"), path, object{"text": strings.Repeat("x", 65536)}).refused(t, 413, "too_large")
			}
			recall(a.as("bob"), chat).refused(t, 403, "forbidden")
			recall(a.admin(), chat).refused(t, 403, "forbidden")
			recall(a.as("alice"), "/v1/messages/x").refused(t, 400, "bad_request")
		})
		recall(a.as("bob"), group).want(t, 200) // the owner
		recall(a.back(), chat).want(t, 200)
		a.changesNothing(t, users, []string{"team"}, func() {
			for _, path := range []string{chat, group} {
				recall(a.back(), path).refused(t, 409, "message_recalled")
				edit(a.as("alice"), path, hello).refused(t, 409, "message_recalled")
			}
		})
	})
}
