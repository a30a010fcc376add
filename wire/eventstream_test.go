package wire

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gim-im/gim/domain"
)

// fieldsOf reads one event as a client does, which must end with an empty line.
func fieldsOf(t *testing.T, raw []byte) map[string]string {
	t.Helper()
	lines, whole := strings.CutSuffix(string(raw), "\n\n")
	if !whole {
		t.Fatalf("the event does not end: %q", raw)
	}
	fields := make(map[string]string)
	for line := range strings.SplitSeq(lines, "\n") {
		name, value, ok := strings.Cut(line, ":")
		if _, twice := fields[name]; twice || !ok {
			t.Fatalf("the event has a bad line %q: %q", line, raw)
		}
		fields[name] = strings.TrimPrefix(value, " ")
	}
	return fields
}

func TestEventStream_HoldsTheJSONFrames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]map[string]string{
		"push":      {"event": "push", "id": "42"}, // the last message in it is in no log
		"signed_in": {"event": "signed_in"}, "signal": {"event": "signal"}, "presence": {"event": "presence"},
		"unsubscribed": {"event": "unsubscribed"}, "error": {"event": "error"},
		"closing": {"event": "closing", "retry": "1500"},
		"pong":    nil,
	} {
		appendTo := serverFrames()[name]
		got := fieldsOf(t, appendTo(nil, EventStream))
		if want == nil {
			if len(got) != 1 || got[""] != "" {
				t.Errorf("%s is %v, want a comment", name, got)
			}
			continue
		}
		want["data"] = string(appendTo(nil, JSON))
		for field, value := range want {
			if got[field] != value {
				t.Errorf("%s: %s is %q, want %q", name, field, got[field], value)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if got := fieldsOf(t, AppendPong(nil, EventStream, 7, 41)); len(got) != 1 || got[""] != "" {
		t.Errorf("a quick pong is %v", got)
	}
}

func TestEventStream_IdsAreEntriesOfTheLog(t *testing.T) {
	t.Parallel()
	group := Item{Body: NewBody(&domain.Message{
		Sender: domain.Sender{Type: domain.SenderUser, User: "alice"}, To: domain.Target{Group: "news"}, ConversationSeq: 12,
		Type: domain.ContentText, Content: []byte(`{"text":"line\nbreak"}`),
	})}
	if got, has := fieldsOf(t, AppendPush(nil, EventStream, []Item{group}))["id"]; has {
		t.Errorf("a push without an entry has the id %q", got)
	}
	f := &ServerFrame{Body: &ServerFrame_SignedIn{&SignedIn{HeadSeq: 9}}}
	if got := fieldsOf(t, AppendSignedIn(nil, EventStream, f, 4)); got["id"] != "4" || got["data"] != string(AppendFrame(nil, JSON, f)) {
		t.Errorf("signed in with %v", got)
	}
	if got := AppendSignedIn(nil, JSON, f, 4); !bytes.Equal(got, AppendFrame(nil, JSON, f)) {
		t.Errorf("in JSON: %s", got)
	}
}

func TestSignalBody_KeepsEachEncoding(t *testing.T) {
	t.Parallel()
	message := &PushedSignal{ConversationId: "user:bob", Sender: &Sender{Type: "user"}, Kind: "typing", Data: []byte(`{}`)}
	s := NewSignal(message)
	for range 2 {
		for _, enc := range []Encoding{JSON, Proto, EventStream} {
			want := AppendFrame(nil, enc, &ServerFrame{Body: &ServerFrame_Signal{message}})
			if got := s.Frame(enc); !bytes.Equal(got, want) {
				t.Errorf("%v: %q, want %q", enc, got, want)
			}
		}
	}
}

// What a stream hears from its own transport is JSON.
func TestEventStream_ReadsJSON(t *testing.T) {
	t.Parallel()
	if id, ok := PlainPing(EventStream, []byte(`{"ping":{}}`)); !ok || id != 0 {
		t.Errorf("a ping is %d, %v", id, ok)
	}
	if f, err := DecodeClient(EventStream, []byte(`{"ping":{}}`)); err != nil || f.GetPing() == nil {
		t.Errorf("a ping is %v, %v", f, err)
	}
}
