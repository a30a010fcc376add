package chat_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/chat"
	"github.com/gim-im/gim/wire"
)

// deletion tells alice that she has deleted a message of a conversation for herself.
func deletion(seq int64, conversation, id string) *wire.Message {
	m := pushed("bob", seq, "")
	m.ConversationId, m.Sender, m.Type = "business", &wire.Sender{Type: "system"}, "command"
	m.Content = fmt.Appendf(nil, `{"code":304,"data":{"message_id":%q,"message_seq":1,"conversation_id":%q}}`, id, conversation)
	return m
}

func TestModel_ReactionsAreAsTheServerCountsThem(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	react := func(seq int64, code int, by, reaction string, count int) *wire.Message {
		return news(seq, code, fmt.Sprintf(`,"by":%q,"reaction":"%s","count":%d`, by, reaction, count))
	}
	m.Received(page(pushed("bob", 1, "one"), pushed("bob", 2, "two")))
	c := m.Conversation("user:bob")
	for i, step := range []struct {
		entry *wire.Message
		want  string
	}{
		{react(3, 302, "bob", "👍", 1), "👍"},
		{react(4, 302, "alice", "👍", 2), "👍 2 (you)"},
		{react(5, 302, "alice", "🎉", 1), "👍 2 (you)  🎉 (you)"},
		{react(6, 303, "alice", "👍", 1), "👍  🎉 (you)"},
		{react(7, 303, "bob", "👍", 0), "🎉 (you)"},
		{react(8, 303, "bob", "👍", 0), "🎉 (you)"},
		{react(9, 302, "carol", "🎉", 5), "🎉 5 (you)"},
		{react(10, 302, "carol", `a\u001b[2J\nb`, 1), "🎉 5 (you)  a␛[2J b"},
		{news(11, 300, ""), ""},
		{react(12, 302, "carol", "🎉", 1), ""},
	} {
		m.Received(page(step.entry))
		if got := c.Messages[0].ReactionLine(); got != step.want {
			t.Errorf("after step %d: %q, want %q", i, got, step.want)
		}
		if got := c.Messages[0].Has("🎉"); got != (i >= 2 && i < 8) {
			t.Errorf("after step %d: alice's own is there: %t", i, got)
		}
	}
	if last, _ := c.Last(); last.ID != "m2" || c.Unread != 2 {
		t.Errorf("the last is %s, %d unread", last.ID, c.Unread)
	}
}

func TestModel_ReactionsAndRepliesAreReadWithTheMessage(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	answer := pushed("bob", 2, "two")
	answer.ReplyTo = &wire.Reply{MessageId: "m1", ConversationSeq: 1}
	answer.Reactions = []*wire.Reaction{{Reaction: "👍", Count: 2, Me: true}}
	m.Received(page(pushed("bob", 1, "one"), answer))
	m.History("user:carol", []client.Message{
		{MessageId: "c1", ConversationSeq: 1, Type: "text", Content: []byte(`{"text":"first"}`)},
		{
			MessageId: "c2", ConversationSeq: 2, Type: "text", Content: []byte(`{"text":"second"}`),
			ReplyTo: &client.Reply{MessageId: "c1", ConversationSeq: 1}, Reactions: &[]client.Reaction{{Reaction: "👍", Count: 2, Me: true}},
		},
	}, false)
	for id, want := range map[string]string{"user:bob": "one", "user:carol": "first"} {
		c := m.Conversation(id)
		if quoted := c.Quoted(&c.Messages[1]); quoted == nil || quoted.Text() != want || c.Messages[1].ReactionLine() != "👍 2 (you)" {
			t.Errorf("%s: it answers %+v and has %q", id, quoted, c.Messages[1].ReactionLine())
		}
		if c.Quoted(&c.Messages[0]) != nil {
			t.Errorf("%s: the first answers something", id)
		}
	}
	m.Received(page(news(3, 300, "")))
	c := m.Conversation("user:bob")
	if quoted := c.Quoted(&c.Messages[1]); quoted == nil || quoted.Text() != "[recalled]" {
		t.Errorf("a recalled one is quoted as %+v", quoted)
	}
}

func TestModel_AnAnswerUnderWayQuotesAndIsSentAgainAsOne(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	m.Received(page(pushed("bob", 1, "one")))
	send := sendTo("bob", "c1")
	send.ReplyTo = "m1"
	m.Begin(send, noon)
	c := m.Conversation("user:bob")
	if quoted := c.Quoted(&c.Pending[0]); quoted == nil || quoted.Text() != "one" {
		t.Errorf("it answers %+v", quoted)
	}
	m.Fail(send, "no")
	if again, ok := m.TakeFailed("user:bob"); !ok || again.GetReplyTo() != "m1" {
		t.Errorf("sent again as %v", again)
	}
}

