package wire

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/gim-im/gim/domain"
)

// The golden files show every frame in both encodings to those who write a
// client: NAME.json, and NAME.hex with the same frame in protobuf.
var update = flag.Bool("update", false, "write the golden files of server frames and of protobuf")

func clientFrames() map[string]*ClientFrame {
	return map[string]*ClientFrame{
		"sign_in": {Id: 1, Body: &ClientFrame_SignIn{&SignIn{
			Token: "eyJhbGciOiJFZERTQSJ9.e30.c2ln", DeviceId: "phone", After: new(int64(41)), Epoch: "e1", Client: "app/1.0",
		}}},
		"sign_in_new": {Id: 1, Body: &ClientFrame_SignIn{&SignIn{Token: "eyJhbGciOiJFZERTQSJ9.e30.c2ln"}}},
		"sign_in_groups": {Id: 1, Body: &ClientFrame_SignIn{&SignIn{
			Token: "eyJhbGciOiJFZERTQSJ9.e30.c2ln", After: new(int64(41)), Groups: map[string]int64{"news": 12},
		}}},
		"ping":        {Id: 2, Body: &ClientFrame_Ping{&Ping{}}},
		"ping_seq":    {Id: 2, Body: &ClientFrame_Ping{&Ping{Seq: new(int64(41))}}},
		"sync":        {Id: 3, Body: &ClientFrame_Sync{&Sync{After: 41, Limit: new(int32(200))}}},
		"sync_group":  {Id: 3, Body: &ClientFrame_Sync{&Sync{After: 12, GroupId: "news"}}},
		"ack":         {Id: 4, Body: &ClientFrame_Ack{&Ack{Seq: 41}}},
		"ack_group":   {Id: 4, Body: &ClientFrame_Ack{&Ack{GroupId: "news", ConversationSeq: 12}}},
		"subscribe":   {Id: 11, Body: &ClientFrame_Subscribe{&Subscribe{GroupId: "stage"}}},
		"unsubscribe": {Id: 12, Body: &ClientFrame_Unsubscribe{&Unsubscribe{GroupId: "stage"}}},
		"send": {Id: 5, Body: &ClientFrame_Send{&Send{
			To: &Target{UserId: "bob"}, Type: "text", Content: []byte(`{"text":"hi"}`),
			ClientMsgId: "c1", Mentions: []string{"carol"}, Persist: new(true),
		}}},
		"send_reply": {Id: 5, Body: &ClientFrame_Send{&Send{
			To: &Target{UserId: "bob"}, Type: "text", Content: []byte(`{"text":"hi"}`), ReplyTo: string(replyMessage().ReplyTo),
		}}},
		"send_ephemeral": {Id: 6, Body: &ClientFrame_Send{&Send{
			To: &Target{GroupId: "team"}, Type: "custom", Content: []byte(`{"typing":true}`), Persist: new(false),
		}}},
		"signal": {Id: 7, Body: &ClientFrame_Signal{&Signal{To: &Target{UserId: "bob"}, Kind: "typing"}}},
		"signal_data": {Id: 8, Body: &ClientFrame_Signal{&Signal{
			To: &Target{GroupId: "team"}, Kind: "x.cursor", Data: []byte(`{"line":7}`),
		}}},
		"presence": {Id: 9, Body: &ClientFrame_Presence{&PresenceWatch{Watch: []string{"bob", "carol"}, Unwatch: []string{"dave"}}}},
		"refresh":  {Id: 10, Body: &ClientFrame_Refresh{&Refresh{Token: "eyJhbGciOiJFZERTQSJ9.e30.c2ln"}}},
	}
}

