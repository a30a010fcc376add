package screen

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gdamore/tcell/v3"
	"github.com/gdamore/tcell/v3/vt"
	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/chat"
	"github.com/gim-im/gim/wire"
)

var update = flag.Bool("update", false, "write the golden screens")

// wantScreen compares what is shown with a file.
func (st *stage) wantScreen(t *testing.T, name string) {
	t.Helper()
	got := st.show(t)
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil { //nolint:gosec // it is a source file
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func (st *stage) want(t *testing.T, parts ...string) {
	t.Helper()
	got := st.show(t)
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("%q is not on the screen:\n%s", part, got)
		}
	}
}

func (st *stage) wantNot(t *testing.T, parts ...string) {
	t.Helper()
	got := st.show(t)
	for _, part := range parts {
		if strings.Contains(got, part) {
			t.Errorf("%q is on the screen:\n%s", part, got)
		}
	}
}

// furnish puts some of everything into a stage.
func (st *stage) furnish() {
	yes, no := true, false
	st.session.model.Presence([]*wire.UserPresence{
		{UserId: "bob", Online: &yes, Devices: []*wire.OnlineDevice{{Transport: "websocket"}}},
		{UserId: "carol", Online: &no, LastSeenAt: noon.Add(-20 * time.Hour).UnixMilli()},
	})
	named := text("group:team", "dave", 3, "@alice, standup?")
	named.Mentions = []string{"alice"}
	image := text("user:carol", "carol", 1, "")
	image.Type, image.Content = "image", []byte(`{"url":"cat.jpg","width":640,"height":480}`)
	st.receive(
		text("group:team", "carol", 1, "morning all"), text("group:team", "bob", 2, "你好，世界 🎉 👨\u200d👩\u200d👧 café"), named, image,
		text("user:bob", "bob", 1, "hi alice"), text("user:bob", "bob", 2, "are you there?"),
		text("user:bob", "alice", 98, "I am, and this answer is so long that it does not fit into a row of the pane"),
	)
	st.session.model.MarkRead("user:bob")
	st.receive(text("user:bob", "bob", 99, "good"))
	st.session.model.Name("group:team", "The team")
	st.session.members["team"] = []string{"alice", "bob", "carol", "dave"}
	st.open("user:bob")
	st.session.model.History("user:bob", nil, false)
	st.session.model.History("group:team", nil, false)
}

func TestScreen_ShowsConversationsMessagesAndTheirStates(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.furnish()
	st.session.model.Signal(&wire.PushedSignal{
		ConversationId: "user:bob", Sender: &wire.Sender{Type: "user", UserId: "bob"}, Kind: "typing",
	}, st.now)
	st.wantScreen(t, "conversation-80x24")
	st.now = st.now.Add(7 * time.Second)
	st.wantNot(t, "typing")
}

func TestScreen_WithoutColoursNothingElseStandsOut(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24, tcell.OptColors(0))
	st.furnish()
	got := st.show(t)
	for y, line := range strings.Split(got, "\n") {
		if y == 0 || !strings.Contains(line, "good") || !strings.Contains(line, "bob") {
			continue
		}
		at := vt.Coord{X: vt.Col(width(line[:strings.LastIndex(line, "bob")])), Y: vt.Row(y)}
		if cell := st.terminal.GetCell(at); cell.C != "b" || cell.S.Attr() != vt.Plain {
			t.Errorf("a name is drawn as %q with the attributes %v", cell.C, cell.S.Attr())
		}
		return
	}
	t.Errorf("there is no message of bob:\n%s", got)
}

func TestScreen_IsReadableWhenItIsNarrow(t *testing.T) {
	t.Parallel()
	st := newStage(t, 40, 12)
	st.furnish()
	st.wantScreen(t, "conversation-40x12")
}

func TestScreen_ShowsGroupsWithWideCharacters(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.furnish()
	st.open("group:team")
	st.wantScreen(t, "group-80x24")
}

func TestScreen_BeginsWithWhatToDo(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.wantScreen(t, "welcome-80x24")
}

func TestScreen_HelpFitsAndScrollsWhereItDoesNot(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.furnish()
	st.typeText("/help")
	st.press(tcell.KeyEnter)
	st.wantScreen(t, "help-80x24")
	st.press(tcell.KeyEsc)
	st.want(t, "good")

	small := newStage(t, 40, 12)
	small.furnish()
	small.typeText("/help")
	small.press(tcell.KeyEnter)
	small.wantNot(t, "/quit")
	small.show(t)
	small.press(tcell.KeyPgDn, tcell.KeyPgDn, tcell.KeyPgDn)
	small.want(t, "/quit")
	small.typeText("x")
	small.want(t, "good", "› x")
}

func TestScreen_SurvivesEverySize(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{1, 1}, {5, 3}, {20, 6}, {21, 7}, {63, 10}, {64, 10}, {65, 6}, {300, 80}} {
		st := newStage(t, size[0], size[1])
		st.furnish()
		st.typeText(strings.Repeat("long text ", 100))
		st.show(t)
		st.press(tcell.KeyPgUp, tcell.KeyPgUp, tcell.KeyPgDn, tcell.KeyTab, tcell.KeyHome)
		st.show(t)
	}
}

