package bustest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// messages are shapes of a message, each with everything that it can have.
func messages() []*domain.Message {
	sentAt := time.Date(2026, 2, 3, 4, 5, 6, 789e6, time.UTC)
	return []*domain.Message{
		{
			Conversation: 1<<62 + 9, ConversationSeq: 1<<53 + 1, ID: domain.NewMessageID(sentAt, 1<<62+9, 7), // which carries the conversation
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

func others(t *testing.T, p *pair) {
	topic := wire.Topic{App: 1, User: 2}
	p.subscribe(p.b, topic)
	want := []*wire.Event{
		{Kind: wire.EventSession, Topic: topic, Device: "phone-1", Session: 1<<62 + 7},
		{Kind: wire.EventSignal, Topic: topic, Signal: wire.NewSignal(&wire.PushedSignal{
			ConversationId: "group:team", Sender: &wire.Sender{Type: "user", UserId: "alice", DeviceId: "phone-1"},
			Kind: "x.cursor", Data: []byte(`{"line":7,"text":"😀"}`), SentAt: 1795435200070,
		})},
		{Kind: wire.EventPresence, Topic: topic},
	}
	p.a.PublishEvents(want)
	signals := cmp.Transformer("signal", (*wire.SignalBody).Message)
	if diff := cmp.Diff(want, p.hearB.Wait(t, topic, len(want)), signals, protocmp.Transform()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// signals is about what the use cases publish.
func signals(t *testing.T, p *pair) {
	alice, bob := wire.Topic{App: 1, User: 2}, wire.Topic{App: 1, User: 3}
	p.subscribe(p.b, alice, bob)
	s := &domain.Signal{
		App: 1, Sender: domain.Sender{Type: domain.SenderUser, User: "carol", Device: "web"}, To: domain.Target{User: "alice"},
		Kind: "typing", Data: []byte("{}"), SentAt: time.UnixMilli(1795435200070).UTC(), Receivers: []domain.UserNum{2, 3},
	}
	p.a.PublishSignal(s)
	want := &wire.PushedSignal{
		ConversationId: "user:carol", Sender: &wire.Sender{Type: "user", UserId: "carol", DeviceId: "web"},
		Kind: "typing", Data: []byte("{}"), SentAt: 1795435200070,
	}
	for _, topic := range []wire.Topic{alice, bob} {
		if diff := cmp.Diff(want, p.hearB.Wait(t, topic, 1)[0].Signal.Message(), protocmp.Transform()); diff != "" {
			t.Errorf("signal (-want +got):\n%s", diff)
		}
	}
}

// groups is about large groups: who follows one is told once, whoever else the
// message is for, and unlike a user who happens to have the group's number.
func groups(t *testing.T, p *pair) {
	group, user := wire.GroupTopic(1, 7), wire.Topic{App: 1, User: 7}
	ann := wire.Topic{App: 1, User: 2}
	p.subscribe(p.b, group, user, ann)
	m := messages()[0]
	p.a.Publish([]domain.Delivery{
		{App: 1, Message: m, Group: 7, Origin: "s"},
		{App: 1, Message: m, Group: 7, To: []domain.Recipient{{User: 2, Seq: 5}}},
	})
	p.a.PublishSignal(&domain.Signal{App: 1, Sender: domain.Sender{Type: domain.SenderUser, User: "carol"}, To: domain.Target{Group: "team"}, Kind: "typing", Data: []byte("{}"), Group: 7})
	got := p.hearB.Wait(t, group, 3)
	for i, e := range got[:2] {
		if e.Kind != wire.EventMessage || e.Seq != 0 || e.Body.Message().ConversationSeq != m.ConversationSeq {
			t.Errorf("event %d of the group is %+v", i, e)
		}
	}
	if got[0].Origin != "s" || got[2].Signal.Message().GetConversationId() != "group:team" {
		t.Errorf("events of the group: %+v", got)
	}
	if e := p.hearB.Wait(t, ann, 1)[0]; e.Seq != 5 {
		t.Errorf("who is named was told %+v", e)
	}
	if got := p.hearB.Of(user); len(got) > 0 {
		t.Errorf("a user who has the number of the group heard %v", got)
	}
}

// kinds: a user's topic and the topic of its presence are two.
func kinds(t *testing.T, p *pair) {
	own := wire.Topic{App: 1, User: 2}
	presence := wire.Topic{App: 1, User: 2, Kind: wire.TopicPresence}
	p.subscribe(p.b, presence)
	p.a.PublishEvents([]*wire.Event{
		{Kind: wire.EventSession, Topic: own, Device: "d", Session: 1},
		{Kind: wire.EventPresence, Topic: presence},
	})
	p.hearB.Wait(t, presence, 1)
	if got := p.hearB.Of(own); len(got) > 0 {
		t.Errorf("heard %v of a topic that nobody subscribed to", got)
	}
}
