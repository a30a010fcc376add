package wire_test

import (
	"bytes"
	"math"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/wire"
)

// FuzzPlainPing holds the short way to the long one: what it takes for a ping is
// one, with the same id.
func FuzzPlainPing(f *testing.F) {
	for _, s := range plainPings() {
		f.Add(s.enc == wire.JSON, s.frame)
	}
	for _, s := range otherFrames() {
		f.Add(s.enc == wire.JSON, s.frame)
	}
	f.Fuzz(func(t *testing.T, json bool, payload []byte) {
		enc := wire.Proto
		if json {
			enc = wire.JSON
		}
		id, ok := wire.PlainPing(enc, payload)
		if !ok {
			return
		}
		frame, err := wire.DecodeClient(enc, payload)
		if err != nil || frame.GetId() != id || frame.GetPing() == nil || frame.GetPing().Seq != nil {
			t.Errorf("%q was taken for a ping with id %d; it is %v, %v", payload, id, frame, err)
		}
	})
}

type encoded struct {
	enc   wire.Encoding
	frame []byte
}

func protoFrame(f *wire.ClientFrame) encoded {
	b, _ := proto.Marshal(f) // of numbers alone
	return encoded{wire.Proto, b}
}

func ping(id uint64, seq *int64) encoded {
	return protoFrame(&wire.ClientFrame{Id: id, Body: &wire.ClientFrame_Ping{Ping: &wire.Ping{Seq: seq}}})
}

func plainPings() []encoded {
	return []encoded{
		ping(0, nil), ping(1, nil), ping(300, nil), ping(math.MaxUint64, nil),
		{wire.JSON, []byte(`{"ping":{}}`)}, {wire.JSON, []byte(`{"id":0,"ping":{}}`)},
		{wire.JSON, []byte(`{"id":9999999999999999999,"ping":{}}`)},
	}
}

func otherFrames() []encoded {
	zero := int64(0)
	all := []encoded{
		ping(1, &zero), protoFrame(&wire.ClientFrame{Id: 1, Body: &wire.ClientFrame_Ack{Ack: &wire.Ack{}}}),
		{wire.Proto, nil}, {wire.Proto, []byte{8}}, {wire.Proto, []byte{8, 1}}, {wire.Proto, []byte{0x1a}},
		{wire.Proto, []byte{0x1a, 0, 0x1a, 0}}, {wire.Proto, []byte{0x1a, 0x80, 0}}, {wire.Proto, []byte{8, 0x80}},
	}
	for _, s := range []string{
		``, `{}`, `"ping":{}}`, `["ping":{}}`, `{"id":1"ping":{}}`, `{"id":,"ping":{}}`, `{"id":01,"ping":{}}`, `{"id":-1,"ping":{}}`,
		`{"id":18446744073709551616,"ping":{}}`, `{"id":1,"id":2,"ping":{}}`, `{"id":1.5,"ping":{}}`, `{"ping":{"seq":1}}`, `{"x":"ping":{}}`,
		`{"pong":{},"ping":{}}`, `{,"ping":{}}`,
	} {
		all = append(all, encoded{wire.JSON, []byte(s)})
	}
	return all
}

func TestPlainPing(t *testing.T) {
	for _, s := range plainPings() {
		want, err := wire.DecodeClient(s.enc, s.frame)
		if id, ok := wire.PlainPing(s.enc, s.frame); !ok || err != nil || id != want.GetId() {
			t.Errorf("%q: %d, %v, want %d (%v)", s.frame, id, ok, want.GetId(), err)
		}
	}
	for _, s := range otherFrames() {
		if id, ok := wire.PlainPing(s.enc, s.frame); ok {
			t.Errorf("%q is a plain ping with id %d", s.frame, id)
		}
	}
}

func TestAppendPong_IsTheFrameThatEncodersWrite(t *testing.T) {
	for _, enc := range []wire.Encoding{wire.Proto, wire.JSON} {
		for _, id := range []uint64{0, 1, 1 << 40} {
			for _, head := range []int64{0, 1, 127, 128, math.MaxInt64} {
				want := wire.AppendFrame(nil, enc, &wire.ServerFrame{Id: id, Body: &wire.ServerFrame_Pong{Pong: &wire.Pong{HeadSeq: head}}})
				if got := wire.AppendPong(nil, enc, id, head); !bytes.Equal(got, want) {
					t.Errorf("%v, id %d, head %d: %q, want %q", enc, id, head, got, want)
				}
			}
		}
	}
}
