package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// talk is a connection that a test leads step by step, in either encoding. Its
// methods fail the test and are called by its goroutine.
type talk struct {
	t      *testing.T
	enc    wire.Encoding
	ws     *websocket.Conn
	signed *wire.SignedIn
	id     uint64
	queued []*wire.Message // of pushes, not yet asked for
	aside  []*wire.ServerFrame
}

// dialWS opens a connection and says nothing.
func dialWS(t *testing.T, url string, enc wire.Encoding) *talk {
	t.Helper()
	ws, resp, err := websocket.Dial(t.Context(), url+"/v1/ws", &websocket.DialOptions{Subprotocols: []string{enc.String()}})
	if resp != nil && resp.Body != nil {
		defer resp.Body.Close()
	}
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	if ws.Subprotocol() != enc.String() {
		t.Fatalf("subprotocol %q, want %q", ws.Subprotocol(), enc)
	}
	ws.SetReadLimit(8 << 20)
	t.Cleanup(func() { _ = ws.CloseNow() })
	return &talk{t: t, enc: enc, ws: ws}
}

// talkTo connects a new device of user and signs in without a cursor.
func talkTo(t *testing.T, url string, app gimtest.App, user string) *talk {
	t.Helper()
	token, _ := app.Token(t, user)
	k := dialWS(t, url, wire.Proto)
	k.signIn(token, nil)
	return k
}

// signIn signs in with success.
func (k *talk) signIn(token string, after *int64) {
	k.t.Helper()
	f := k.ask(&wire.ClientFrame{Body: signIn(token, after)})
	if k.signed = f.GetSignedIn(); k.signed == nil {
		k.t.Fatalf("sign-in was answered with %v", f)
	}
}

func signIn(token string, after *int64) *wire.ClientFrame_SignIn {
	return &wire.ClientFrame_SignIn{SignIn: &wire.SignIn{Token: token, After: after}}
}

func sendFrame(to, text, clientMsgID string) *wire.ClientFrame_Send {
	return &wire.ClientFrame_Send{Send: &wire.Send{
		To: &wire.Target{UserId: to}, Type: "text", Content: []byte(`{"text":"` + text + `"}`), ClientMsgId: clientMsgID,
	}}
}

// say sends a frame under the next id.
func (k *talk) say(f *wire.ClientFrame) uint64 {
	k.t.Helper()
	k.id++
	f.Id = k.id
	payload, kind := encodeFrame(k.t, k.enc, f)
	k.raw(kind, payload)
	return k.id
}

// raw sends any WebSocket message.
func (k *talk) raw(kind websocket.MessageType, payload []byte) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := k.ws.Write(ctx, kind, payload); err != nil {
		k.t.Fatalf("write: %v", err)
	}
}

// read returns the next frame, or how the connection was closed.
func (k *talk) read() (*wire.ServerFrame, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	kind, payload, err := k.ws.Read(ctx)
	if err != nil {
		return nil, err
	}
	if (kind == websocket.MessageText) != (k.enc == wire.JSON) {
		k.t.Fatalf("a %v message on %s", kind, k.enc)
	}
	return decodeFrame(k.t, k.enc, payload), nil
}

// hear returns the next frame.
func (k *talk) hear() *wire.ServerFrame {
	k.t.Helper()
	f, err := k.read()
	if err != nil {
		k.t.Fatalf("read: %v", err)
	}
	return f
}

// ask sends a frame and returns the answer; pushes that come first are kept.
func (k *talk) ask(f *wire.ClientFrame) *wire.ServerFrame {
	k.t.Helper()
	return k.answer(k.say(f))
}

func (k *talk) answer(id uint64) *wire.ServerFrame {
	k.t.Helper()
	for {
		f := k.hear()
		switch {
		case f.GetId() == id:
			return f
		case f.GetPush() != nil:
			k.queued = append(k.queued, f.GetPush().GetMessages()...)
		default:
			k.aside = append(k.aside, f)
		}
	}
}

// message returns the next pushed message.
func (k *talk) message() *wire.Message {
	k.t.Helper()
	for len(k.queued) == 0 {
		f := k.hear()
		if f.GetPush() == nil {
			k.t.Fatalf("%v where a push was expected", f)
		}
		k.queued = f.GetPush().GetMessages()
	}
	m := k.queued[0]
	k.queued = k.queued[1:]
	return m
}

