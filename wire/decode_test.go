package wire

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/domain"
)

func TestDecodeClient_RefusesMalformedJSON(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, payload string
		id            uint64
		pointer       string // of the field at fault, "" when the frame is
	}{
		{"nothing", ``, 0, ""},
		{"no JSON", `hello`, 0, ""},
		{"two values", `{"id":1,"ping":{}}{}`, 0, ""},
		{"an array", `[{"id":1,"ping":{}}]`, 0, ""},
		{"a null", `null`, 0, ""},
		{"not UTF-8", "{\"id\":1,\"ping\":{\"x\":\"\xff\"}}", 0, "/ping/x"},
		{"a name twice", `{"id":1,"ping":{"seq":1,"seq":2}}`, 0, "/ping/seq"},
		{"a body twice", `{"id":1,"ping":{},"ping":{}}`, 0, "/ping"},
		{"a NUL", `{"id":1,"sign_in":{"token":"a\u0000"}}`, 0, "/sign_in/token"},
		{"too deep", `{"id":1,"ping":` + strings.Repeat(`{"a":`, 100) + `1` + strings.Repeat(`}`, 101), 0, "*"},
		{"two bodies", `{"id":9,"ping":{},"ack":{"seq":1}}`, 9, ""},
		{"no body", `{"id":9}`, 9, ""},
		{"a null body", `{"id":9,"ping":null}`, 9, "/ping"},
		{"a body that is no object", `{"id":9,"ping":[]}`, 9, "/ping"},
		{"an id that is text", `{"id":"9","ping":{}}`, 0, "/id"},
		{"an id below zero", `{"id":-1,"ping":{}}`, 0, "/id"},
		{"an id with a fraction", `{"id":1.5,"ping":{}}`, 0, "/id"},
		{"an id after a wrong body", `{"ack":{"seq":"1"},"id":9}`, 9, "/ack/seq"},
		{"a seq that is text", `{"id":9,"ack":{"seq":"1"}}`, 9, "/ack/seq"},
		{"a seq beyond 64 bits", `{"id":9,"ack":{"seq":9223372036854775808}}`, 9, "/ack/seq"},
		{"a limit beyond 32 bits", `{"id":9,"sync":{"after":0,"limit":4294967296}}`, 9, "/sync/limit"},
		{"mentions that are text", `{"id":9,"send":{"mentions":"bob"}}`, 9, "/send/mentions"},
		{"a mention that is a number", `{"id":9,"send":{"mentions":[1]}}`, 9, "/send/mentions/0"},
		{"a target that is text", `{"id":9,"send":{"to":"bob"}}`, 9, "/send/to"},
		{"persist that is text", `{"id":9,"send":{"persist":"no"}}`, 9, "/send/persist"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := DecodeClient(JSON, []byte(tt.payload))
			wrong, ok := errors.AsType[*domain.Error](err)
			if !ok || wrong.Code != domain.CodeBadRequest {
				t.Fatalf("error %v, want bad_request", err)
			}
			if f.GetId() != tt.id {
				t.Errorf("id %d, want %d", f.GetId(), tt.id)
			}
			pointer := ""
			if len(wrong.Fields) > 0 {
				pointer = wrong.Fields[0].Pointer
			}
			if tt.pointer != "*" && pointer != tt.pointer {
				t.Errorf("pointer %q, want %q (%v)", pointer, tt.pointer, err)
			}
		})
	}
}

func TestDecodeClient_IgnoresUnknownFields(t *testing.T) {
	t.Parallel()
	f, err := DecodeClient(JSON, []byte(`{"later":[1],"id":9,"ack":{"seq":3,"Seq":4,"group_id":"x"}}`))
	if err != nil || f.GetId() != 9 || f.GetAck().GetSeq() != 3 {
		t.Errorf("got %v, %v", f, err)
	}
	raw, err := proto.Marshal(&ClientFrame{Id: 9, Body: &ClientFrame_Ack{&Ack{Seq: 3}}})
	if err != nil {
		t.Fatal(err)
	}
	raw = protowire.AppendTag(raw, 99, protowire.VarintType)
	raw = protowire.AppendVarint(raw, 1)
	if f, err = DecodeClient(Proto, raw); err != nil || f.GetAck().GetSeq() != 3 {
		t.Errorf("got %v, %v", f, err)
	}
}

