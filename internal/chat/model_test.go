package chat_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/chat"
	"github.com/gim-im/gim/wire"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// pushed is a text of a user in the conversation with alice; seq is its number in
// the log and in the conversation.
func pushed(from string, seq int64, text string) *wire.Message {
	conversation := "user:" + from
	if from == "alice" {
		conversation = "user:bob"
	}
	return &wire.Message{
		Seq: seq, ConversationId: conversation, MessageId: fmt.Sprintf("m%d", seq), ConversationSeq: seq,
		Sender: &wire.Sender{Type: "user", UserId: from}, Type: "text", Content: fmt.Appendf(nil, `{"text":%q}`, text),
		SentAt: noon.Add(time.Duration(seq) * time.Minute).UnixMilli(), Status: "normal",
	}
}

func page(messages ...*wire.Message) []*wire.Message { return messages }

func sendTo(user, clientMsgID string) *wire.Send {
	return &wire.Send{To: &wire.Target{UserId: user}, Type: "text", Content: []byte(`{"text":"hi"}`), ClientMsgId: clientMsgID}
}

// texts are the messages of a conversation, with a sign for what is not stored.
func texts(c *chat.Conversation) []string {
	var got []string
	for _, m := range slices.Concat(c.Messages, c.Pending) {
		got = append(got, m.Text()+map[chat.Stage]string{chat.Sending: "…", chat.Failed: "!", chat.Passing: "~"}[m.Stage])
	}
	return got
}

func wantTexts(t *testing.T, c *chat.Conversation, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, texts(c)); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

// TestModel_MessagesOfLargeGroupsAreStored shows messages that are in no log of a
// user; the entry of one's own joining comes both ways.
func TestModel_MessagesOfLargeGroupsAreStored(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	large := func(msg *wire.Message) *wire.Message { msg.Seq = 0; return msg }
	joined := `{"code":102,"data":{"type":"large","user_ids":["alice"]}}`
	m.Received(page(groupEvent(4, joined), large(inTeam("bob", 5, "one")), large(groupEvent(4, joined)), large(inTeam("bob", 6, "two"))))
	fleeting := large(inTeam("bob", 0, "gone"))
	m.Received(page(fleeting))
	c := m.Conversation("group:team")
	wantTexts(t, c, "alice was added", "one", "two", "gone~")
	if c.Unread != 2 || c.Oldest() != 4 {
		t.Errorf("%d unread, the oldest is %d", c.Unread, c.Oldest())
	}
}

func TestModel_WhatComesTwiceIsThereOnce(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	m.Received(page(pushed("bob", 1, "one"), pushed("bob", 2, "two")))
	m.Received(page(pushed("bob", 2, "two"), pushed("bob", 3, "three")))
	c := m.Conversation("user:bob")
	wantTexts(t, c, "one", "two", "three")
	if c.Unread != 3 {
		t.Errorf("%d unread, want 3", c.Unread)
	}
}

func TestModel_HistoryGoesBeforeWhatIsThereAndCountsAsRead(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	m.Received(page(pushed("bob", 5, "five")))
	old := func(seq int64, text string) client.Message {
		return client.Message{
			MessageId: fmt.Sprintf("m%d", seq), ConversationSeq: seq, Sender: client.Sender{Type: "user"}, Type: "text",
			Content: fmt.Appendf(nil, `{"text":%q}`, text), SentAt: noon,
		}
	}
	m.History("user:bob", []client.Message{old(3, "three"), old(4, "four"), old(5, "five")}, true)
	c := m.Conversation("user:bob")
	wantTexts(t, c, "three", "four", "five")
	if c.Unread != 1 || c.Complete || c.Oldest() != 3 {
		t.Errorf("%d unread, complete %v, from %d on; want 1, false, 3", c.Unread, c.Complete, c.Oldest())
	}
	m.History("user:bob", []client.Message{old(2, "two")}, false)
	if !c.Complete {
		t.Error("there is nothing before the last page, but the conversation is not complete")
	}
}

func TestModel_AMessageIsSentOnlyWhenItIsAcknowledged(t *testing.T) {
	t.Parallel()
	sent := &wire.Sent{MessageId: "m2", ConversationSeq: 2, Seq: 2, SentAt: noon.UnixMilli(), Durable: true}
	own := pushed("alice", 2, "hi")
	own.ClientMsgId = "c1"
	for _, tt := range []struct {
		name   string
		settle func(m *chat.Model)
	}{
		{"by the receipt alone", func(m *chat.Model) { m.Sent(sendTo("bob", "c1"), sent) }},
		{"by the log alone", func(m *chat.Model) { m.Received(page(own)) }},
		{"by the receipt, then the log", func(m *chat.Model) {
			m.Sent(sendTo("bob", "c1"), sent)
			m.Received(page(own))
		}},
		{"by the log, then the receipt", func(m *chat.Model) {
			m.Received(page(own))
			m.Sent(sendTo("bob", "c1"), sent)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := chat.NewModel("alice")
			m.Begin(sendTo("bob", "c1"), noon)
			c := m.Conversation("user:bob")
			wantTexts(t, c, "hi…")
			if m.Pending() != 1 {
				t.Errorf("%d pending, want 1", m.Pending())
			}
			tt.settle(m)
			wantTexts(t, c, "hi")
			if m.Pending() != 0 || c.Unread != 0 || c.ReadSeq != 2 {
				t.Errorf("%d pending, %d unread, read to %d; want 0, 0, 2", m.Pending(), c.Unread, c.ReadSeq)
			}
		})
	}
}