// closed reads until the connection is closed, and returns the code and the
// frames before it.
func (k *talk) closed() (code int, before []*wire.ServerFrame) {
	k.t.Helper()
	for {
		f, err := k.read()
		if err == nil {
			before = append(before, f)
			continue
		}
		closing, ok := errors.AsType[websocket.CloseError](err)
		if !ok {
			k.t.Fatalf("the connection ended without a close frame: %v", err)
		}
		return int(closing.Code), before
	}
}

// wantClosed is closed with a certain code.
func (k *talk) wantClosed(code int) []*wire.ServerFrame {
	k.t.Helper()
	got, before := k.closed()
	if got != code {
		k.t.Errorf("closed with %d, want %d", got, code)
	}
	return before
}

// encodeFrame writes a frame as a client does.
func encodeFrame(t *testing.T, enc wire.Encoding, f *wire.ClientFrame) ([]byte, websocket.MessageType) {
	t.Helper()
	if enc == wire.Proto {
		payload, err := proto.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		return payload, websocket.MessageBinary
	}
	name, body := "", object{}
	switch b := f.GetBody().(type) {
	case *wire.ClientFrame_SignIn:
		name, body = "sign_in", object{"token": b.SignIn.Token, "after": b.SignIn.After, "epoch": b.SignIn.Epoch, "device_id": b.SignIn.DeviceId}
	case *wire.ClientFrame_Ping:
		name, body = "ping", object{"seq": b.Ping.Seq}
	case *wire.ClientFrame_Sync:
		name, body = "sync", object{"after": b.Sync.After, "limit": b.Sync.Limit}
	case *wire.ClientFrame_Ack:
		name, body = "ack", object{"seq": b.Ack.Seq}
	case *wire.ClientFrame_Presence:
		name, body = "presence", object{"watch": b.Presence.Watch, "unwatch": b.Presence.Unwatch}
	case *wire.ClientFrame_Send:
		s := b.Send
		to := object{"user_id": s.GetTo().GetUserId()}
		if g := s.GetTo().GetGroupId(); g != "" {
			to = object{"group_id": g}
		}
		name, body = "send", object{"to": to, "type": s.Type, "content": json.RawMessage(s.Content), "client_msg_id": s.ClientMsgId, "persist": s.Persist, "reply_to": s.ReplyTo}
	}
	for key, value := range body {
		if fmt.Sprint(value) == "<nil>" || value == "" {
			delete(body, key) // as a client leaves out what it does not mean
		}
	}
	payload, err := json.Marshal(object{"id": f.GetId(), name: body})
	if err != nil {
		t.Fatal(err)
	}
	return payload, websocket.MessageText
}

// decodeFrame reads a frame of the server. Its JSON differs from that of protobuf in
// contents and times.
func decodeFrame(t *testing.T, enc wire.Encoding, payload []byte) *wire.ServerFrame {
	t.Helper()
	f := new(wire.ServerFrame)
	if enc == wire.Proto {
		if err := proto.Unmarshal(payload, f); err != nil {
			t.Fatalf("decode %x: %v", payload, err)
		}
		return f
	}
	var tree object
	d := json.NewDecoder(strings.NewReader(string(payload)))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		t.Fatalf("decode %s: %v", payload, err)
	}
	asProtobuf(t, tree)
	if sent, ok := tree["sent"].(object); ok && sent["durable"] == nil {
		sent["durable"] = true // as in REST, only the exception is said
	}
	plain, err := json.Marshal(tree)
	if err == nil {
		err = protojson.Unmarshal(plain, f)
	}
	if err != nil {
		t.Fatalf("decode %s: %v", payload, err)
	}
	return f
}

// asProtobuf turns contents to bytes and times to numbers, anywhere in tree.
func asProtobuf(t *testing.T, tree object) {
	t.Helper()
	for name, value := range tree {
		switch v := value.(type) {
		case string:
			if name == "sent_at" || name == "edited_at" || name == "last_seen_at" {
				at, err := time.Parse(time.RFC3339, v)
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				tree[name] = at.UnixMilli()
			}
		case object:
			if name == "content" || name == "data" {
				text, _ := json.Marshal(v)
				tree[name] = text // base64, as protobuf has bytes
				continue
			}
			asProtobuf(t, v)
		case []any:
			for _, e := range v {
				if o, ok := e.(object); ok {
					asProtobuf(t, o)
				}
			}
		}
	}
}
