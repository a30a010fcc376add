package gateway

import (
	"testing"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

func benchEvent() *wire.Event {
	return &wire.Event{
		Kind: wire.EventMessage, Topic: wire.Topic{App: 1, User: 1}, Seq: 1,
		Body: wire.NewBody(&domain.Message{
			ID: "0000000000000000000000000000000a", ConversationSeq: 1, Sender: domain.Sender{Type: domain.SenderUser, User: "alice", Device: "phone"},
			To: domain.Target{User: "bob"}, Type: domain.ContentText, Content: []byte(`{"text":"hello there"}`), Status: domain.StatusNormal,
		}),
	}
}

// BenchmarkHub_Deliver gives one event to one session, whose pump takes it.
func BenchmarkHub_Deliver(b *testing.B) {
	h, e := NewHub(nil), benchEvent()
	s := &Session{gw: &Gateway{opts: Options{QueueBytes: 1 << 20}}}
	s.box.s, s.box.live, s.box.running = s, true, true
	h.shard(e.Topic).receivers[e.Topic] = []receiver{s}
	b.ReportAllocs()
	for b.Loop() {
		h.Handle(e)
		s.box.take(e.Body.Size(), false, func() {})
	}
}

// BenchmarkHub_PushToOneMoreSession is all of it, up to the connection.
func BenchmarkHub_PushToOneMoreSession(b *testing.B) {
	h, e := NewHub(nil), benchEvent()
	e.Seq = 0 // pushed wherever the cursor is
	_, d := listening(h, e.Topic, wire.Proto)
	b.ReportAllocs()
	for b.Loop() {
		h.Handle(e)
		<-d.written
	}
}

func BenchmarkPush_EncodeForOneMoreSession(b *testing.B) {
	for _, enc := range []wire.Encoding{wire.JSON, wire.Proto} {
		b.Run(enc.String(), func(b *testing.B) {
			e := benchEvent()
			items := []wire.Item{{Seq: 1, Body: e.Body}}
			buf := make([]byte, 0, 4096)
			b.ReportAllocs()
			for b.Loop() {
				buf = wire.AppendPush(buf[:0], enc, items)
			}
		})
	}
}