func TestModel_ARefusedMessageStaysWhereItWasAndCanBeTriedAgain(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	m.Received(page(pushed("bob", 1, "one")))
	m.Begin(sendTo("bob", "c1"), noon)
	m.Fail(sendTo("bob", "c1"), "It is too large.")
	m.Received(page(pushed("bob", 2, "two")))
	c := m.Conversation("user:bob")
	wantTexts(t, c, "one", "hi!", "two")
	if c.Messages[1].Failure != "It is too large." {
		t.Errorf("failure %q", c.Messages[1].Failure)
	}
	again, ok := m.TakeFailed("user:bob")
	if !ok || again.GetClientMsgId() != "" || string(again.GetContent()) != `{"text":"hi"}` || again.GetTo().GetUserId() != "bob" {
		t.Errorf("to be sent again: %v, %v", again, ok)
	}
	wantTexts(t, c, "one", "two")
	if _, ok := m.TakeFailed("user:bob"); ok {
		t.Error("it can be taken twice")
	}
}

func TestModel_WhatIsKeptNowhereIsShownAndNeitherCountedNorNumbered(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	passing := pushed("bob", 0, "psst")
	passing.MessageId = "e1"
	m.Received(page(pushed("bob", 1, "one"), passing, pushed("bob", 2, "two")))
	c := m.Conversation("user:bob")
	wantTexts(t, c, "one", "psst~", "two")
	if c.Unread != 2 {
		t.Errorf("%d unread, want 2", c.Unread)
	}
}

// TestModel_AnAnswerFromElsewhereReadsNothing has one that may be of another device
// or of the business: up to where the user has read comes from the server.
func TestModel_AnAnswerFromElsewhereReadsNothing(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	m.Received(page(pushed("bob", 1, "one"), pushed("alice", 2, "from another device"), pushed("bob", 3, "three")))
	if c := m.Conversation("user:bob"); c.Unread != 2 || c.ReadSeq != 0 {
		t.Errorf("%d unread, read to %d; want 2, 0", c.Unread, c.ReadSeq)
	}
}

// TestModel_AReceiptThatComesLateReadsNothingNewer has bob answer before alice's
// client learns that her message is stored.
func TestModel_AReceiptThatComesLateReadsNothingNewer(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	m.Begin(sendTo("bob", "c1"), noon)
	m.Received(page(pushed("bob", 2, "quick")))
	m.Sent(sendTo("bob", "c1"), &wire.Sent{MessageId: "m1", ConversationSeq: 1, Seq: 1, SentAt: noon.UnixMilli(), Durable: true})
	c := m.Conversation("user:bob")
	wantTexts(t, c, "hi", "quick")
	if c.Unread != 1 {
		t.Errorf("%d unread, want 1", c.Unread)
	}
}

func TestModel_WhatWasUnreadIsMarkedUntilOneLeavesOrAnswers(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	m.Received(page(pushed("bob", 1, "one")))
	m.MarkRead("user:bob")
	m.Received(page(pushed("bob", 2, "two")))
	c := m.Open("user:bob")
	if c.NewFrom != 2 {
		t.Fatalf("new from %d, want 2", c.NewFrom)
	}
	if !m.MarkRead("user:bob") || c.Unread != 0 || c.NewFrom != 2 {
		t.Errorf("%d unread, new from %d; want 0, and the mark where it was", c.Unread, c.NewFrom)
	}
	if m.MarkRead("user:bob") {
		t.Error("reading what is read is news")
	}
	m.Received(page(pushed("bob", 3, "three")))
	m.MarkRead("user:bob")
	if c.NewFrom != 2 {
		t.Errorf("new from %d, want 2 still", c.NewFrom)
	}
	m.Begin(sendTo("bob", "c1"), noon)
	if c.NewFrom != 0 {
		t.Error("an answer leaves the mark")
	}
	m.Received(page(pushed("bob", 4, "four")))
	m.MarkNew("user:bob")
	m.Open("user:carol")
	if c.NewFrom != 0 {
		t.Error("leaving leaves the mark")
	}
}

