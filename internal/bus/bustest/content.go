package bustest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// messages are shapes of a message, each with everything that it can have.
func messages() []*domain.Message {
	sentAt := time.Date(2026, 2, 3, 4, 5, 6, 789e6, time.UTC)
	return []*domain.Message{
		{
			ConversationSeq: 1<<53 + 1, ID: "0123456789abcdefghijklmnopqrstuv",
			Sender: domain.Sender{Type: domain.SenderUser, User: "ann", Device: "phone-1"},
			To:     domain.Target{Group: "team"}, Type: "text",
			Content:  json.RawMessage(`{"text":"héllo 👩‍👩‍👧‍👦 \u0000 \"q\"","n":12345678901234567890,"f":1e400,"e":{}}`),
			Mentions: []string{"bob", "@all"}, ClientMsgID: "c-1", SentAt: sentAt, Status: domain.StatusNormal,
		},
		{
			ID: "not-stored", Sender: domain.Sender{Type: domain.SenderBusiness}, To: domain.Target{User: "bob"},
			Type: "custom", Content: json.RawMessage(`{}`), SentAt: sentAt, Status: domain.StatusNormal,
		},
	}
}

func content(t *testing.T, p *pair) {
	topic := wire.Topic{App: 1<<62 + 3, User: 1<<62 + 5}
	p.subscribe(p.b, topic)
	var want []wire.Event
	for i, m := range messages() {
		d := domain.Delivery{
			App: topic.App, Message: m, Origin: "session-1",
			To:      []domain.Recipient{{User: topic.User, Seq: int64(i) << 61, IsSender: i == 0}},
			Request: domain.RequestInfo{ID: "request-1", TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		}
		p.a.Publish([]domain.Delivery{d})
		want = append(want, wire.Event{
			Kind: wire.EventMessage, Topic: topic, Seq: d.To[0].Seq, IsSender: i == 0, Origin: d.Origin, Request: d.Request,
		})
	}
	got := p.hearB.Wait(t, topic, len(want))
	for i, m := range messages() {
		head := *got[i]
		head.Body = nil
		if diff := cmp.Diff(want[i], head); diff != "" {
			t.Errorf("event %d (-want +got):\n%s", i, diff)
		}
		if diff := cmp.Diff(m, got[i].Body.Message()); diff != "" {
			t.Errorf("message %d (-want +got):\n%s", i, diff)
		}
	}
}

func session(t *testing.T, p *pair) {
	topic := wire.Topic{App: 1, User: 2}
	p.subscribe(p.b, topic)
	want := &wire.Event{Kind: wire.EventSession, Topic: topic, Device: "phone-1", Session: 1<<62 + 7}
	p.a.PublishEvents([]*wire.Event{want})
	if diff := cmp.Diff(want, p.hearB.Wait(t, topic, 1)[0]); diff != "" {
		t.Errorf("session event (-want +got):\n%s", diff)
	}
}
