package domain

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

func (f *fakeBack) AppByNum(context.Context, AppNum) (App, error) {
	return App{Settings: f.settings}, nil
}

func (f *fakeBack) Message(context.Context, AppNum, UserRef, MessageID) (*Message, error) {
	if f.stored == nil {
		return nil, ErrMessageNotFound
	}
	m := f.stored.Message
	return &m, nil
}

func (f *fakeBack) ChangeMessage(_ context.Context, _ AppNum, _ UserRef, _ MessageID, change func(*MessageState) error) (*Message, error) {
	state := *f.stored
	if err := change(&state); err != nil {
		return nil, err
	}
	*f.stored = state
	return &state.Message, nil
}

func (f *fakeBack) DeleteMessage(context.Context, AppNum, UserRef, MessageID) error { return nil }

func (f *fakeBack) MessageReads(context.Context, AppNum, UserRef, MessageID, *bool, Page) (MessageReads, error) {
	return MessageReads{}, nil
}

func (f *fakeBack) MessageEdits(context.Context, AppNum, MessageID, Page) (List[MessageEdit], error) {
	return List[MessageEdit]{Items: []MessageEdit{{Content: json.RawMessage(`{"text":"was"}`)}}}, nil
}

func (f *fakeBack) Reactors(context.Context, AppNum, MessageID, string, Page) (List[Reactor], error) {
	return List[Reactor]{Items: []Reactor{{User: "bob", Reaction: "👍"}}}, nil
}

// frozen is a clock that stands still.
type frozen time.Time

func (f frozen) Now() time.Time { return time.Time(f) }

var (
	sentAt   = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	storedID = NewMessageID(sentAt, 5, 3)
	bob      = Principal{Kind: PrincipalUser, App: AppRef{1, "demo"}, User: UserRef{8, "bob"}}
)

// ofAliceTo is a message of alice as it is stored, sent at sentAt.
func ofAliceTo(to Target) *MessageState {
	return &MessageState{Sender: 7, Message: Message{
		ID: storedID, Conversation: 5, ConversationSeq: 3, Sender: Sender{SenderUser, "alice", "phone"}, To: to,
		Type: ContentText, Content: json.RawMessage(`{"text":"hi"}`), Mentions: []string{"bob"}, SentAt: sentAt, Status: StatusNormal,
	}}
}

func TestMessageID_PlaceIsWhatItWasMadeWith(t *testing.T) {
	t.Parallel()
	for _, want := range []struct {
		conv ConversationNum
		seq  int64
	}{{5, 3}, {1<<62 + 9, 1}, {1, 1<<47 + 1<<33 + 7}} {
		if conv, seq := NewMessageID(sentAt, want.conv, want.seq).Place(); conv != want.conv || seq != want.seq {
			t.Errorf("got %d and %d, want %+v", conv, seq, want)
		}
	}
	for _, id := range []MessageID{"", "x", NewMessageID(sentAt, 5, 0), storedID + "0", storedID[:31], storedID[:31] + "\n", storedID[:31] + "z"} {
		if conv, seq := id.Place(); conv != 0 || seq != 0 {
			t.Errorf("%q: got %d and %d", id, conv, seq)
		}
	}
}

// edited is the content that the tests edit a message to.
const edited = `{"text":"hello"}`

func TestRecallAndEdit_AreForThoseWhoMay(t *testing.T) {
	t.Parallel()
	team, chat := Target{Group: "team"}, Target{User: "bob"}
	muted := Failure(CodeMuted, "")
	for name, c := range map[string]struct {
		by           Principal
		to           Target
		after        time.Duration
		role         Role
		refusal      error
		recall, edit Code
	}{
		"the sender":                      {alice, chat, 119 * time.Second, "", nil, "", ""},
		"the sender, too late to recall":  {alice, chat, 120 * time.Second, "", nil, CodeTooLate, ""},
		"the sender, too late to edit":    {alice, chat, 900 * time.Second, "", nil, CodeTooLate, CodeTooLate},
		"the other":                       {bob, chat, 0, "", nil, CodeForbidden, CodeForbidden},
		"an app key":                      {business, chat, 1e6 * time.Second, "", nil, "", ""},
		"an app key for the sender":       {asAlice, chat, 120 * time.Second, "", nil, CodeTooLate, ""},
		"the operator":                    {operator, chat, 0, "", nil, CodeForbidden, CodeForbidden},
		"the sender, blocked":             {alice, chat, 0, "", ErrBlocked, "", CodeBlocked},
		"a member":                        {bob, team, 0, RoleMember, nil, CodeForbidden, CodeForbidden},
		"an admin":                        {bob, team, 1e6 * time.Second, RoleAdmin, nil, "", CodeForbidden},
		"the owner":                       {bob, team, 1e6 * time.Second, RoleOwner, nil, "", CodeForbidden},
		"an admin, of its own":            {alice, team, 1e6 * time.Second, RoleAdmin, nil, "", CodeTooLate},
		"the sender, muted":               {alice, team, 0, RoleMember, muted, "", CodeMuted},
		"the sender in a dismissed group": {alice, team, 0, RoleMember, ErrGroupDismissed, CodeGroupDismissed, CodeGroupDismissed},
		"the owner of a dismissed group":  {bob, team, 0, RoleOwner, ErrGroupDismissed, CodeGroupDismissed, CodeForbidden},
		"an app key, a dismissed group":   {business, team, 0, "", ErrGroupDismissed, "", CodeGroupDismissed},
	} {
		for what, want := range map[string]Code{"recall": c.recall, "edit": c.edit} {
			f := &fakeBack{stored: ofAliceTo(c.to), settings: DefaultAppSettings()}
			f.stored.Role, f.stored.Refusal = c.role, c.refusal
			m := newTestMessenger(f)
			m.clock = frozen(sentAt.Add(c.after))
			var err error
			if what == "recall" {
				_, err = m.Recall(t.Context(), c.by, storedID)
			} else {
				_, err = m.Edit(t.Context(), c.by, storedID, json.RawMessage(edited))
			}
			if CodeOf(err) != want || (err == nil) != (f.stored.Event != nil) {
				t.Errorf("%s: %s: %v, and the event %v, want code %q", name, what, err, f.stored.Event, want)
			}
		}
	}
}