func serverFrames() map[string]func(dst []byte, enc Encoding) []byte {
	items := []Item{
		{Seq: 41, Body: NewBody(sampleMessage())},
		{Seq: 42, IsSender: true, Body: NewBody(sampleMessage())},
		{Body: NewBody(&domain.Message{
			ID: "0000000000000000000000000000000b", Sender: domain.Sender{Type: domain.SenderBusiness}, To: domain.Target{Group: "team"},
			Type: domain.ContentCustom, Content: []byte(`{}`), SentAt: sampleMessage().SentAt, Status: domain.StatusNormal,
		})},
	}
	frames := map[string]*ServerFrame{
		"signed_in": {Id: 1, Body: &ServerFrame_SignedIn{&SignedIn{
			UserId: "bob", DeviceId: "phone", SessionId: "s1", FirstSeq: 1, HeadSeq: 43, Epoch: "e1", HeartbeatMs: 30000, MaxFrameBytes: MaxFrameBytes,
		}}},
		"signed_in_groups": {Id: 1, Body: &ServerFrame_SignedIn{&SignedIn{
			UserId: "bob", DeviceId: "phone", SessionId: "s1", FirstSeq: 1, HeadSeq: 43, Epoch: "e1", HeartbeatMs: 30000, MaxFrameBytes: MaxFrameBytes,
			Groups: []*GroupHead{{GroupId: "news", Head: 20, Acked: 12, Unread: 7}, {GroupId: "stage"}},
		}}},
		"acked_group":  {Id: 4, Body: &ServerFrame_Acked{&Acked{GroupId: "news", ConversationSeq: 12}}},
		"subscribed":   {Id: 11, Body: &ServerFrame_Subscribed{&Subscribed{GroupId: "stage", Head: 7}}},
		"unsubscribed": {Id: 12, Body: &ServerFrame_Unsubscribed{&Unsubscribed{GroupId: "stage"}}},
		"pong":         {Id: 2, Body: &ServerFrame_Pong{&Pong{HeadSeq: 43}}},
		"acked":        {Id: 4, Body: &ServerFrame_Acked{&Acked{Seq: 41}}},
		"sent": {Id: 5, Body: &ServerFrame_Sent{&Sent{
			MessageId: "0000000000000000000000000000000a", ConversationId: "user:bob", ConversationSeq: 7, Seq: 42, SentAt: 1795435200070, Durable: true,
		}}},
		"sent_ephemeral": {Id: 6, Body: &ServerFrame_Sent{&Sent{
			MessageId: "0000000000000000000000000000000b", ConversationId: "group:team", SentAt: 1795435200070,
		}}},
		"error": {Id: 7, Body: &ServerFrame_Error{&Error{Code: "not_in_group", Message: "The user is not a member of the group."}}},
		"error_retry": {Id: 8, Body: &ServerFrame_Error{&Error{
			Code: "rate_limited", Message: "This user sends faster than allowed.", Retryable: true, RetryAfterMs: 250,
		}}},
		"signaled": {Id: 7, Body: &ServerFrame_Signaled{&Signaled{}}},
		"signal": {Body: &ServerFrame_Signal{&PushedSignal{
			ConversationId: "user:alice", Sender: &Sender{Type: "user", UserId: "alice", DeviceId: "phone"},
			Kind: "typing", Data: []byte(`{}`), SentAt: 1795435200070,
		}}},
		"presence": {Id: 9, Body: &ServerFrame_Presence{&Presence{Items: []*UserPresence{
			{UserId: "bob", Online: new(true), Devices: []*OnlineDevice{
				{DeviceId: "phone", Type: "ios", Transport: "tcp"}, {DeviceId: "desk", Type: "web", Transport: "websocket"},
			}, LastSeenAt: 1795435200070},
			{UserId: "carol", Online: new(false)},
			{UserId: "dave", LastSeenAt: 1795435200070},
		}}}},
		"refreshed": {Id: 10, Body: &ServerFrame_Refreshed{&Refreshed{ExpiresAt: 1795435200070}}},
		"closing":   {Body: &ServerFrame_Closing{&Closing{Code: int32(CloseShutdown), Reason: "shutdown", ReconnectAfterMs: 1500}}},
	}
	out := map[string]func([]byte, Encoding) []byte{
		"push": func(dst []byte, enc Encoding) []byte { return AppendPush(dst, enc, items) },
		"sync_page": func(dst []byte, enc Encoding) []byte {
			return AppendSyncPage(dst, enc, 3, items[:2], &SyncPage{FirstSeq: 1, HeadSeq: 43, Epoch: "e1", HasMore: true})
		},
		"sync_page_group": func(dst []byte, enc Encoding) []byte {
			return AppendSyncPage(dst, enc, 3, items[2:], &SyncPage{FirstSeq: 1, HeadSeq: 20, GroupId: "news", HasMore: true})
		},
		"sync_page_reactions": func(dst []byte, enc Encoding) []byte {
			return AppendSyncPage(dst, enc, 3, []Item{{Seq: 41, Body: NewBody(reactedMessage())}}, &SyncPage{FirstSeq: 1, HeadSeq: 41, Epoch: "e1"})
		},
		"push_reply": func(dst []byte, enc Encoding) []byte {
			return AppendPush(dst, enc, []Item{{Seq: 41, Body: NewBody(replyMessage())}})
		},
		"sync_page_empty": func(dst []byte, enc Encoding) []byte {
			return AppendSyncPage(dst, enc, 0, nil, &SyncPage{FirstSeq: 1})
		},
	}
	for name, f := range frames {
		out[name] = func(dst []byte, enc Encoding) []byte { return AppendFrame(dst, enc, f) }
	}
	return out
}

