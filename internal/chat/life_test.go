package chat_test

import (
	"fmt"
	"testing"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/chat"
	"github.com/gim-im/gim/wire"
)

// news is an entry of the chat with bob that tells of message m1.
func news(seq int64, code int, data string) *wire.Message {
	m := pushed("bob", seq, "")
	m.Type, m.Content = "command", fmt.Appendf(nil, `{"code":%d,"data":{"message_id":"m1","message_seq":1%s}}`, code, data)
	return m
}

func TestModel_RecallsAndEditsChangeTheMessage(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	edit := func(seq int64, text string, second int) *wire.Message {
		return news(seq, 301, fmt.Sprintf(`,"content":{"text":%q},"edited_at":"2026-11-25T12:00:%02dZ"`, text, second))
	}
	m.Received(page(pushed("bob", 1, "one"), pushed("bob", 2, "two")))
	c := m.Conversation("user:bob")
	m.Received(page(edit(3, "uno", 5), edit(4, "late", 4), news(5, 301, `,"edited_at":"2026-11-25T12:00:09Z"`)))
	wantTexts(t, c, "uno", "two", "", "", "")
	if c.Messages[0].Status != chat.Edited || c.Unread != 2 {
		t.Errorf("status %q, %d unread", c.Messages[0].Status, c.Unread)
	}
	m.Received(page(news(6, 300, ""), edit(7, "again", 8)))
	wantTexts(t, c, "[recalled]", "two", "", "", "", "", "")
	if last, _ := c.Last(); last.ID != "m2" {
		t.Errorf("the last is %+v", last)
	}
}

func TestModel_OwnFindsWhatMayStillBeChanged(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	gone := pushed("alice", 4, "gone")
	gone.Status = "recalled"
	m.Received(page(pushed("alice", 1, "first"), pushed("bob", 2, "his"), pushed("alice", 3, "second"), gone))
	m.Begin(sendTo("bob", "c1"), noon)
	for n, want := range []string{"", "second", "first", ""} {
		got := ""
		if own := m.Own("user:bob", n); own != nil {
			got = own.Text()
		}
		if got != want {
			t.Errorf("number %d is %q, want %q", n, got, want)
		}
	}
	if m.Own("user:carol", 1) != nil {
		t.Error("a conversation that is not known has messages")
	}
}

func TestModel_OthersReadForward(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	m.Received(page(pushed("alice", 1, "one"), pushed("alice", 2, "two")))
	c := m.Conversation("user:bob")
	read := func(user string, seq int64) {
		m.Signal(&wire.PushedSignal{
			ConversationId: "user:bob", Kind: client.KindRead, Sender: &wire.Sender{Type: "user", UserId: user},
			Data: fmt.Appendf(nil, `{"conversation_seq":%d}`, seq),
		}, noon)
	}
	for _, seq := range []int64{1, 2, 1} {
		read("bob", seq)
	}
	m.Received(page(pushed("bob", 3, "three"), pushed("alice", 4, "four")))
	for i, want := range []int{1, 1, 0, 0} {
		if got := c.ReadBy(&c.Messages[i]); got != want {
			t.Errorf("message %d is read by %d, want %d", i+1, got, want)
		}
	}
	read("alice", 3) // on another device
	if c.Unread != 0 || c.ReadSeq != 3 {
		t.Errorf("%d unread, read to %d", c.Unread, c.ReadSeq)
	}
}

func TestModel_TheListOfTheServerCounts(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	m.Received(page(pushed("bob", 9, "nine"), pushed("bob", 10, "ten"), pushed("carol", 5, "five")))
	m.MarkRead("user:carol")
	m.Received(page(pushed("dave", 1, "one")))
	m.Listed(&client.ConversationChanges{
		Items: []client.Conversation{
			{ConversationId: "user:bob", Unread: 4, LastSeq: 9, ReadSeq: 3},
			{ConversationId: "user:carol", Unread: 3, LastSeq: 5, ReadSeq: 2},
			{ConversationId: "group:team", Unread: 7, LastSeq: 7},
		},
		Removed: []string{"user:dave"},
	})
	for id, want := range map[string]int{"user:bob": 5, "user:carol": 0, "group:team": 7} {
		if got := m.Conversation(id).Unread; got != want {
			t.Errorf("%s has %d unread, want %d", id, got, want)
		}
	}
	if m.Conversation("user:dave") != nil {
		t.Error("what left the list is there")
	}
}

// TestSession_ReadRecalledAndEditedShowOnBothSides has bob on two devices.
func TestSession_ReadRecalledAndEditedShowOnBothSides(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	alice := start(t, optionsFor(g, chat.DemoUser(g.URL, "alice"), ""))
	bob := start(t, optionsFor(g, chat.DemoUser(g.URL, "bob"), ""))
	tablet := start(t, optionsFor(g, chat.DemoUser(g.URL, "bob"), ""))
	alice.send("bob", "secret")
	alice.send("bob", "helo")
	for _, r := range []*running{alice, bob, tablet} {
		r.untilCaughtUp()
	}
	unread := func(r *running, want int) {
		t.Helper()
		r.until(fmt.Sprint(want, " unread"), func() bool {
			c := r.Model().Conversation("user:alice")
			return c != nil && len(c.Messages) == 2 && c.Unread == want
		})
	}
	unread(bob, 2)
	unread(tablet, 2)
	if !bob.MarkRead("user:alice") || bob.MarkRead("user:alice") {
		t.Error("reading is not news once")
	}
	bob.until("told", func() bool { // by bob's session, once it has the list of conversations
		var seq int64
		err := bob.REST(t.Context(), func(rest *client.ClientWithResponses) error {
			answer, err := rest.GetConversationWithResponse(t.Context(), "user:alice", nil)
			if err := client.Check(answer, err); err != nil {
				return err
			}
			seq = answer.JSON200.ReadSeq
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return seq == 2
	})
	unread(tablet, 0)
	own := func() *chat.Conversation { return alice.Model().Conversation("user:bob") }
	alice.until("read", func() bool { return len(own().Messages) == 2 && own().ReadBy(&own().Messages[1]) == 1 })

	alice.Recall(own().Messages[0].ID)
	alice.Edit(own().Messages[1].ID, []byte(`{"text":"hello"}`))
	for _, r := range []struct {
		*running
		id string
	}{{alice, "user:bob"}, {tablet, "user:alice"}} {
		r.until("changed", func() bool {
			c := r.Model().Conversation(r.id)
			return c.Messages[0].Status == chat.Recalled && c.Messages[1].Text() == "hello"
		})
	}
	alice.Recall(own().Messages[0].ID)
	for refused := (chat.Refused{}); refused.Err == nil; {
		e := <-alice.Events()
		refused, _ = e.(chat.Refused)
		if err := alice.Take(e); err != nil {
			t.Fatal(err)
		}
	}
}
