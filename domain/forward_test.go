package domain

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// withoutMessage is a store that does not find a message, for some reason.
type withoutMessage struct {
	*fakeBack
	why error
}

func (f withoutMessage) Message(context.Context, AppNum, UserRef, MessageID) (*Message, error) {
	return nil, f.why
}

func toCarol(key string) ForwardParams {
	return ForwardParams{To: Target{User: "carol"}, ClientMsgID: key}
}

func TestForward_CopiesTypeAndContentOnly(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]struct {
		by   Principal
		as   SenderType
		want Sender
	}{
		"its sender":         {alice, "", Sender{SenderUser, "alice", "phone"}},
		"the other":          {bob, "", Sender{SenderUser, "bob", ""}},
		"an app key":         {business, "", Sender{Type: SenderBusiness}},
		"an app key, system": {business, SenderSystem, Sender{Type: SenderSystem}},
	} {
		f := &fakeBack{stored: ofAliceTo(Target{User: "bob"})}
		source := &f.stored.Message
		source.Type, source.Content = ContentCommand, json.RawMessage(`{"code":1000}`) // the lowest that is not gim's own
		source.Status, source.EditedAt, source.ReplyTo, source.ClientMsgID = StatusEdited, sentAt, storedID, "theirs"
		source.Reactions = []Reaction{{Reaction: "👍", Count: 1}}
		before := *source
		m := newTestMessenger(f)
		m.clock = frozen(sentAt.Add(time.Hour))
		p := toCarol("mine")
		p.SenderType = by.as
		if _, err := m.Forward(t.Context(), by.by, storedID, p); err != nil || len(f.appended) != 1 {
			t.Fatalf("%s: %v, appended %+v", name, err, f.appended)
		}
		out := f.appended[0]
		want := Message{
			Sender: by.want, To: Target{User: "carol"}, Type: ContentCommand, Content: json.RawMessage(`{"code":1000}`),
			ClientMsgID: "mine", SentAt: sentAt.Add(time.Hour), Status: StatusNormal, Forwarded: true,
		}
		if diff := cmp.Diff(want, out.Message); diff != "" || out.Refusal != nil || out.App != 1 || out.User != by.by.User.Num {
			t.Errorf("%s: %+v (-want +got):\n%s", name, out, diff)
		}
		if diff := cmp.Diff(before, f.stored.Message); diff != "" {
			t.Errorf("%s changed what it forwards (-before +after):\n%s", name, diff)
		}
	}
}

func TestForward_RefusesWhatBreaksARule(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		by     Principal
		id     MessageID
		change func(*ForwardParams)
		code   Code
		field  string
	}{
		"the operator":       {operator, storedID, func(*ForwardParams) {}, CodeForbidden, ""},
		"a user as system":   {alice, storedID, func(p *ForwardParams) { p.SenderType = SenderSystem }, CodeForbidden, ""},
		"an unknown sender":  {business, storedID, func(p *ForwardParams) { p.SenderType = "other" }, CodeBadRequest, "/sender_type"},
		"no id":              {alice, "x", func(*ForwardParams) {}, CodeBadRequest, "message_id"},
		"nobody":             {alice, storedID, func(p *ForwardParams) { p.To = Target{} }, CodeBadRequest, "/to"},
		"user and group":     {alice, storedID, func(p *ForwardParams) { p.To.Group = "team" }, CodeBadRequest, "/to"},
		"malformed user":     {alice, storedID, func(p *ForwardParams) { p.To.User = "b ob" }, CodeBadRequest, "/to/user_id"},
		"long client_msg_id": {alice, storedID, func(p *ForwardParams) { p.ClientMsgID = strings.Repeat("x", MaxClientMsgID+1) }, CodeBadRequest, "/client_msg_id"},
	} {
		f := &fakeBack{stored: ofAliceTo(Target{User: "bob"})}
		p := toCarol("")
		c.change(&p)
		_, err := newTestMessenger(f).Forward(t.Context(), c.by, c.id, p)
		wrong, ok := errors.AsType[*Error](err)
		if !ok || wrong.Code != c.code || c.field != "" && (len(wrong.Fields) != 1 || wrong.Fields[0].Pointer != c.field) {
			t.Errorf("%s: %v, want %s at %q", name, err, c.code, c.field)
		}
		if len(f.appended) != 0 {
			t.Errorf("%s: appended %+v", name, f.appended)
		}
	}
}

