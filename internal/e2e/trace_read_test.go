package e2e

import (
	"testing"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// The trace knows an event stream by its device, and what its user has read.
func TestTrace_OfEventStreamsAndReading(t *testing.T) {
	onTracingPairs(t, func(t *testing.T, g1, g2 *gimtest.Gim) {
		a := newApp(t, g1, "alice", "bob", "carol")
		a.newGroup(t, "team", "alice", "bob", "carol")
		a.newLarge(t, "news", object{}, "alice", "bob", "carol")
		alice := a.as("alice")
		token := a.token(t, "bob", object{"device": object{"type": "web"}})
		bob := openSSE(t, g2.URL, token.Token, "")
		a.waitOnline(t, "bob", 1)
		// A node that has only just come to know the others does not know all.
		probe := read[client.SentMessage](t, alice.post(t, "/v1/messages", text("bob", "first")).want(t, 201))
		alice.trace(t, probe.MessageId, written(1))
		pushed := func() *wire.Message { // past the signals that tell of bob's own reading
			for {
				f, err := bob.read()
				if err != nil {
					t.Fatal(err)
				}
				if messages := f.GetPush().GetMessages(); len(messages) > 0 {
					return messages[0]
				}
			}
		}
		pushed()
		for conversation, tt := range map[string]struct {
			send   object
			others []string
		}{
			"user:alice": {text("bob", "hi"), nil},
			"group:team": {groupText("team", "hi"), []string{"carol stored offline"}},
			"group:news": {groupText("news", "hi"), []string{"carol stored offline"}},
		} {
			sent := read[client.SentMessage](t, alice.post(t, "/v1/messages", tt.send).want(t, 201))
			if m := pushed(); m.GetMessageId() != sent.MessageId {
				t.Fatalf("%s: got %v", conversation, m)
			}
			trace := alice.trace(t, sent.MessageId, written(1))
			wantSteps(t, trace, append([]string{"alice sent", "bob written sse"}, tt.others...)...)
			for _, s := range trace.Items {
				if s.UserId != "bob" {
					continue
				}
				d := s.Devices[0]
				if len(s.Devices) != 1 || d.DeviceId != *token.DeviceId || len(d.Writes) != 1 ||
					d.Writes[0].WrittenAt.Before(trace.AcceptedAt) || d.Writes[0].WrittenAt.After(time.Now()) {
					t.Errorf("%s: %s", conversation, marshal(t, s))
				}
			}
			path := "/v1/conversations/" + conversation + "/read"
			for _, step := range []struct {
				seq     int64
				reached string
			}{{sent.ConversationSeq - 1, "written"}, {sent.ConversationSeq, "read"}} {
				a.as("bob").on(g2).put(t, path, object{"conversation_seq": step.seq}).want(t, 200)
				wantSteps(t, alice.trace(t, sent.MessageId, written(1)), append([]string{"alice sent", "bob " + step.reached + " sse"}, tt.others...)...)
			}
		}
	})
}