func TestServerFrames_AreTheGoldenOnes(t *testing.T) {
	t.Parallel()
	for name, appendTo := range serverFrames() {
		asJSON, asProto := appendTo(nil, JSON), appendTo(nil, Proto)
		compareGolden(t, "server/"+name+".json", append(asJSON, '\n'))
		compareGolden(t, "server/"+name+".hex", hexDump(asProto))
		if err := checkJSON("", asJSON); err != nil {
			t.Errorf("%s: JSON form: %v", name, err)
		}
		var f ServerFrame
		if err := proto.Unmarshal(asProto, &f); err != nil || f.GetBody() == nil || len(f.ProtoReflect().GetUnknown()) > 0 {
			t.Errorf("%s: protobuf form is no ServerFrame: %v, %v", name, &f, err)
		}
		if got := appendTo([]byte("before"), Proto); !bytes.Equal(got, append([]byte("before"), asProto...)) {
			t.Errorf("%s: does not append", name)
		}
	}
}

func TestServerFrames_BothEncodingsSayTheSame(t *testing.T) {
	t.Parallel()
	var f ServerFrame
	if err := proto.Unmarshal(serverFrames()["push"](nil, Proto), &f); err != nil {
		t.Fatal(err)
	}
	messages := f.GetPush().GetMessages()
	if len(messages) != 3 || messages[0].GetSeq() != 41 || messages[1].GetSeq() != 42 || messages[2].GetSeq() != 0 {
		t.Fatalf("push holds %v", messages)
	}
	for i, want := range []string{"user:alice", "user:bob", "group:team"} {
		if got := messages[i].GetConversationId(); got != want {
			t.Errorf("message %d is in conversation %q, want %q", i, got, want)
		}
	}
}

func TestDecodeClient_ReadsTheGoldenFrames(t *testing.T) {
	t.Parallel()
	for name, want := range clientFrames() {
		asProto, err := proto.MarshalOptions{Deterministic: true}.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		compareGolden(t, "client/"+name+".hex", hexDump(asProto))
		asJSON, err := os.ReadFile(filepath.Join("testdata", "client", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		for enc, payload := range map[Encoding][]byte{JSON: asJSON, Proto: asProto} {
			got, err := DecodeClient(enc, payload)
			if err != nil {
				t.Errorf("%s in %v: %v", name, enc, err)
			}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("%s in %v (-want +got):\n%s", name, enc, diff)
			}
		}
	}
}

func compareGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", filepath.FromSlash(name))
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// hexDump writes 32 bytes a line.
func hexDump(b []byte) []byte {
	var out strings.Builder
	for len(b) > 0 {
		n := min(32, len(b))
		out.WriteString(hex.EncodeToString(b[:n]) + "\n")
		b = b[n:]
	}
	return []byte(out.String())
}

func unhex(f *testing.F, text []byte) []byte {
	f.Helper()
	raw, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		f.Fatal(err)
	}
	return raw
}
