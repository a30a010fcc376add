package chat_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/chat"
	"github.com/gim-im/gim/wire"
)

// groupEvent is an entry that the server writes into the group team.
func groupEvent(seq int64, content string) *wire.Message {
	m := inTeam("", seq, "")
	m.Sender, m.Type, m.Content = &wire.Sender{Type: "system"}, "command", []byte(content)
	return m
}

func inTeam(from string, seq int64, text string) *wire.Message {
	m := pushed(from, seq, text)
	m.ConversationId = "group:team"
	return m
}

func TestMessage_EventLineSaysWhatHappened(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ content, want string }{
		{`{"code":200,"data":{"user_id":"bob","by":"bob","message":"It is\nme"}}`, `bob asks to be your contact: It is me`},
		{`{"code":200,"data":{"user_id":"bob","by":"alice"}}`, `you asked bob to be your contact`},
		{`{"code":201,"data":{"user_id":"bob"}}`, `you and bob are contacts`},
		{`{"code":202,"data":{"user_id":"bob","by":"bob"}}`, `bob turned your request down`},
		{`{"code":202,"data":{"user_id":"bob","by":"alice"}}`, `you turned the request of bob down`},
		{`{"code":203,"data":{"user_id":"bob","by":"bob"}}`, `bob took the request back`},
		{`{"code":203,"data":{"user_id":"bob","by":"alice"}}`, `you took your request to bob back`},
		{`{"code":204,"data":{"user_id":"bob","by":"bob"}}`, `you and bob are contacts no more`},
		{`{"code":205,"data":{"user_id":"bob","by":"alice","remark":"x"}}`, `you changed your remark on bob`},
		{`{"code":201,"data":{}}`, ``},
		{`{"code":100,"data":{"by":"alice","name":"X","owner":"alice","member_count":3}}`, `alice made the group`},
		{`{"code":100,"data":{"owner":"alice"}}`, `the group was made`},
		{`{"code":101,"data":{"by":"alice","name":"X","extra":{"a":1}}}`, `alice named the group "X"`},
		{`{"code":101,"data":{"name":"X"}}`, `the group was named "X"`},
		{`{"code":101,"data":{"by":"alice","name":""}}`, `alice changed the group`},
		{`{"code":101,"data":{"settings":{"mute_all":true}}}`, `the group was changed`},
		{`{"code":102,"data":{"by":"alice","user_ids":["carol","dave"]}}`, `alice added carol, dave`},
		{`{"code":102,"data":{"by":"carol","user_ids":["carol"]}}`, `carol joined`},
		{`{"code":102,"data":{"by":"alice","user_ids":["carol"]}}`, `alice added carol`},
		{`{"code":102,"data":{"user_ids":["carol"]}}`, `carol was added`},
		{`{"code":102,"data":{"user_ids":["carol","dave"]}}`, `carol, dave were added`},
		{`{"code":102,"data":{"by":"alice","user_ids":["a","b","c","d","e","f"]}}`, `alice added a, b, c, d, e, f`},
		{`{"code":102,"data":{"by":"alice","user_ids":["a","b","c","d","e","f","g"]}}`, `alice added a, b, c, d, e and 2 others`},
		{`{"code":103,"data":{"user_id":"carol"}}`, `carol left`},
		{`{"code":104,"data":{"by":"alice","user_id":"carol"}}`, `alice removed carol`},
		{`{"code":104,"data":{"user_id":"carol"}}`, `carol was removed`},
		{`{"code":105,"data":{"by":"alice","members":[{"user_id":"bob","role":"admin"}]}}`, `alice made bob an admin`},
		{
			`{"code":105,"data":{"by":"alice","members":[{"user_id":"bob","role":"owner"},{"user_id":"alice","role":"member"}]}}`,
			`alice made bob the owner, alice a member`,
		},
		{
			`{"code":105,"data":{"members":[{"user_id":"bob","role":"owner"},{"user_id":"alice","role":"admin"}]}}`,
			`bob was made the owner, alice an admin`,
		},
		{`{"code":106,"data":{"by":"alice","user_id":"carol","mute_until":"2026-11-25T15:04:00.000Z"}}`, `alice muted carol until 15:04`},
		{`{"code":106,"data":{"user_id":"carol","mute_until":"2026-11-25T15:04:00.000Z"}}`, `carol was muted until 15:04`},
		{`{"code":106,"data":{"by":"alice","user_id":"carol","mute_until":"2026-11-25T11:59:00.000Z"}}`, `alice lifted the mute of carol`},
		{`{"code":106,"data":{"user_id":"carol","mute_until":"2026-11-25T11:59:00.000Z"}}`, `the mute of carol was lifted`},
		{`{"code":107,"data":{"by":"alice"}}`, `alice dismissed the group`},
		{`{"code":107,"data":{}}`, `the group was dismissed`},
		{`{"code":108,"data":{"by":"alice","type":"large"}}`, `alice made the group a large one`},
		{`{"code":108,"data":{"type":"large"}}`, `the group was made a large one`},
		{`{"code":101,"data":{"by":"alice","settings":{"live_audience":true}}}`, `alice opened the group to a live audience`},
		{`{"code":101,"data":{"settings":{"live_audience":false}}}`, `the group was closed to its live audience`},
		{`{"code":101,"data":{"by":"alice","settings":{"history":"all"}}}`, `alice let new members read what was written before`},
		{`{"code":101,"data":{"settings":{"history":"joined"}}}`, `new members may read only what comes after they join`},
		{`{"code":109,"data":{"by":"alice","user_id":"carol","label":"boss"}}`, `alice changed the label of carol`},
		{`{"code":109,"data":{"user_id":"carol","label":""}}`, `the label of carol was changed`},
		{`{"code":109,"data":{"by":"alice","user_id":"carol","extra":{"a":1}}}`, ``},

		{`{"code":101,"data":{"name":"\u001b[2J\n\u202eX"}}`, `the group was named "␛[2J X"`},
		{`{"code":101,"data":{"name":"` + strings.Repeat("x", 200) + `"}}`, `the group was named "` + strings.Repeat("x", 59) + `…"`},
		{`{"code":102,"data":{"by":"a\u001b","user_ids":["b\u001b","c\n"]}}`, `a␛ added b␛, c `},
		{`{"code":103,"data":{"user_id":"a\u001b\n"}}`, `a␛  left`},
		{`{"code":105,"data":{"by":"a\u001b","members":[{"user_id":"b\u001b","role":"c\u001b\n"}]}}`, `a␛ made b␛ a c␛ `},
		{`{"code":107,"data":{"by":"a\u001b\n"}}`, `a␛  dismissed the group`},

		{`{"code":110,"data":{"by":"alice","user_id":"carol"}}`, ``},
		{`{"code":999}`, ``},
		{`{"code":999,"data":[1]}`, ``},
		{`{"code":102}`, ``},
		{`{"code":102,"data":{"by":"alice","user_ids":"carol"}}`, ``},
		{`{"code":104,"data":{"by":"alice"}}`, ``},
		{`{"code":105,"data":{"by":"alice"}}`, ``},
		{`{"code":106,"data":{"user_id":"carol","mute_until":"soon"}}`, ``},
	} {
		m := chat.Message{SenderType: "system", Type: "command", Content: []byte(tt.content), SentAt: noon}
		if got := m.EventLine(func(at time.Time) string { return at.Format("15:04") }); got != tt.want || !m.IsEvent() {
			t.Errorf("%s is %q, event %v; want %q, true", tt.content, got, m.IsEvent(), tt.want)
		}
	}
	muted := chat.Message{
		SenderType: "system", Type: "command", Content: []byte(`{"code":106,"data":{"user_id":"carol","mute_until":"2026-11-25T15:04:00.000Z"}}`), SentAt: noon,
	}
	if got := muted.Text(); got != "carol was muted until 2026-11-25 15:04 UTC" {
		t.Errorf("without a place its text is %q", got)
	}
}

