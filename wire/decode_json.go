package wire

import (
	"bytes"
	"errors"
	"reflect"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/gim-im/gim/domain"
)

// Bodies as clients write them in JSON.
type (
	jsonSignIn struct {
		Token    string `json:"token"`
		DeviceID string `json:"device_id"`
		After    *int64 `json:"after"`
		Epoch    string `json:"epoch"`
		Client   string `json:"client"`

		Groups map[string]int64 `json:"groups"`
	}
	jsonPing struct {
		Seq *int64 `json:"seq"`
	}
	jsonSync struct {
		After   int64  `json:"after"`
		Limit   *int32 `json:"limit"`
		GroupID string `json:"group_id"`
	}
	jsonAck struct {
		Seq             int64  `json:"seq"`
		GroupID         string `json:"group_id"`
		ConversationSeq int64  `json:"conversation_seq"`
	}
	jsonSubscribe struct { // and unsubscribe
		GroupID string `json:"group_id"`
	}
	jsonSend struct {
		To          jsonTarget     `json:"to"`
		Type        string         `json:"type"`
		Content     jsontext.Value `json:"content"`
		ClientMsgID string         `json:"client_msg_id"`
		Mentions    []string       `json:"mentions"`
		Persist     *bool          `json:"persist"`
		ReplyTo     string         `json:"reply_to"`
	}
	jsonSignal struct {
		To   jsonTarget     `json:"to"`
		Kind string         `json:"kind"`
		Data jsontext.Value `json:"data"`
	}
	jsonPresenceWatch struct {
		Watch   []string `json:"watch"`
		Unwatch []string `json:"unwatch"`
	}
	jsonRefresh struct {
		Token string `json:"token"`
	}
	jsonTarget struct {
		UserID  string `json:"user_id"`
		GroupID string `json:"group_id"`
	}
)

func decodeClientJSON(payload []byte) (*ClientFrame, error) {
	f := new(ClientFrame)
	if err := checkJSON("", payload); err != nil {
		return f, err
	}
	lent := borrowDecoder(payload)
	defer lent.giveBack()
	d := &lent.Decoder
	if d.PeekKind() != jsontext.KindBeginObject {
		return f, domain.Failure(domain.CodeBadRequest, "A frame is a JSON object.")
	}
	_, _ = d.ReadToken() // all of payload is known to be valid
	bodies, strangers := 0, 0
	var wrong error
	for d.PeekKind() != jsontext.KindEndObject {
		token, err := d.ReadToken()
		if err != nil {
			return f, domain.Trace(err)
		}
		name := token.String()
		value, err := d.ReadValue()
		if err != nil {
			return f, domain.Trace(err)
		}
		switch known, err := f.setJSON(name, value); {
		case err != nil && wrong == nil:
			wrong = err // go on: the id may follow
		case !known:
			strangers++
		case name != "id":
			bodies++
		}
	}
	switch {
	case wrong != nil:
		return f, wrong
	case bodies == 0 && strangers > 0:
		return f, errUnsupported
	case bodies != 1:
		return f, domain.Failure(domain.CodeBadRequest, "A frame has exactly one body; this one has %d.", bodies)
	}
	return f, nil
}

// jsonDecoder reads JSON that was checked. It is lent, because a new one allocates
// more than all the rest.
type jsonDecoder struct {
	jsontext.Decoder
	in bytes.Buffer
}

// jsonDecoders hold no state.
var jsonDecoders sync.Pool

func borrowDecoder(checked []byte) *jsonDecoder {
	d, ok := jsonDecoders.Get().(*jsonDecoder)
	if !ok {
		d = new(jsonDecoder)
	}
	d.in = *bytes.NewBuffer(checked)
	d.Reset(&d.in, jsontext.AllowDuplicateNames(true)) // there are none
	return d
}

func (d *jsonDecoder) giveBack() {
	d.in = bytes.Buffer{}
	d.Reset(&d.in) // it has parts of the frame
	jsonDecoders.Put(d)
}

