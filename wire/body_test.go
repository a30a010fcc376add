package wire

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/domain"
)

func sampleMessage() *domain.Message {
	return &domain.Message{
		ConversationSeq: 7,
		ID:              "0000000000000000000000000000000a",
		Sender:          domain.Sender{Type: domain.SenderUser, User: "alice", Device: "phone"},
		To:              domain.Target{User: "bob"},
		Type:            domain.ContentText,
		Content:         []byte(`{"text":"hé \u003c\"🙂"}`),
		Mentions:        []string{"carol", "dave"},
		ClientMsgID:     `c"1`,
		SentAt:          time.Date(2026, 11, 23, 12, 0, 0, 70_000_000, time.UTC),
		Status:          domain.StatusNormal,
	}
}

func editedMessage() *domain.Message {
	m := sampleMessage()
	m.Status, m.EditedAt = domain.StatusEdited, time.Date(2026, 11, 23, 12, 1, 0, 5_000_000, time.UTC)
	return m
}

func reactedMessage() *domain.Message {
	m := sampleMessage()
	m.Reactions = []domain.Reaction{{Reaction: "👍", Count: 3, Me: true}, {Reaction: "party_parrot", Count: 1}}
	return m
}

func replyMessage() *domain.Message {
	m := sampleMessage()
	m.ReplyTo, m.Forwarded = domain.NewMessageID(m.SentAt, 5, 6), true
	return m
}

func TestBody_SurvivesTheBus(t *testing.T) {
	t.Parallel()
	ephemeral := &domain.Message{
		ID: "x", Sender: domain.Sender{Type: domain.SenderBusiness}, To: domain.Target{Group: "team"},
		Type: domain.ContentCustom, Content: []byte(`{}`), SentAt: time.UnixMilli(1).UTC(), Status: domain.StatusNormal,
	}
	for _, m := range []*domain.Message{sampleMessage(), editedMessage(), reactedMessage(), replyMessage(), ephemeral} {
		common := NewBody(m).CommonProto()
		got, err := ParseBody(common)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, got.Message()); diff != "" {
			t.Errorf("message changed on the way (-sent +got):\n%s", diff)
		}
		if &got.CommonProto()[0] != &common[0] {
			t.Error("CommonProto after ParseBody encodes again")
		}
	}
}