func TestMessage_CommandsOfOthersAreNoEvents(t *testing.T) {
	t.Parallel()
	for _, m := range []chat.Message{
		{SenderType: "business", Type: "command", Content: []byte(`{"code":1001}`)},
		{SenderType: "system", Type: "command", Content: []byte(`{"code":1001}`)},
		{SenderType: "user", Type: "command", Content: []byte(`{"code":1001,"data":{"by":"alice"}}`)},
	} {
		if m.IsEvent() || m.Text() != "[command 1001]" {
			t.Errorf("of the %s: event %v, %q", m.SenderType, m.IsEvent(), m.Text())
		}
	}
	forged := chat.Message{SenderType: "business", Type: "command", Content: []byte(`{"code":107}`)}
	if forged.IsEvent() || forged.Text() != "[command 107]" {
		t.Errorf("one that the server did not write is shown as %q", forged.Text())
	}
}

// What happens to a message is told in the name of who sent it.
func TestMessage_NewsOfAMessageAreEventsOfItsSender(t *testing.T) {
	t.Parallel()
	for _, sender := range []string{"user", "business", "system"} {
		m := chat.Message{SenderType: sender, Type: "command", Content: []byte(`{"code":301,"data":{"message_id":"m","content":{"text":"x"}}}`)}
		if !m.IsEvent() || m.EventLine(func(time.Time) string { return "" }) != "" {
			t.Errorf("of the %s: event %v", sender, m.IsEvent())
		}
	}
}