// setJSON takes one member of a frame. It reports whether it knows the name.
func (f *ClientFrame) setJSON(name string, value jsontext.Value) (known bool, err error) {
	switch name {
	case "id":
		err = unmarshal("/id", value, &f.Id)
	case "sign_in":
		var b jsonSignIn
		err = unmarshalBody("/sign_in", value, &b)
		f.Body = &ClientFrame_SignIn{&SignIn{Token: b.Token, DeviceId: b.DeviceID, After: b.After, Epoch: b.Epoch, Client: b.Client, Groups: b.Groups}}
	case "ping":
		var b jsonPing
		err = unmarshalBody("/ping", value, &b)
		f.Body = &ClientFrame_Ping{&Ping{Seq: b.Seq}}
	case "sync":
		var b jsonSync
		err = unmarshalBody("/sync", value, &b)
		f.Body = &ClientFrame_Sync{&Sync{After: b.After, Limit: b.Limit, GroupId: b.GroupID}}
	case "ack":
		var b jsonAck
		err = unmarshalBody("/ack", value, &b)
		f.Body = &ClientFrame_Ack{&Ack{Seq: b.Seq, GroupId: b.GroupID, ConversationSeq: b.ConversationSeq}}
	case "send":
		var b jsonSend
		err = unmarshalBody("/send", value, &b)
		f.Body = &ClientFrame_Send{&Send{
			To:   b.To.target(),
			Type: b.Type, Content: bytes.Clone(b.Content), ClientMsgId: b.ClientMsgID, Mentions: b.Mentions, Persist: b.Persist, ReplyTo: b.ReplyTo,
		}}
	case "signal":
		var b jsonSignal
		err = unmarshalBody("/signal", value, &b)
		f.Body = &ClientFrame_Signal{&Signal{To: b.To.target(), Kind: b.Kind, Data: bytes.Clone(b.Data)}}
	case "presence":
		var b jsonPresenceWatch
		err = unmarshalBody("/presence", value, &b)
		f.Body = &ClientFrame_Presence{&PresenceWatch{Watch: b.Watch, Unwatch: b.Unwatch}}
	case "subscribe":
		var b jsonSubscribe
		err = unmarshalBody("/subscribe", value, &b)
		f.Body = &ClientFrame_Subscribe{&Subscribe{GroupId: b.GroupID}}
	case "unsubscribe":
		var b jsonSubscribe
		err = unmarshalBody("/unsubscribe", value, &b)
		f.Body = &ClientFrame_Unsubscribe{&Unsubscribe{GroupId: b.GroupID}}
	case "refresh":
		var b jsonRefresh
		err = unmarshalBody("/refresh", value, &b)
		f.Body = &ClientFrame_Refresh{&Refresh{Token: b.Token}}
	default:
		return false, nil
	}
	return true, err
}

func (t jsonTarget) target() *Target { return &Target{UserId: t.UserID, GroupId: t.GroupID} }

func unmarshalBody(pointer string, value jsontext.Value, body any) error {
	if value.Kind() != jsontext.KindBeginObject {
		return domain.Invalid(pointer, "must be an object")
	}
	return unmarshal(pointer, value, body)
}

func unmarshal(pointer string, value jsontext.Value, to any) error {
	err := json.Unmarshal(value, to)
	if err == nil {
		return nil
	}
	if wrong, ok := errors.AsType[*json.SemanticError](err); ok {
		return domain.Invalid(pointer+string(wrong.JSONPointer), "must be %s", describe(wrong.GoType))
	}
	return domain.Invalid(pointer, "has a wrong form")
}

// describe names what a Go type wants to read, in the words of JSON.
func describe(t reflect.Type) string {
	if t == nil {
		return "of another type"
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() { //nolint:exhaustive // the kinds that the bodies have
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int32, reflect.Int64:
		return "an integer"
	case reflect.Uint64:
		return "a non-negative integer"
	case reflect.Slice:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "of another type"
}