func TestScreen_SentIsShownOnlyAfterTheAcknowledgement(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.furnish()
	st.typeText("see you")
	st.press(tcell.KeyEnter)
	st.want(t, "see you sending…", "… you: see you")
	st.wantNot(t, "see you ✓")
	st.session.model.Sent(st.session.sent[0], &wire.Sent{MessageId: "x", ConversationSeq: 100, Seq: 100, SentAt: noon.UnixMilli(), Durable: true})
	st.want(t, "see you ✓")

	st.typeText("no")
	st.press(tcell.KeyEnter)
	st.session.model.Fail(st.session.sent[1], "You are\x1b[2J not welcome.")
	st.want(t, "✗ not sent: You are␛[2J not welcome.", "(/retry)")
	st.typeText("/retry")
	st.press(tcell.KeyEnter)
	if len(st.session.sent) != 3 || string(st.session.sent[2].GetContent()) != `{"text":"no"}` {
		t.Errorf("sent %v, want the failed one again", st.session.sent)
	}
	st.wantNot(t, "✗")
}

func TestScreen_NothingInAMessageReachesTheTerminal(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.furnish()
	st.show(t)
	evil := text("user:bob", "bob", 100, "")
	evil.Content = []byte(`{"text":"\u001b[2J\u001b[1;1H\u001b]0;owned\u0007\u009b31m\u202e\rgone"}`)
	st.receive(evil)
	st.want(t, "␛[2J␛[1;1H␛]0;owned␇", "gim · alice", "are you there?")
	if title := st.terminal.GetTitle(); strings.Contains(title, "owned") {
		t.Errorf("a message has set the title to %q", title)
	}
	st.session.model.Name("group:team", "\x1b]0;owned\x07\nteam")
	st.want(t, "␛]0;owned␇ team")
}

func TestScreen_TellsHowTheConnectionIs(t *testing.T) {
	t.Parallel()
	refused := &client.ClosedError{Code: int(wire.CloseShutdown), Reason: "shutdown"}
	for _, tt := range []struct {
		name  string
		state client.State
		want  []string
	}{
		{"connected", client.State{Phase: client.Connected}, []string{"● connected via tcp"}},
		{"waiting", client.State{Phase: client.Waiting, Delay: 3 * time.Second, Err: refused}, []string{"reconnecting in 3 s", "the server is going down"}},
		{"about to try", client.State{Phase: client.Waiting, Err: errors.New("no route")}, []string{"reconnecting…", "no route"}},
		{"connecting", client.State{Phase: client.Connecting}, []string{"reconnecting…"}},
		{
			"over", client.State{Phase: client.Closed, Err: &client.ClosedError{Code: int(wire.CloseReplaced)}},
			[]string{"disconnected", "this device has connected again elsewhere", "Ctrl-C leaves"},
		},
		{
			"refused", client.State{Phase: client.Closed, Err: &client.ClosedError{Refusal: &client.Error{Code: "x", Message: "Your token is bad."}}},
			[]string{"Your token is bad."},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t, 80, 24)
			st.session.connection, st.session.since = tt.state, noon
			st.want(t, tt.want...)
		})
	}
	st := newStage(t, 80, 24)
	st.session.have, st.session.head = 120, 4000
	st.want(t, "catching up, 120 of 4000", "Reading what there is…")
}

func TestScreen_ANewConversationIsBegunByName(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.typeText("hello?")
	st.press(tcell.KeyEnter)
	st.want(t, "There is no conversation yet", "› hello?")
	st.press(tcell.KeyCtrlU)
	st.typeText("/to some body")
	st.press(tcell.KeyEnter)
	st.want(t, "is no conversation", "› /to some body")
	st.press(tcell.KeyCtrlU)
	st.typeText("/to bob")
	st.press(tcell.KeyEnter)
	st.typeText("//etc is a directory")
	st.press(tcell.KeyEnter)
	if len(st.session.sent) != 1 || string(st.session.sent[0].GetContent()) != `{"text":"/etc is a directory"}` || st.session.sent[0].GetTo().GetUserId() != "bob" {
		t.Errorf("sent %v", st.session.sent)
	}
	st.typeText("/dance")
	st.press(tcell.KeyEnter)
	st.want(t, "There is no /dance", "› /dance")
	st.open(chat.Business)
	st.typeText("hello?")
	st.press(tcell.KeyEnter)
	st.want(t, "cannot be answered", "› hello?")
}

func TestScreen_WhoTellsThePresenceOfMembers(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.furnish()
	st.open("group:team")
	st.typeText("/who")
	st.press(tcell.KeyEnter)
	st.want(t, "alice  ● you", "bob    ● online via websocket", "carol  ○ last seen yesterday 16:00", "dave   · not known")
}
