package screen

import (
	"errors"
	"fmt"
	"testing"

	"github.com/gdamore/tcell/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/internal/chat"
	"github.com/gim-im/gim/wire"
)

// reacted tells that somebody has reacted to message seq of the chat with bob.
func reacted(at, seq int64, by, reaction string, count int) *wire.Message {
	m := text("user:bob", "alice", at, "")
	m.Type, m.Content = "command", fmt.Appendf(nil,
		`{"code":302,"data":{"by":%q,"message_id":"user:bob/%d","message_seq":%d,"reaction":%q,"count":%d}}`, by, seq, seq, reaction, count)
	return m
}

func TestScreen_ShowsReactionsQuotesAndMentions(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.furnish()
	answer := text("user:bob", "bob", 100, "yes")
	answer.ReplyTo = &wire.Reply{MessageId: "user:bob/98", ConversationSeq: 98}
	lost, forwarded := text("user:bob", "bob", 101, "and that"), text("user:bob", "bob", 102, "seen elsewhere")
	lost.ReplyTo, forwarded.Forwarded = &wire.Reply{MessageId: "user:bob/50", ConversationSeq: 50}, true
	named := text("user:bob", "bob", 103, "alice, lunch?")
	named.Mentions = []string{"alice"}
	st.receive(answer, lost, forwarded, named, reacted(104, 103, "alice", "👍", 1), reacted(105, 103, "bob", "🎉", 2))
	st.wantScreen(t, "answers-80x24")
}

func TestScreen_AReactionThatComesInIsTold(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.furnish()
	st.open("group:team")
	for _, mine := range []*wire.Message{reacted(100, 98, "alice", "🎉", 1), reacted(101, 99, "bob", "🎉", 1)} { // by alice; to bob's
		if err := st.take(chat.Arrived{Page: []*wire.Message{mine}}); err != nil {
			t.Fatal(err)
		}
		st.wantNot(t, "reacted with")
	}
	if err := st.take(chat.Arrived{Page: []*wire.Message{reacted(102, 98, "bob", "👍", 1)}}); err != nil {
		t.Fatal(err)
	}
	st.want(t, "bob reacted with 👍 to: I am, and this answer")
	st.wantNot(t, "#bob") // the conversation on the screen stays
}

func TestScreen_RepliesAndReactsByCommand(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.furnish()
	do := func(line string) {
		st.press(tcell.KeyCtrlU)
		st.typeText(line)
		st.press(tcell.KeyEnter)
	}
	st.receive(reacted(100, 2, "alice", "🎉", 1))
	for _, line := range []string{"/react 👍", "/react #2 🎉", "/react #2 👍", "/search lunch tomorrow"} {
		do(line)
		st.wantNot(t, line)
	}
	want := []string{"react user:bob/99 👍 true", "react user:bob/2 🎉 false", "react user:bob/2 👍 true", "search lunch tomorrow"}
	if diff := cmp.Diff(want, st.session.changed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for line, notice := range map[string]string{
		"/react": "/react 👍 reacts", "/react so good": "/react 👍 reacts", "/react #x 👍": "Say #2", "/reply": "/reply TEXT answers",
		"/reply #9 hi": "There is no such message", "/search": "/search WORDS finds",
	} {
		do(line)
		st.want(t, notice, "› "+line)
	}
	do("/reply #2 here I am")
	if sent := st.session.sent; len(sent) != 1 || sent[0].GetReplyTo() != "user:bob/2" || string(sent[0].GetContent()) != `{"text":"here I am"}` {
		t.Errorf("sent %v", sent)
	}
	st.want(t, "bob: are you there?", "here I am sending")
	if len(st.session.changed) != len(want) {
		t.Errorf("did %q", st.session.changed[len(want):])
	}
}

func TestScreen_ListsWhatASearchHasFound(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.furnish()
	found := chat.Found{Query: "a\x1b[2J", More: true, Items: []chat.FoundMessage{{Conversation: "group:team", Message: chat.Message{
		SenderType: "user", Sender: "bob", Type: "text", Content: []byte(`{"text":"lunch\n\u001b[2J?"}`), SentAt: noon,
	}}}}
	if err := st.take(found); err != nil {
		t.Fatal(err)
	}
	st.want(t, "Found for a␛[2J:", "12:00  group:team  bob: lunch ␛[2J?", "There are more")
	st.press(tcell.KeyEsc)
	st.want(t, "good")
	if err := st.take(chat.Found{Query: "nix"}); err != nil {
		t.Fatal(err)
	}
	st.want(t, "Nothing has all words of nix.")
	st.press(tcell.KeyEsc)
	if err := st.take(chat.Found{Err: errors.New("no route")}); err != nil {
		t.Fatal(err)
	}
	st.want(t, "Cannot search: no route", "good")
}
