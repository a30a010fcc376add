package screen

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gdamore/tcell/v3"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/chat"
	"github.com/gim-im/gim/wire"
)

func TestKeys_TabGoesThroughTheConversationsAndKeepsDrafts(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.furnish() // bob, team, carol
	current := func() string { return st.session.model.Current().ID }
	st.typeText("half a thought")
	var way []string
	for range 3 {
		st.press(tcell.KeyTab)
		way = append(way, current())
	}
	if want := []string{"group:team", "user:carol", "user:bob"}; !slices.Equal(way, want) {
		t.Errorf("Tab goes to %v, want %v", way, want)
	}
	st.want(t, "› half a thought")
	st.press(tcell.KeyBacktab)
	if current() != "user:carol" {
		t.Errorf("Shift-Tab goes to %s, want user:carol", current())
	}
	st.wantNot(t, "half a thought")
}

func TestScroll_StaysWhereItIsWhileMessagesCome(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.furnish()
	for i := range int64(100) {
		st.receive(text("user:bob", "bob", 100+i, fmt.Sprintf("line %03d", i)))
	}
	st.want(t, "bob line 099")
	st.press(tcell.KeyPgUp)
	before := st.show(t)
	if strings.Contains(before, "bob line 099") || !strings.Contains(before, "line 081") {
		t.Fatalf("a page up shows\n%s", before)
	}
	st.receive(text("user:bob", "bob", 300, "meanwhile"))
	st.want(t, "line 081", "↓ 1 new")
	st.wantNot(t, "bob meanwhile")
	if c := st.session.model.Current(); c.Unread != 1 {
		t.Errorf("%d unread, want 1: nobody has seen it", c.Unread)
	}
	st.press(tcell.KeyEsc)
	st.want(t, "bob meanwhile", "─ new ─")
	if c := st.session.model.Current(); c.Unread != 0 {
		t.Errorf("%d unread, want 0", c.Unread)
	}
	st.press(tcell.KeyPgUp, tcell.KeyPgDn, tcell.KeyPgDn)
	if st.scroll("user:bob").held {
		t.Error("at the end the pane does not follow")
	}
}

func TestScroll_TheTopRowTellsWhoHasWrittenIt(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	for i := range int64(100) {
		line := text("user:bob", "bob", i+1, fmt.Sprintf("line %03d", i))
		line.SentAt = noon.UnixMilli() // all in one minute: one name for all
		st.receive(line)
	}
	st.open("user:bob")
	if n := strings.Count(st.show(t), "12:00 bob line"); n != 1 {
		t.Errorf("%d rows tell who has written them, want the top one:\n%s", n, st.show(t))
	}
}

func TestScroll_AsksForHistoryNearTheTop(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	for i := range int64(200) {
		st.receive(text("user:bob", "bob", 1000+i, fmt.Sprintf("line %03d", i)))
	}
	st.open("user:bob")
	st.show(t)
	st.show(t)
	if len(st.session.older) > 0 {
		t.Errorf("history is read although 200 messages are there: %v", st.session.older)
	}
	for range 12 {
		st.press(tcell.KeyPgUp)
		st.show(t)
	}
	st.want(t, "PgUp for earlier messages", "line 000")
	if !slices.Contains(st.session.older, "user:bob") {
		t.Error("at the top no history is read")
	}
	st.session.reading["user:bob"] = true
	st.want(t, "reading earlier messages…")
	// What comes in above moves nothing.
	st.session.model.History("user:bob", []client.Message{{MessageId: "old", ConversationSeq: 999, Type: "text", Content: []byte(`{"text":"older"}`), SentAt: noon}}, true)
	st.want(t, "line 000", "line 015")
}

func TestScroll_DoesNotAskAgainAndAgainWhenHistoryCannotBeRead(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.receive(text("user:bob", "bob", 50, "hi"))
	st.open("user:bob")
	st.show(t)
	st.show(t)
	asked := len(st.session.older)
	if asked == 0 {
		t.Fatal("a short conversation is not filled up")
	}
	if err := st.take(chat.Read{Conversation: "user:bob", Err: errors.New("connection refused")}); err != nil {
		t.Fatal(err)
	}
	st.want(t, "connection refused")
	st.show(t)
	if len(st.session.older) != asked {
		t.Error("it asks again at once")
	}
	if err := st.take(chat.Changed{State: client.State{Phase: client.Connected}}); err != nil {
		t.Fatal(err)
	}
	st.show(t)
	if len(st.session.older) == asked {
		t.Error("with a new connection it does not ask again")
	}
}

