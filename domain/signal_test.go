package domain

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestSignal_ReachesTheOthers(t *testing.T) {
	t.Parallel()
	f := &fakeBack{members: []Recipient{{User: 7, IsSender: true}, {User: 8}, {User: 9}}}
	err := newTestMessenger(f).Signal(t.Context(), alice, SignalParams{
		To: Target{Group: "team"}, Kind: "x.cursor", Data: json.RawMessage(`{ "line": 7 }`),
	})
	if err != nil || len(f.signals) != 1 {
		t.Fatalf("%d signals, %v", len(f.signals), err)
	}
	s := f.signals[0]
	if s.App != 1 || s.Sender != (Sender{Type: SenderUser, User: "alice", Device: "phone"}) || s.Kind != "x.cursor" || string(s.Data) != `{"line":7}` {
		t.Errorf("signal %+v", s)
	}
	if len(s.Receivers) != 2 || s.Receivers[0] != 8 || s.Receivers[1] != 9 || s.ConversationID() != "group:team" {
		t.Errorf("for %v in %s", s.Receivers, s.ConversationID())
	}
	if len(f.appended) != 0 {
		t.Error("a signal was stored")
	}
}

func TestSignal_OfASingleChatIsNamedByItsSender(t *testing.T) {
	t.Parallel()
	f := &fakeBack{members: []Recipient{{User: 7, IsSender: true}, {User: 8}}}
	if err := newTestMessenger(f).Signal(t.Context(), alice, SignalParams{To: Target{User: "bob"}, Kind: SignalTyping}); err != nil {
		t.Fatal(err)
	}
	if s := f.signals[0]; s.ConversationID() != "user:alice" || string(s.Data) != "{}" {
		t.Errorf("in %s with %s", s.ConversationID(), s.Data)
	}
}

func TestSignal_ToNobodyElseIsNotPublished(t *testing.T) {
	t.Parallel()
	f := &fakeBack{members: []Recipient{{User: 7, IsSender: true}}}
	if err := newTestMessenger(f).Signal(t.Context(), alice, SignalParams{To: Target{User: "alice"}, Kind: SignalTyping}); err != nil || len(f.signals) > 0 {
		t.Errorf("%v, %v", f.signals, err)
	}
}

func TestSignal_Refusals(t *testing.T) {
	t.Parallel()
	to := Target{User: "bob"}
	large := json.RawMessage(`{"x":"` + strings.Repeat("a", MaxSignalBytes) + `"}`)
	tests := []struct {
		name    string
		p       SignalParams
		pointer string
	}{
		{"no target", SignalParams{Kind: "typing"}, "/to"},
		{"two targets", SignalParams{To: Target{User: "a", Group: "b"}, Kind: "typing"}, "/to"},
		{"no kind", SignalParams{To: to}, "/kind"},
		{"long kind", SignalParams{To: to, Kind: strings.Repeat("a", MaxSignalKind+1)}, "/kind"},
		{"capitals", SignalParams{To: to, Kind: "Typing"}, "/kind"},
		{"space", SignalParams{To: to, Kind: "a b"}, "/kind"},
		{"what gim says itself", SignalParams{To: to, Kind: "read"}, "/kind"},
		{"what gim says of acks", SignalParams{To: to, Kind: "delivered"}, "/kind"},
		{"an array", SignalParams{To: to, Kind: "x", Data: json.RawMessage(`[]`)}, "/data"},
		{"null", SignalParams{To: to, Kind: "x", Data: json.RawMessage(`null`)}, "/data"},
		{"no JSON", SignalParams{To: to, Kind: "x", Data: json.RawMessage(`{`)}, "/data"},
		{"too large", SignalParams{To: to, Kind: "x", Data: large}, "/data"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fakeBack{members: []Recipient{{User: 8}}}
			err := newTestMessenger(f).Signal(t.Context(), alice, tt.p)
			known, ok := errors.AsType[*Error](err)
			if !ok || known.Code != CodeBadRequest || len(known.Fields) != 1 || known.Fields[0].Pointer != tt.pointer {
				t.Errorf("got %v, want bad_request at %s", err, tt.pointer)
			}
			if len(f.signals) > 0 {
				t.Error("it was published all the same")
			}
		})
	}
}

func TestSignal_LimitAndCallers(t *testing.T) {
	t.Parallel()
	p := SignalParams{To: Target{User: "bob"}, Kind: "typing"}
	f := &fakeBack{refuse: time.Second}
	known, ok := errors.AsType[*Error](newTestMessenger(f).Signal(t.Context(), alice, p))
	if !ok || known.Code != CodeRateLimited || known.RetryAfter != time.Second {
		t.Errorf("got %v, want rate_limited", known)
	}
	if err := newTestMessenger(&fakeBack{}).Signal(t.Context(), operator, p); CodeOf(err) != CodeForbidden {
		t.Errorf("operator: %v", err)
	}
	if err := newTestMessenger(&fakeBack{refuse: time.Second}).Signal(t.Context(), business, p); err != nil {
		t.Errorf("the business is not limited: %v", err)
	}
}
