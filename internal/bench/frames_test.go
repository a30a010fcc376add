package bench

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/wire"
)

// TestSendFrames_AreThoseOfTheContract compares what is written by hand with what the
// generated code reads.
func TestSendFrames_AreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	no := false
	for name, tt := range map[string]struct {
		loop *loop
		want *wire.Send
	}{
		"to a user": {&loop{sender: 3, user: "alice", toUser: "bob"}, &wire.Send{To: &wire.Target{UserId: "bob"}, ClientMsgId: "alice-7"}},
		"to a room": {&loop{sender: 3, user: "alice", toGroup: "g", passing: true}, &wire.Send{To: &wire.Target{GroupId: "g"}, Persist: &no}},
	} {
		tt.want.Type, tt.want.Content = "text", stamp{3, 7}.content()
		want := &wire.ClientFrame{Id: firstSendID + 7, Body: &wire.ClientFrame_Send{Send: tt.want}}
		tt.loop.frames.next(tt.loop, 6)
		got := new(wire.ClientFrame)
		if err := proto.Unmarshal(tt.loop.frames.next(tt.loop, 7), got); err != nil || !proto.Equal(got, want) {
			t.Errorf("%s: the frame is %v (error %v), want %v", name, got, err, want)
		}
	}
	got := new(wire.ClientFrame)
	if err := proto.Unmarshal(pingFrame(9), got); err != nil || got.GetId() != 9 || got.GetPing() == nil || got.GetPing().Seq != nil {
		t.Errorf("a ping is %v (error %v), want one with id 9", got, err)
	}
}

func TestCutFrame_ReadsWhatTheServerWrites(t *testing.T) {
	t.Parallel()
	message := &wire.Message{
		Seq: 1 << 40, ConversationId: "c", ConversationSeq: 9, Sender: &wire.Sender{Type: "user", UserId: "alice"},
		Type: "text", Content: []byte(`{}`), Mentions: []string{"bob"}, SentAt: 5, Status: "normal",
	}
	payload, err := proto.Marshal(&wire.ServerFrame{Body: &wire.ServerFrame_Push{Push: &wire.Push{Messages: []*wire.Message{message}}}})
	if err != nil {
		t.Fatal(err)
	}
	id, body, err := cutFrame(payload)
	if err != nil || id != 0 || body.num != fieldPush {
		t.Fatalf("a push is frame %d with body %d (error %v)", id, body.num, err)
	}
	first, rest, err := cutField(body.bytes)
	if err != nil || len(rest) > 0 || first.num != fieldMessages {
		t.Fatalf("a push holds field %d and %d bytes more (error %v), want its message", first.num, len(rest), err)
	}
	m, err := cutMessage(first.bytes)
	if err != nil || m.seq != 1<<40 || m.conv != 9 || string(m.content) != `{}` || string(m.kind) != "text" || m.senderType() != "user" {
		t.Errorf("the message is read as %+v, of a %q (error %v)", m, m.senderType(), err)
	}
	for n := range payload {
		if n > 0 {
			if _, _, err := cutFrame(payload[:n]); err == nil {
				t.Errorf("%d of %d bytes are taken for a frame", n, len(payload))
			}
		}
	}
	payload, err = proto.Marshal(&wire.ServerFrame{Id: 8, Body: &wire.ServerFrame_Sent{Sent: &wire.Sent{MessageId: "m", Seq: 4, ConversationSeq: 3, Durable: true}}})
	if err != nil {
		t.Fatal(err)
	}
	if id, body, err = cutFrame(payload); err != nil || id != 8 || body.num != fieldSent {
		t.Fatalf("an answer is frame %d with body %d (error %v)", id, body.num, err)
	}
	if seq, conv, err := cutSent(body.bytes); err != nil || seq != 4 || conv != 3 {
		t.Errorf("an answer is read as entry %d, place %d (error %v), want 4 and 3", seq, conv, err)
	}
}