// What cannot be forwarded now may have been, with the same key: the store knows, and is
// asked. Without a key, and when it is not known whether the message is there, it is not.
func TestForward_OfWhatCannotBeForwardedIsLeftToTheStore(t *testing.T) {
	t.Parallel()
	recalled, last, first := ofAliceTo(Target{User: "bob"}), ofAliceTo(Target{User: "bob"}), ofAliceTo(Target{User: "bob"})
	recalled.Message.Status, recalled.Message.Content = StatusRecalled, json.RawMessage("{}")
	last.Message.Type, last.Message.Content = ContentCommand, json.RawMessage(`{"code":999}`)
	first.Message.Type, first.Message.Content = ContentCommand, json.RawMessage(`{"code":1}`)
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		stored *MessageState
		why    error
		code   Code
		isLeft bool
	}{
		"recalled":          {recalled, nil, CodeMessageRecalled, true},
		"gim's last code":   {last, nil, CodeForbidden, true},
		"gim's first code":  {first, nil, CodeForbidden, true},
		"absent":            {nil, ErrMessageNotFound, CodeMessageNotFound, true},
		"not known":         {nil, Failure(CodeUnavailable, ""), CodeUnavailable, false},
		"an unknown reason": {nil, broken, CodeInternal, false},
	} {
		for _, key := range []string{"", "key"} {
			f := &fakeBack{stored: c.stored}
			m := newTestMessenger(f)
			if c.why != nil {
				m.messages = withoutMessage{f, c.why}
			}
			_, err := m.Forward(t.Context(), alice, storedID, toCarol(key))
			if key == "" || !c.isLeft {
				if CodeOf(err) != c.code || len(f.appended) != 0 || c.why == broken && !errors.Is(err, broken) {
					t.Errorf("%s, key %q: %v, appended %+v, want %s", name, key, err, f.appended, c.code)
				}
				continue
			}
			if err != nil || len(f.appended) != 1 {
				t.Fatalf("%s: %v, appended %+v", name, err, f.appended)
			}
			out := f.appended[0]
			if CodeOf(out.Refusal) != c.code || out.Digest == nil || out.Message.Content != nil || out.Message.Type != "" {
				t.Errorf("%s: appended %+v, want the refusal %s and nothing of the message", name, out, c.code)
			}
		}
	}
}

func TestForward_DigestTellsRequestsApart(t *testing.T) {
	t.Parallel()
	f := &fakeBack{stored: ofAliceTo(Target{User: "bob"})}
	m := newTestMessenger(f)
	digest := func(by Principal, id MessageID, p ForwardParams) string {
		t.Helper()
		if _, err := m.Forward(t.Context(), by, id, p); err != nil {
			t.Fatal(err)
		}
		return string(f.appended[len(f.appended)-1].Digest)
	}
	first := digest(alice, storedID, toCarol("c1"))
	toGroup, asSystem := toCarol("c1"), toCarol("c1")
	toGroup.To, asSystem.SenderType = Target{Group: "carol"}, SenderSystem
	others := []string{
		digest(alice, NewMessageID(sentAt, 5, 4), toCarol("c1")), digest(alice, storedID, toGroup),
		digest(business, storedID, toCarol("c1")), digest(business, storedID, asSystem), digest(alice, storedID, toCarol("")),
	}
	if _, err := m.Send(t.Context(), alice, SendParams{To: Target{User: "carol"}, Type: ContentText, Content: f.stored.Message.Content, ClientMsgID: "c1"}); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{first: true}
	for i, d := range append(others, string(f.appended[len(f.appended)-1].Digest)) {
		if seen[d] {
			t.Errorf("request %d has the digest of another one", i)
		}
		seen[d] = true
	}
	f.stored.Message.Content, f.stored.Message.Status = json.RawMessage(edited), StatusEdited
	same := []string{digest(alice, storedID, toCarol("c1"))}
	f.stored.Message.Status = StatusRecalled
	same = append(same, digest(alice, storedID, toCarol("c1")))
	for i, d := range same {
		if d != first {
			t.Errorf("%d: the same request has two digests", i)
		}
	}
}

func TestForward_IsLimitedAsASend(t *testing.T) {
	t.Parallel()
	f := &fakeBack{stored: ofAliceTo(Target{User: "bob"}), refuse: time.Second}
	m := newTestMessenger(f)
	_, err := m.Forward(t.Context(), alice, storedID, toCarol(""))
	limited, ok := errors.AsType[*Error](err)
	if !ok || limited.Code != CodeRateLimited || limited.RetryAfter != time.Second || len(f.appended) != 0 {
		t.Errorf("%v, appended %+v", err, f.appended)
	}
	if _, err := m.Forward(t.Context(), business, storedID, toCarol("")); err != nil {
		t.Errorf("an app key: %v", err)
	}
}
