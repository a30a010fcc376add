package wire

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/internal/allocs"
)

var (
	sendJSON  = []byte(`{"id":7,"send":{"to":{"user_id":"bob"},"type":"text","content":{"text":"` + string(fill(100, 'a')) + `"},"client_msg_id":"c7"}}`)
	sendFrame = &ClientFrame{Id: 7, Body: &ClientFrame_Send{Send: &Send{
		To: &Target{UserId: "bob"}, Type: "text", Content: []byte(`{"text":"` + string(fill(100, 'a')) + `"}`), ClientMsgId: "c7",
	}}}
	sentAnswer = &ServerFrame{Id: 7, Body: &ServerFrame_Sent{Sent: &Sent{
		MessageId: "0000000000000000000000000000000a", ConversationId: "user:bob", ConversationSeq: 12, Seq: 40, SentAt: 1_700_000_000_000, Durable: true,
	}}}
)

// hotPaths are what happens to every frame.
func hotPaths(tb testing.TB) map[string]func() {
	sendProto, err := proto.Marshal(sendFrame)
	if err != nil {
		tb.Fatal(err)
	}
	d, r, stream := NewDecoder(MaxFrameBytes), bytes.NewReader(nil), framed(sendProto)
	buf := make([]byte, 0, 4096)
	decode := func(enc Encoding, payload []byte) func() {
		return func() {
			if _, err := DecodeClient(enc, payload); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return map[string]func(){
		"cut a send out of a TCP stream": func() {
			r.Reset(stream)
			for {
				if _, ok, err := d.Next(); err != nil {
					tb.Fatal(err)
				} else if ok {
					break
				}
				if err := d.Fill(r); err != nil {
					tb.Fatal(err)
				}
			}
			d.Rest()
		},
		"decode and check a send, JSON":       decode(JSON, sendJSON),
		"decode and check a send, protobuf":   decode(Proto, sendProto),
		"encode the answer to one, JSON":      func() { buf = AppendFrame(buf[:0], JSON, sentAnswer) },
		"encode the answer to one, protobuf":  func() { buf = AppendFrame(buf[:0], Proto, sentAnswer) },
		"know a plain ping and answer, JSON":  func() { _, _ = PlainPing(JSON, []byte(`{"id":3,"ping":{}}`)); buf = AppendPong(buf[:0], JSON, 3, 9) },
		"know a plain ping and answer, proto": func() { _, _ = PlainPing(Proto, []byte{8, 3, 26, 0}); buf = AppendPong(buf[:0], Proto, 3, 9) },
	}
}

func TestAllocations(t *testing.T) { allocs.Check(t, hotPaths(t)) } //nolint:paralleltest // others would be counted

func BenchmarkFrame(b *testing.B) {
	for name, path := range hotPaths(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				path()
			}
		})
	}
}