func TestParseBody_RefusesWhatIsNotAWholeMessage(t *testing.T) {
	t.Parallel()
	whole := NewBody(sampleMessage()).CommonProto()
	with := func(change func(*Message)) []byte {
		var m Message
		if err := proto.Unmarshal(whole, &m); err != nil {
			t.Fatal(err)
		}
		change(&m)
		b, err := proto.Marshal(&m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, common := range map[string][]byte{
		"nothing":          nil,
		"garbage":          []byte("\xff\xfe garbage"),
		"cut":              whole[:len(whole)-1],
		"without id":       with(func(m *Message) { m.MessageId = "" }),
		"without sender":   with(func(m *Message) { m.Sender = nil }),
		"without type":     with(func(m *Message) { m.Type = "" }),
		"of one receiver":  with(func(m *Message) { m.Seq = 1 }),
		"content not JSON": with(func(m *Message) { m.Content = []byte(`{"a":`) }),
		"without content":  with(func(m *Message) { m.Content = nil }),
	} {
		if _, err := ParseBody(common); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestBody_AppendProtoIsAMessageOfGimProto(t *testing.T) {
	t.Parallel()
	b := NewBody(sampleMessage())
	for _, seq := range []int64{0, 41, 1 << 40} {
		got := b.AppendProto([]byte("before"), seq, "user:alice")[len("before"):]
		if want := b.sizeProto(seq, "user:alice"); len(got) != want {
			t.Errorf("seq %d: %d bytes, sizeProto says %d", seq, len(got), want)
		}
		var m Message
		if err := proto.Unmarshal(got, &m); err != nil {
			t.Fatal(err)
		}
		if m.GetSeq() != seq || m.GetConversationId() != "user:alice" || m.GetConversationSeq() != 7 || m.GetClientMsgId() != `c"1` {
			t.Errorf("seq %d: read back %v", seq, &m)
		}
	}
}

func TestBody_AppendJSONIsTheMessageOfTheAPI(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*domain.Message)
		want   string
	}{
		{
			"from a user", func(*domain.Message) {},
			`{"seq":41,"conversation_id":"user:alice","message_id":"0000000000000000000000000000000a","conversation_seq":7,` +
				`"sender":{"type":"user","user_id":"alice","device_id":"phone"},"to":{"user_id":"bob"},"type":"text",` +
				`"content":{"text":"hé \u003c\"🙂"},"mentions":["carol","dave"],"client_msg_id":"c\"1",` +
				`"sent_at":"2026-11-23T12:00:00.070Z","status":"normal"}`,
		},
		{
			"from the business", func(m *domain.Message) {
				m.Sender, m.To = domain.Sender{Type: domain.SenderBusiness}, domain.Target{Group: "team"}
				m.Mentions, m.ClientMsgID = nil, ""
				m.SentAt = time.Date(2026, 1, 1, 1, 0, 0, 0, time.FixedZone("", 3600))
			},
			`{"seq":41,"conversation_id":"user:alice","message_id":"0000000000000000000000000000000a","conversation_seq":7,` +
				`"sender":{"type":"business"},"to":{"group_id":"team"},"type":"text",` +
				`"content":{"text":"hé \u003c\"🙂"},"mentions":[],"sent_at":"2026-01-01T00:00:00.000Z","status":"normal"}`,
		},
		{
			"edited", func(m *domain.Message) { *m = *editedMessage(); m.Mentions, m.ClientMsgID = nil, "" },
			`{"seq":41,"conversation_id":"user:alice","message_id":"0000000000000000000000000000000a","conversation_seq":7,` +
				`"sender":{"type":"user","user_id":"alice","device_id":"phone"},"to":{"user_id":"bob"},"type":"text",` +
				`"content":{"text":"hé \u003c\"🙂"},"mentions":[],"sent_at":"2026-11-23T12:00:00.070Z","status":"edited",` +
				`"edited_at":"2026-11-23T12:01:00.005Z"}`,
		},
		{
			"that answers another", func(m *domain.Message) { *m = *replyMessage(); m.Mentions, m.ClientMsgID = nil, "" },
			`{"seq":41,"conversation_id":"user:alice","message_id":"0000000000000000000000000000000a","conversation_seq":7,` +
				`"sender":{"type":"user","user_id":"alice","device_id":"phone"},"to":{"user_id":"bob"},"type":"text",` +
				`"content":{"text":"hé \u003c\"🙂"},"mentions":[],"sent_at":"2026-11-23T12:00:00.070Z","status":"normal",` +
				`"reply_to":{"message_id":"` + string(replyMessage().ReplyTo) + `","conversation_seq":6},"forwarded":true}`,
		},
		{
			"with reactions", func(m *domain.Message) { *m = *reactedMessage(); m.Mentions, m.ClientMsgID = nil, "" },
			`{"seq":41,"conversation_id":"user:alice","message_id":"0000000000000000000000000000000a","conversation_seq":7,` +
				`"sender":{"type":"user","user_id":"alice","device_id":"phone"},"to":{"user_id":"bob"},"type":"text",` +
				`"content":{"text":"hé \u003c\"🙂"},"mentions":[],"sent_at":"2026-11-23T12:00:00.070Z","status":"normal",` +
				`"reactions":[{"reaction":"👍","count":3,"me":true},{"reaction":"party_parrot","count":1,"me":false}]}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := sampleMessage()
			tt.change(m)
			got := string(NewBody(m).AppendJSON(nil, 41, "user:alice"))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !json.Valid([]byte(got)) {
				t.Error("is not JSON")
			}
		})
	}
}

func TestBody_IsEncodedOnceForAllReceivers(t *testing.T) { // not parallel: it counts allocations
	b := NewBody(sampleMessage())
	var receivers sync.WaitGroup
	for range 8 {
		receivers.Go(func() {
			b.AppendJSON(nil, 1, "user:alice")
			b.AppendProto(nil, 1, "user:alice")
		})
	}
	receivers.Wait()
	buf := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { buf = b.AppendJSON(buf[:0], 41, "user:alice") }); n > 0 {
		t.Errorf("one more JSON receiver costs %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { buf = b.AppendProto(buf[:0], 41, "user:alice") }); n > 0 {
		t.Errorf("one more protobuf receiver costs %v allocations", n)
	}
}

func TestBody_SizeIsNotBelowTheEncodings(t *testing.T) {
	t.Parallel()
	m := editedMessage()
	m.ReplyTo, m.Forwarded = replyMessage().ReplyTo, true
	m.Content = []byte(`{"text":"` + strings.Repeat("a", 5000) + `"}`)
	for range domain.MaxReactions {
		m.Reactions = append(m.Reactions, domain.Reaction{Reaction: strings.Repeat("a", domain.MaxReactionBytes), Count: 1e6})
	}
	b := NewBody(m)
	if enc := len(b.AppendJSON(nil, 41, "user:alice")); b.Size() < enc {
		t.Errorf("Size %d, JSON takes %d", b.Size(), enc)
	}
}

func jsonValid(b []byte) bool { return json.Valid(b) }

func TestSignal_IsEncodedOnceForAllReceivers(t *testing.T) {
	t.Parallel()
	pushed := &PushedSignal{ConversationId: "user:bob", Sender: &Sender{Type: "user", UserId: "bob"}, Kind: "typing", Data: []byte(`{}`)}
	s := NewSignal(pushed)
	for _, enc := range []Encoding{JSON, Proto} {
		first, again := s.Frame(enc), s.Frame(enc)
		if want := AppendFrame(nil, enc, &ServerFrame{Body: &ServerFrame_Signal{Signal: pushed}}); string(first) != string(want) {
			t.Errorf("%s: the frame is %q, want %q", enc, first, want)
		}
		if &first[0] != &again[0] {
			t.Errorf("%s: it was encoded again", enc)
		}
	}
}