const (
	left    = `{"code":103,"data":{"user_id":"carol"}}`
	unknown = `{"code":999,"data":{}}`
)

func TestModel_EventsAreNotUnreadAndAreRead(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	m.Received(page(groupEvent(1, `{"code":100,"data":{"owner":"bob"}}`), inTeam("bob", 2, "hi"), groupEvent(3, left), groupEvent(4, unknown)))
	c := m.Conversation("group:team")
	if c.Unread != 1 || !c.Complete {
		t.Errorf("%d unread, complete %v; want 1, true", c.Unread, c.Complete)
	}
	m.Received(page(inTeam("alice", 5, "mine"), groupEvent(6, left), inTeam("bob", 7, "and")))
	if c.Unread != 2 {
		t.Errorf("%d unread, want 2", c.Unread)
	}
	m.MarkRead("group:team")
	m.Received(page(groupEvent(8, left), groupEvent(9, unknown)))
	if c.Unread != 0 {
		t.Errorf("%d unread, want 0", c.Unread)
	}
	if c = m.Open("group:team"); c.NewFrom != 0 {
		t.Errorf("new from %d, want nothing new", c.NewFrom)
	}
	if !m.MarkRead("group:team") || c.ReadSeq != 9 || m.MarkRead("group:team") {
		t.Errorf("read to %d, want 9 and no more to read", c.ReadSeq)
	}
}

// TestModel_AReceiptCountsWhatIsUnreadWithoutEvents has an event and an answer
// come before the receipt of a message.
func TestModel_AReceiptCountsWhatIsUnreadWithoutEvents(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	send := sendTo("", "c1")
	send.To = &wire.Target{GroupId: "team"}
	m.Begin(send, noon)
	m.Received(page(groupEvent(2, left), inTeam("bob", 3, "quick")))
	m.Sent(send, &wire.Sent{MessageId: "m1", ConversationSeq: 1, Seq: 1, SentAt: noon.UnixMilli(), Durable: true})
	if c := m.Conversation("group:team"); c.Unread != 1 {
		t.Errorf("%d unread, want 1", c.Unread)
	}
}

func TestModel_AnEventIsTheLastMessageUnlessItSaysNothing(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	m.Received(page(inTeam("bob", 1, "hi"), groupEvent(2, left), groupEvent(3, unknown)))
	c := m.Conversation("group:team")
	if last, ok := c.Last(); !ok || last.Text() != "carol left" || !c.At.Equal(noon.Add(2*time.Minute)) {
		t.Errorf("the last is %q, %v at %v; want that carol left", last.Text(), ok, c.At)
	}
	m.Received(page(groupEvent(4, unknown)))
	other := groupEvent(5, unknown)
	other.ConversationId = "group:other"
	m.Received(page(other))
	if last, ok := m.Conversation("group:other").Last(); ok {
		t.Errorf("of nothing to show the last is %q", last.Text())
	}
}

func TestModel_EventsNameTheGroup(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	for i, step := range []struct{ content, want string }{
		{`{"code":100,"data":{"by":"alice","name":"One"}}`, "One"},
		{`{"code":101,"data":{"by":"alice","name":"Two"}}`, "Two"},
		{`{"code":101,"data":{"introduction":"x"}}`, "Two"},
		{`{"code":999,"data":{"name":"Three"}}`, "Two"},
		{`{"code":101,"data":{"name":""}}`, "team"},
	} {
		m.Received(page(groupEvent(int64(i+1), step.content)))
		if got := m.Conversation("group:team").Title(); got != step.want {
			t.Errorf("after %s the group is called %q, want %q", step.content, got, step.want)
		}
	}
}

func TestModel_OldEventsDoNotNameTheGroup(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	m.Received(page(groupEvent(5, `{"code":101,"data":{"name":"New"}}`)))
	m.History("group:team", []client.Message{{
		MessageId: "m1", ConversationSeq: 1, Sender: client.Sender{Type: "system"}, Type: "command",
		Content: []byte(`{"code":100,"data":{"name":"Old"}}`), SentAt: noon,
	}}, false)
	m.Received(page(groupEvent(1, `{"code":100,"data":{"name":"Old"}}`))) // known by now
	c := m.Conversation("group:team")
	if c.Title() != "New" || c.Unread != 0 || len(c.Messages) != 2 {
		t.Errorf("the group is called %q, with %d unread of %d", c.Title(), c.Unread, len(c.Messages))
	}
	if got := texts(c); !slices.Equal(got, []string{"the group was made", `the group was named "New"`}) {
		t.Errorf("the messages are %q", got)
	}
}