func TestRecall_LeavesNothingOfTheMessage(t *testing.T) {
	t.Parallel()
	f := &fakeBack{stored: ofAliceTo(Target{User: "bob"}), settings: DefaultAppSettings()}
	m := newTestMessenger(f)
	m.clock = frozen(sentAt)
	got, err := m.Recall(t.Context(), alice, storedID)
	if err != nil || got.Status != StatusRecalled || string(got.Content) != "{}" || got.Mentions != nil || got.ID != storedID {
		t.Errorf("%+v, %v", got, err)
	}
	entry, err := f.stored.Event.Entry(got, sentAt)
	const want = `{"code":300,"data":{"by":"alice","message_id":"ID","message_seq":3}}`
	if err != nil || strings.ReplaceAll(string(entry.Content), string(storedID), "ID") != want || entry.To != got.To || entry.Sender != (Sender{SenderUser, "alice", ""}) {
		t.Errorf("%v, told as %+v: %s", err, entry, entry.Content)
	}
	for _, again := range []func() error{
		func() error { _, err := m.Recall(t.Context(), alice, storedID); return err },
		func() error { _, err := m.Recall(t.Context(), business, storedID); return err },
		func() error { _, err := m.Edit(t.Context(), alice, storedID, json.RawMessage(edited)); return err },
	} {
		f.stored.Event = nil
		if err := again(); CodeOf(err) != CodeMessageRecalled || f.stored.Event != nil {
			t.Errorf("again: %v, %v", err, f.stored.Event)
		}
	}
}

func TestDelete_IsForUsersAndTellsWhatToForget(t *testing.T) {
	t.Parallel()
	m := newTestMessenger(&fakeBack{})
	for _, c := range []struct {
		by   Principal
		id   MessageID
		code Code
	}{{alice, storedID, ""}, {business, storedID, CodeForbidden}, {operator, storedID, CodeForbidden}, {alice, "x", CodeBadRequest}} {
		if err := m.Delete(t.Context(), c.by, c.id); CodeOf(err) != c.code {
			t.Errorf("%v, want %q", err, c.code)
		}
	}
	message := ofAliceTo(Target{User: "bob"}).Message
	for user, conversation := range map[UserID]string{"alice": "user:bob", "bob": "user:alice"} {
		entry, err := MessageDeleted(user, &message, sentAt)
		want := `{"code":304,"data":{"message_id":"ID","message_seq":3,"conversation_id":"` + conversation + `"}}`
		if err != nil || strings.ReplaceAll(string(entry.Content), string(storedID), "ID") != want || entry.To != (Target{User: user}) || !entry.isEvent() {
			t.Errorf("%v, told as %+v: %s", err, entry, entry.Content)
		}
	}
}

func TestReads_InALargeGroupAreForTheSenderAndTheBusiness(t *testing.T) {
	t.Parallel()
	m := newTestMessenger(&fakeBack{})
	for _, c := range []struct {
		by   Principal
		id   MessageID
		code Code
	}{{alice, storedID, ""}, {business, storedID, ""}, {operator, storedID, CodeForbidden}, {alice, "x", CodeBadRequest}} {
		if _, err := m.Reads(t.Context(), c.by, c.id, nil, Page{Limit: 1}); CodeOf(err) != c.code {
			t.Errorf("%v, want %q", err, c.code)
		}
	}
	for reader, code := range map[UserNum]Code{0: "", 7: "", 8: CodeForbidden} {
		if err := RefuseReads(reader, 7); CodeOf(err) != code {
			t.Errorf("%d: %v, want %q", reader, err, code)
		}
	}
}