func TestDecodeClient_NamesUnknownFramesUnsupported(t *testing.T) {
	t.Parallel()
	unknown := protowire.AppendTag([]byte{8, 9}, 77, protowire.BytesType)
	unknown = protowire.AppendBytes(unknown, nil)
	for enc, payload := range map[Encoding][]byte{JSON: []byte(`{"dance":{},"id":9}`), Proto: unknown} {
		f, err := DecodeClient(enc, payload)
		if domain.CodeOf(err) != domain.CodeUnsupported || f.GetId() != 9 {
			t.Errorf("%v: id %d, error %v", enc, f.GetId(), err)
		}
	}
}

func TestDecodeClient_RefusesMalformedProtobuf(t *testing.T) {
	t.Parallel()
	frame := func(content string) []byte {
		raw, err := proto.Marshal(&ClientFrame{Id: 9, Body: &ClientFrame_Send{&Send{Type: "custom", Content: []byte(content)}}})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	whole := frame(`{"a":1}`)
	if _, err := DecodeClient(Proto, whole); err != nil {
		t.Fatalf("a good frame: %v", err)
	}
	for name, payload := range map[string][]byte{
		"cut":                       whole[:len(whole)-1],
		"no body":                   {8, 9},
		"empty":                     {},
		"text that is not UTF-8":    {0x12, 3, 0x0a, 1, 0xff},
		"content with a name twice": frame(`{"a":1,"a":2}`),
		"content with a NUL":        frame(`{"a":"\u0000"}`),
		"content that is no JSON":   frame(`{"a":`),
	} {
		if _, err := DecodeClient(Proto, payload); domain.CodeOf(err) != domain.CodeBadRequest {
			t.Errorf("%s: error %v, want bad_request", name, err)
		}
	}
}

func TestDecodeClient_LetsGoOfThePayload(t *testing.T) {
	t.Parallel()
	payload, err := os.ReadFile(filepath.Join("testdata", "client", "send.json"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := DecodeClient(JSON, payload)
	if err != nil {
		t.Fatal(err)
	}
	clear(payload)
	if got := string(f.GetSend().GetContent()); got != `{"text":"hi"}` || f.GetSend().GetTo().GetUserId() != "bob" {
		t.Errorf("frame changed with the payload: %v", f)
	}
}

func FuzzDecodeClientJSON(f *testing.F) { fuzzDecode(f, JSON, "*.json") }

func FuzzDecodeClientProto(f *testing.F) { fuzzDecode(f, Proto, "*.hex") }

func fuzzDecode(f *testing.F, enc Encoding, files string) {
	names, err := filepath.Glob(filepath.Join("testdata", "client", files))
	if err != nil || len(names) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if enc == Proto {
			raw = unhex(f, raw)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		frame, err := DecodeClient(enc, payload)
		switch code := domain.CodeOf(err); {
		case frame == nil:
			t.Fatal("no frame")
		case err == nil && frame.GetBody() == nil:
			t.Fatal("accepted without a body")
		case err != nil && code != domain.CodeBadRequest && code != domain.CodeUnsupported:
			t.Fatalf("error is not one for the client: %v", err)
		}
	})
}

// FuzzParseBody checks that whatever comes from the bus is refused or can be
// pushed in both encodings.
func FuzzParseBody(f *testing.F) {
	f.Add(NewBody(sampleMessage()).CommonProto())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, common []byte) {
		b, err := ParseBody(common)
		if err != nil {
			return
		}
		if err := checkPushable(b); err != nil {
			t.Fatal(err)
		}
	})
}

func checkPushable(b *Body) error {
	var m Message
	if err := proto.Unmarshal(b.AppendProto(nil, 1, "user:alice"), &m); err != nil {
		return err
	}
	if !jsonValid(b.AppendJSON(nil, 1, "user:alice")) {
		return errors.New("pushes what is not JSON")
	}
	return nil
}