func TestModel_WhatTheUserHasDeletedIsGone(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	named := pushed("bob", 2, "alice?")
	named.Mentions = []string{"alice"}
	m.Received(page(pushed("bob", 1, "one"), named, pushed("alice", 3, "mine")))
	c := m.Conversation("user:bob")
	m.Received(page(deletion(4, "user:bob", "m2"), deletion(5, "user:bob", "m3"), deletion(6, "group:none", "m9")))
	wantTexts(t, c, "one")
	if c.Unread != 1 || c.Mentioned {
		t.Errorf("%d unread, mentioned %t; want 1 and no mention", c.Unread, c.Mentioned)
	}
	// Large groups have logs of their own, which come at another time.
	m.Received(page(deletion(7, "group:team", "late"), &wire.Message{
		ConversationId: "group:team", MessageId: "late", ConversationSeq: 1, Sender: &wire.Sender{Type: "user", UserId: "bob"}, Type: "text",
		Content: []byte(`{"text":"late"}`),
	}))
	m.History("group:team", []client.Message{{MessageId: "late", ConversationSeq: 1, Type: "text", Content: []byte(`{}`)}}, false)
	wantTexts(t, m.Conversation("group:team"))
	var listed []string
	for _, c := range m.List() {
		listed = append(listed, c.ID)
	}
	if diff := cmp.Diff([]string{"user:bob", "group:team"}, listed); diff != "" {
		t.Errorf("that of the business shows nothing (-want +got):\n%s", diff)
	}
}

func TestModel_TheirsFindsWhatMayBeAnswered(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	m.Received(page(pushed("bob", 1, "first"), pushed("alice", 2, "mine"), pushed("bob", 3, "second"), news(4, 302, `,"by":"bob","reaction":"👍","count":1`)))
	for n, want := range []string{"", "second", "first", ""} {
		got := ""
		if theirs := m.Theirs("user:bob", n); theirs != nil {
			got = theirs.Text()
		}
		if got != want {
			t.Errorf("number %d is %q, want %q", n, got, want)
		}
	}
}

func TestModel_TheServerKnowsOfMentionsBeforeWhatIsHere(t *testing.T) {
	t.Parallel()
	m := chat.NewModel("alice")
	m.Received(page(pushed("bob", 9, "nine")))
	m.Listed(&client.ConversationChanges{Items: []client.Conversation{{ConversationId: "user:bob", Unread: 4, LastSeq: 9, ReadSeq: 3, Mentioned: true}}})
	if c := m.Conversation("user:bob"); !c.Mentioned {
		t.Error("the mention is not noticed")
	}
}

// TestSession_ReactionsRepliesAndDeletionsReachAllDevices has alice on two devices.
func TestSession_ReactionsRepliesAndDeletionsReachAllDevices(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	alice := start(t, optionsFor(g, chat.DemoUser(g.URL, "alice"), ""))
	tablet := start(t, optionsFor(g, chat.DemoUser(g.URL, "alice"), ""))
	bob := start(t, optionsFor(g, chat.DemoUser(g.URL, "bob"), ""))
	bob.send("alice", "lunch?")
	bob.send("alice", "a slip")
	of := func(r *running, id string, n int) *chat.Conversation {
		t.Helper()
		r.until("messages", func() bool { c := r.Model().Conversation(id); return c != nil && len(c.Messages) >= n })
		return r.Model().Conversation(id)
	}
	lunch := of(alice, "user:bob", 2).Messages[0].ID
	slip := alice.Model().Conversation("user:bob").Messages[1].ID
	alice.React(lunch, "👍", true)
	alice.Session.Send(&wire.Send{To: &wire.Target{UserId: "bob"}, Type: "text", Content: []byte(`{"text":"gladly"}`), ReplyTo: lunch})
	for _, r := range []struct {
		*running
		id, line string
	}{{alice, "user:bob", "👍 (you)"}, {tablet, "user:bob", "👍 (you)"}, {bob, "user:alice", "👍"}} {
		c := of(r.running, r.id, 4) // the reaction is an entry too
		r.until("a reaction", func() bool { return c.Messages[0].ReactionLine() == r.line })
		answer := r.Model().Own(r.id, 1)
		if r.running == bob {
			answer = r.Model().Theirs(r.id, 1)
		}
		if quoted := c.Quoted(answer); quoted == nil || quoted.Text() != "lunch?" {
			t.Errorf("%s answers %+v", answer.Text(), quoted)
		}
	}
	alice.React(lunch, "👍", false)
	bob.until("taken back", func() bool { return bob.Model().Conversation("user:alice").Messages[0].ReactionLine() == "" })

	err := alice.REST(t.Context(), func(rest *client.ClientWithResponses) error {
		answer, err := rest.DeleteMessageWithResponse(t.Context(), slip, nil)
		return client.Check(answer, err)
	})
	if err != nil {
		t.Fatal(err)
	}
	tablet.until("deleted", func() bool { return tablet.Model().Message("user:bob", slip) == nil })
	if bob.Model().Message("user:alice", slip) == nil {
		t.Error("it is gone from bob too")
	}
}

func TestSession_SearchFindsInAllConversations(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	alice := start(t, optionsFor(g, chat.DemoUser(g.URL, "alice"), ""))
	alice.send("bob", "lunch tomorrow?")
	deadline := time.After(patience)
	alice.Search("LUNCH")
	for {
		var event chat.Event
		select {
		case event = <-alice.Events():
		case <-deadline:
			t.Fatal("nothing is found")
		}
		if err := alice.Take(event); err != nil {
			t.Fatal(err)
		}
		found, ok := event.(chat.Found)
		switch {
		case !ok:
		case found.Err != nil:
			t.Fatal(found.Err)
		case len(found.Items) == 0: // it is indexed behind its commit
			alice.Search("LUNCH")
		default:
			if m := found.Items[0]; m.Conversation != "user:bob" || m.Text() != "lunch tomorrow?" || found.More {
				t.Errorf("found %+v", found)
			}
			return
		}
	}
}