func TestEdit_ReplacesTheContentOnly(t *testing.T) {
	t.Parallel()
	f := &fakeBack{stored: ofAliceTo(Target{User: "bob"}), settings: DefaultAppSettings()}
	m := newTestMessenger(f)
	now := sentAt.Add(time.Minute + 1500*time.Microsecond)
	m.clock = frozen(now)
	edit := func(content string) (*Message, error) {
		return m.Edit(t.Context(), alice, storedID, json.RawMessage(content))
	}
	for content, code := range map[string]Code{
		`{"text":""}`: CodeBadRequest, `{"url":"x"}`: CodeBadRequest, `[]`: CodeBadRequest, `{}`: CodeBadRequest,
		`{"text":"` + strings.Repeat("x", MaxContentBytes) + `"}`: CodeTooLarge,
	} {
		if _, err := edit(content); CodeOf(err) != code || f.stored.Event != nil {
			t.Errorf("%.20s: %v, want code %s", content, err, code)
		}
	}
	if got, err := edit(`{ "text": "hi" }`); err != nil || f.stored.Event != nil || got.Status != StatusNormal || !got.EditedAt.IsZero() {
		t.Errorf("with the same content: %+v, %v, %v", got, err, f.stored.Event)
	}
	got, err := edit(edited)
	if err != nil || got.Status != StatusEdited || string(got.Content) != edited || !slices.Equal(got.Mentions, []string{"bob"}) || !got.EditedAt.Equal(Millis(now)) || f.stored.KeepEdit {
		t.Errorf("%+v, %v, kept %v", got, err, f.stored.KeepEdit)
	}
	entry, err := f.stored.Event.Entry(got, now)
	const rest = `{"code":301,"data":{"by":"alice","message_id":"ID","message_seq":3,`
	const want = rest + `"content":` + edited + `,"edited_at":"2026-01-31T12:01:00.001Z"}}`
	if err != nil || strings.ReplaceAll(string(entry.Content), string(storedID), "ID") != want {
		t.Errorf("told as %s, %v", entry.Content, err)
	}
	stripped, err := WithoutContent(entry.Content)
	if err != nil || strings.ReplaceAll(string(stripped), string(storedID), "ID") != rest+`"edited_at":"2026-01-31T12:01:00.001Z"}}` {
		t.Errorf("without its content %s, %v", stripped, err)
	}
	f.settings.EditHistory = true
	if _, err := edit(`{"text":"third"}`); err != nil || !f.stored.KeepEdit {
		t.Errorf("%v, kept %v", err, f.stored.KeepEdit)
	}
}

func TestChange_RefusesWhatIsNoMessageOfSomebody(t *testing.T) {
	t.Parallel()
	f := &fakeBack{settings: DefaultAppSettings()}
	m := newTestMessenger(f)
	m.clock = frozen(sentAt)
	refused := func(what string, by Principal, id MessageID, want Code) {
		t.Helper()
		_, err := m.Recall(t.Context(), by, id)
		_, also := m.Edit(t.Context(), by, id, json.RawMessage(edited))
		if CodeOf(err) != want || CodeOf(also) != want {
			t.Errorf("%s: %v and %v, want code %s", what, err, also, want)
		}
	}
	refused("absent", alice, storedID, CodeMessageNotFound)
	for _, id := range []MessageID{"", "x", storedID + "0", MessageID(strings.ToUpper(string(storedID)))} {
		refused(string(id), alice, id, CodeBadRequest)
		if _, err := m.Message(t.Context(), alice, id); CodeOf(err) != CodeBadRequest {
			t.Errorf("look up %q: %v", id, err)
		}
	}
	f.stored = ofAliceTo(Target{Group: "team"})
	f.stored.Message.Type = ContentCommand
	for _, code := range []string{"102", "300", "301"} {
		f.stored.Message.Content = json.RawMessage(`{"code":` + code + `,"data":{}}`)
		refused("an event", business, storedID, CodeForbidden)
	}
	f.stored.Message.Content = json.RawMessage(`{"code":1000}`)
	if _, err := m.Recall(t.Context(), alice, storedID); err != nil {
		t.Errorf("a command of the business's own: %v", err)
	}
}

// An entry about a message is nothing that becomes of a group, whoever sent the message.
func TestEventOf_IsNoMessageEvent(t *testing.T) {
	t.Parallel()
	about := Message{Sender: Sender{Type: SenderSystem}, To: Target{Group: "team"}}
	entry, err := MessageEvent{Code: EventMessageRecalled}.Entry(&about, sentAt)
	if e, ok := EventOf(&entry); err != nil || ok {
		t.Errorf("%+v, %v", e, err)
	}
}
