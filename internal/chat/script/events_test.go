package script_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/chat"
	"github.com/gim-im/gim/internal/chat/script"
	"github.com/gim-im/gim/wire"
)

// told is a session that is told things, without a server.
type told struct {
	script.Session
	events chan chat.Event
	fresh  bool
}

func (s *told) Events() <-chan chat.Event         { return s.events }
func (*told) Take(chat.Event) error               { return nil }
func (s *told) Progress() (have, head int64)      { return 0, int64(len(s.events)) }
func (*told) UnderWay() int                       { return 0 }
func (s *told) Fresh() bool                       { return s.fresh }
func (*told) Notes() []string                     { return nil }
func (*told) Go(func(context.Context) chat.Event) {}

// printed is what is printed of some messages.
func printed(t *testing.T, asJSON bool, messages ...*wire.Message) string {
	t.Helper()
	return printedOf(t, &told{}, &wire.SignedIn{UserId: "alice"}, asJSON, messages...)
}

func printedOf(t *testing.T, s *told, in *wire.SignedIn, asJSON bool, messages ...*wire.Message) string {
	t.Helper()
	events := make(chan chat.Event, 2)
	s.events = events
	events <- chat.Changed{State: client.State{Phase: client.Connected, SignedIn: in}}
	events <- chat.Arrived{Page: messages}
	var out, beside bytes.Buffer
	err := script.Run(t.Context(), script.Options{
		Session: s, In: strings.NewReader(""), Out: &out, Err: &beside, JSON: asJSON, Location: time.FixedZone("", 3600),
	})
	if err != nil {
		t.Error(err)
	}
	return out.String()
}

func event(seq int64, content string) *wire.Message {
	return &wire.Message{
		Seq: seq, ConversationId: "group:team", MessageId: "m1", ConversationSeq: seq, Sender: &wire.Sender{Type: "system"}, Type: "command",
		Content: []byte(content), SentAt: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC).UnixMilli(), Status: "normal",
	}
}

func TestScript_EventsPassThroughAsJSON(t *testing.T) {
	t.Parallel()
	contents := []string{
		`{"code":102,"data":{"by":"alice","user_ids":["carol"],"later":[1]}}`, `{"code":999,"data":{"x":1}}`, `{"code":1001,"data":{}}`,
	}
	var messages []*wire.Message
	for i, content := range contents {
		messages = append(messages, event(int64(i+1), content))
	}
	var got []string
	for line := range strings.Lines(printed(t, true, messages...)) {
		var e struct {
			Event   string
			Message struct {
				Seq     int64
				Sender  map[string]any
				Type    string
				Content json.RawMessage
			}
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if m := e.Message; e.Event == "message" {
			got = append(got, string(m.Content))
			if m.Seq != int64(len(got)) || m.Type != "command" || len(m.Sender) != 1 || m.Sender["type"] != "system" {
				t.Errorf("printed %s", line)
			}
		}
	}
	if diff := cmp.Diff(contents, got); diff != "" {
		t.Errorf("contents (-want +got):\n%s", diff)
	}
}

func TestScript_EventsAreLinesOfText(t *testing.T) {
	t.Parallel()
	got := printed(t, false,
		event(1, `{"code":102,"data":{"by":"alice","user_ids":["carol"]}}`), event(2, `{"code":999}`),
		event(3, `{"code":106,"data":{"user_id":"carol\u001b","mute_until":"2026-11-26T12:00:00.000Z"}}`), event(4, `{"code":1001}`),
	)
	want := `2026-11-25 13:00:00 group:team system: alice added carol
2026-11-25 13:00:00 group:team system: carol␛ was muted until 2026-11-26 13:00:00
2026-11-25 13:00:00 group:team system: [command 1001]
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestScript_TheFirstTimeNothingOfThePastIsPrinted has a log and a large group.
func TestScript_TheFirstTimeNothingOfThePastIsPrinted(t *testing.T) {
	t.Parallel()
	text := func(seq, n int64, text string) *wire.Message {
		m := event(seq, `{"text":"`+text+`"}`)
		m.ConversationSeq, m.Type, m.To = n, "text", &wire.Target{GroupId: "team"}
		return m
	}
	in := &wire.SignedIn{UserId: "alice", HeadSeq: 7, Groups: []*wire.GroupHead{{GroupId: "team", Head: 4}}}
	got := printedOf(t, &told{fresh: true}, in, false, text(7, 1, "old"), text(0, 4, "old"), text(0, 5, "new"), text(0, 0, "passing"), text(8, 1, "new"))
	want := `2026-11-25 13:00:00 group:team system: new
2026-11-25 13:00:00 group:team system: passing
2026-11-25 13:00:00 group:team system: new
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