func TestScreen_WhatComesWhileNobodyLooksIsNew(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.furnish()
	st.show(t)
	st.session.model.Current().NewFrom = 0
	st.handle(tcell.NewEventFocus(false))
	st.receive(text("user:bob", "bob", 100, "psst"))
	st.want(t, "psst")
	if st.session.model.Current().Unread != 1 {
		t.Error("it is read while the terminal is not in focus")
	}
	st.handle(tcell.NewEventFocus(true))
	st.want(t, "─ new ─")
	if st.session.model.Current().Unread != 0 {
		t.Error("it is not read although the user looks at it")
	}
}

func TestScreen_WhatWasMissedWhileAwayIsMarked(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.furnish()
	st.show(t)
	st.session.model.Current().NewFrom = 0
	if err := st.take(chat.Changed{State: client.State{Phase: client.Connected}}); err != nil {
		t.Fatal(err)
	}
	if err := st.take(chat.Arrived{Page: []*wire.Message{text("user:bob", "bob", 100, "missed")}}); err != nil {
		t.Fatal(err)
	}
	st.want(t, "─ new ─", "missed")
	st.session.model.Current().NewFrom = 0
	if err := st.take(chat.Arrived{Page: []*wire.Message{text("user:bob", "bob", 101, "live")}}); err != nil {
		t.Fatal(err)
	}
	st.wantNot(t, "─ new ─")
}

func TestTyping_IsToldNowAndThenAndNotForCommands(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.furnish()
	st.typeText("/who")
	if len(st.session.typed) != 0 {
		t.Error("a command is told as typing")
	}
	st.press(tcell.KeyCtrlU)
	st.typeText("hello")
	if !slices.Equal(st.session.typed, []string{"user:bob"}) {
		t.Errorf("told %v, want once", st.session.typed)
	}
	st.now = st.now.Add(3 * time.Second)
	st.typeText(" bob")
	if len(st.session.typed) != 2 {
		t.Errorf("after 3 s told %d times, want 2", len(st.session.typed))
	}
	st.press(tcell.KeyEnter)
	st.typeText("x")
	if len(st.session.typed) != 3 {
		t.Errorf("for the next message told %d times, want 3", len(st.session.typed))
	}
}

func TestPaste_KeepsItsLinesAndSendsNothing(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.furnish()
	st.handle(tcell.NewEventPaste(true))
	st.typeText("one")
	st.press(tcell.KeyEnter)
	st.typeText("\ttwo\x1b")
	st.press(tcell.KeyCtrlC)
	st.handle(tcell.NewEventPaste(false))
	if len(st.session.sent) != 0 || st.done() {
		t.Fatal("the paste has sent something, or has ended the program")
	}
	st.press(tcell.KeyEnter)
	if len(st.session.sent) != 1 || string(st.session.sent[0].GetContent()) != `{"text":"one\n\ttwo"}` {
		t.Errorf("sent %s", st.session.sent)
	}
}

func TestQuit_WaitsForWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.furnish()
	st.typeText("bye")
	st.press(tcell.KeyEnter, tcell.KeyCtrlC)
	if st.done() {
		t.Fatal("it ends before the message is acknowledged")
	}
	st.want(t, "Waiting for messages")
	st.session.model.Sent(st.session.sent[0], &wire.Sent{MessageId: "x", ConversationSeq: 100, SentAt: noon.UnixMilli(), Durable: true})
	if !st.done() {
		t.Error("it goes on although everything is acknowledged")
	}

	st = newStage(t, 80, 24)
	st.furnish()
	st.typeText("bye")
	st.press(tcell.KeyEnter, tcell.KeyCtrlC, tcell.KeyCtrlC)
	if !st.done() {
		t.Error("the second Ctrl-C does not end it")
	}
}