func TestModel_MentionsAreNoticedWhileUnread(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	named := pushed("bob", 1, "alice?")
	named.Mentions = []string{"alice"}
	m.Received(page(named))
	if !m.Conversation("user:bob").Mentioned {
		t.Error("the mention was not noticed")
	}
	m.MarkRead("user:bob")
	if m.Conversation("user:bob").Mentioned {
		t.Error("it is still noticed when it is read")
	}
}

func TestModel_ListBeginsWithTheNewest(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	m.Received(page(pushed("carol", 1, "one"), pushed("bob", 2, "two")))
	order := func() (ids []string) {
		for _, c := range m.List() {
			ids = append(ids, c.ID)
		}
		return ids
	}
	if diff := cmp.Diff([]string{"user:bob", "user:carol"}, order()); diff != "" {
		t.Error(diff)
	}
	m.Received(page(pushed("carol", 3, "three")))
	m.Open("group:team") // without a message
	if diff := cmp.Diff([]string{"user:carol", "user:bob", "group:team"}, order()); diff != "" {
		t.Error(diff)
	}
}

func TestModel_TypingEndsBySilenceOrByAMessage(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	m.Received(page(pushed("bob", 1, "one")))
	signal := &wire.PushedSignal{ConversationId: "user:bob", Sender: &wire.Sender{Type: "user", UserId: "bob"}, Kind: "typing"}
	c := m.Conversation("user:bob")
	m.Signal(signal, noon)
	if got := c.Typing(noon.Add(5 * time.Second)); !slices.Equal(got, []string{"bob"}) {
		t.Errorf("after 5 s %v type, want bob", got)
	}
	if got := c.Typing(noon.Add(7 * time.Second)); got != nil {
		t.Errorf("after 7 s %v type, want nobody", got)
	}
	m.Signal(signal, noon)
	m.Received(page(pushed("bob", 2, "two")))
	if got := c.Typing(noon); got != nil {
		t.Errorf("after the message %v type, want nobody", got)
	}
	other := &wire.PushedSignal{ConversationId: "user:bob", Sender: signal.GetSender(), Kind: "poke"}
	m.Signal(other, noon)
	if got := c.Typing(noon); got != nil {
		t.Errorf("another signal makes %v type", got)
	}
}

func TestModel_PresenceMayBeUnknown(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	yes := true
	m.Presence([]*wire.UserPresence{
		{UserId: "bob", Online: &yes, Devices: []*wire.OnlineDevice{{Transport: "websocket"}, {Transport: "tcp"}, {Transport: "tcp"}}},
		{UserId: "carol", LastSeenAt: noon.UnixMilli()},
	})
	want := chat.Presence{Known: true, Online: true, Transports: []string{"tcp", "websocket"}}
	if diff := cmp.Diff(want, m.PresenceOf("bob")); diff != "" {
		t.Error(diff)
	}
	if p := m.PresenceOf("carol"); p.Known || !p.LastSeen.Equal(noon) {
		t.Errorf("carol: %+v, want unknown and last seen at noon", p)
	}
	m.ForgetPresence()
	if m.PresenceOf("bob").Known {
		t.Error("what is forgotten is known")
	}
}

func TestModel_OnlyTheOpenConversationKeepsAllItsMessages(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	for i := range int64(1000) {
		m.Received(page(pushed("bob", i+1, "x")))
	}
	c := m.Conversation("user:bob")
	if n := len(c.Messages); n > 300 || c.Complete || c.Messages[n-1].Seq != 1000 || c.Unread != 1000 {
		t.Errorf("%d messages, complete %v, up to %d, %d unread", n, c.Complete, c.Messages[n-1].Seq, c.Unread)
	}
	m.Open("user:bob")
	for i := range int64(1000) {
		m.Received(page(pushed("bob", i+1001, "x")))
	}
	if n := len(c.Messages); n != 1300 {
		t.Errorf("%d messages while it is open, want 1300", n)
	}
}

func TestModel_ResetKeepsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	m.Received(page(pushed("bob", 1, "one"), pushed("carol", 2, "two")))
	m.Open("user:dave")
	m.Begin(sendTo("bob", "c1"), noon)
	m.Reset()
	if m.Conversation("user:carol") != nil || m.Current() == nil {
		t.Error("a conversation of the old log is there, or the open one is not")
	}
	wantTexts(t, m.Conversation("user:bob"), "hi…")
	if got := m.Unread(); got != 0 {
		t.Errorf("%d unread, want 0", got)
	}
}

func TestParseConversation_TakesWhatPeopleType(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"bob": "user:bob", "user:bob": "user:bob", "group:team": "group:team", "business": "business", "user:a@b.c": "user:a@b.c",
		"": "", "user:": "", "bob smith": "", "room:x": "", "user:\x1b[2J": "", ".bob": "", "group:a/b": "",
	} {
		got, err := chat.ParseConversation(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
}
