package screen

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gdamore/tcell/v3"
	"github.com/gdamore/tcell/v3/vt"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/chat"
	"github.com/gim-im/gim/wire"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// fakeSession is a session without a server.
type fakeSession struct {
	model      *chat.Model
	connection client.State
	since      time.Time
	have, head int64
	members    map[string][]string
	reading    map[string]bool
	events     chan chat.Event

	sent    []*wire.Send
	typed   []string
	older   []string
	looked  []string
	changed []string // what was asked of messages
}

func (s *fakeSession) Model() *chat.Model                    { return s.model }
func (s *fakeSession) Connection() (client.State, time.Time) { return s.connection, s.since }
func (s *fakeSession) Progress() (have, head int64)          { return s.have, s.head }
func (s *fakeSession) Events() <-chan chat.Event             { return s.events }
func (s *fakeSession) Typing(id string)                      { s.typed = append(s.typed, id) }
func (s *fakeSession) Reading(id string) bool                { return s.reading[id] }
func (s *fakeSession) Look(id string)                        { s.looked = append(s.looked, id) }
func (s *fakeSession) Members(group string) []string         { return s.members[group] }
func (s *fakeSession) Notes() []string                       { return nil }
func (s *fakeSession) Save() error                           { return nil }

func (s *fakeSession) MarkRead(id string) bool { return s.model.MarkRead(id) }
func (s *fakeSession) Recall(id string)        { s.changed = append(s.changed, "recall "+id) }
func (s *fakeSession) Edit(id string, content json.RawMessage) {
	s.changed = append(s.changed, "edit "+id+" "+string(content))
}

func (s *fakeSession) React(id, reaction string, on bool) {
	s.changed = append(s.changed, fmt.Sprintf("react %s %s %t", id, reaction, on))
}
func (s *fakeSession) Search(query string) { s.changed = append(s.changed, "search "+query) }

func (s *fakeSession) Take(event chat.Event) error {
	switch e := event.(type) {
	case chat.Arrived:
		s.model.Received(e.Page)
	case chat.Changed:
		s.connection = e.State
	}
	return nil
}

func (s *fakeSession) Send(send *wire.Send) {
	send.ClientMsgId = fmt.Sprintf("c%d", len(s.sent)+1)
	s.sent = append(s.sent, send)
	s.model.Begin(send, noon)
}

func (s *fakeSession) Older(id string) bool {
	s.older = append(s.older, id)
	return true
}

// stage is an app on a terminal that is an emulator.
type stage struct {
	*app
	session  *fakeSession
	terminal vt.MockTerm
	now      time.Time
}

func newStage(t *testing.T, width, height int, more ...tcell.TerminfoScreenOption) *stage {
	t.Helper()
	st := &stage{now: noon, terminal: vt.NewMockTerm(vt.MockOptSize{X: vt.Col(width), Y: vt.Row(height)})}
	options := append([]tcell.TerminfoScreenOption{tcell.OptSanitizeContent(true), tcell.OptTerm("xterm-256color")}, more...)
	screen, err := tcell.NewTerminfoScreenFromTty(st.terminal, options...)
	if err != nil {
		t.Fatal(err)
	}
	if err := screen.Init(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(screen.Fini)
	st.session = &fakeSession{
		model: chat.NewModel("alice"), connection: client.State{Phase: client.Connected, SignedIn: &wire.SignedIn{UserId: "alice"}},
		members: make(map[string][]string), reading: make(map[string]bool), events: make(chan chat.Event, 1),
	}
	st.app = newApp(Options{
		Session: st.session, Screen: screen, Address: "tcp://127.0.0.1:7272", Now: func() time.Time { return st.now }, Location: time.UTC,
	})
	st.wasConnected = true
	return st
}

// show draws and returns what the terminal shows, a line for each row, without
// the spaces at its end.
func (st *stage) show(t *testing.T) string {
	t.Helper()
	st.settle()
	st.draw()
	st.o.Screen.Show()
	if err := st.terminal.Drain(); err != nil {
		t.Fatal(err)
	}
	size := st.terminal.Backend().GetSize()
	var all strings.Builder
	for y := range size.Y {
		var line strings.Builder
		for x := vt.Col(0); x < size.X; {
			cell := st.terminal.GetCell(vt.Coord{X: x, Y: y})
			if cell.C == "" {
				cell.C = " "
			}
			line.WriteString(cell.C)
			x += vt.Col(max(1, cell.W))
		}
		all.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return all.String()
}

// receive takes messages in as the stream hands them on.
func (st *stage) receive(messages ...*wire.Message) { st.session.model.Received(messages) }

// text is a text of a user, number seq of a conversation, sent seq minutes after
// noon.
func text(conversation, from string, seq int64, text string) *wire.Message {
	return &wire.Message{
		Seq: seq, ConversationId: conversation, MessageId: fmt.Sprintf("%s/%d", conversation, seq), ConversationSeq: seq,
		Sender: &wire.Sender{Type: "user", UserId: from}, Type: "text", Content: fmt.Appendf(nil, `{"text":%q}`, text),
		SentAt: noon.Add(time.Duration(seq-100) * time.Minute).UnixMilli(), Status: "normal",
	}
}

// press gives keys to the app as the terminal does. A single character is typed;
// others are names of keys.
func (st *stage) press(keys ...tcell.Key) {
	for _, key := range keys {
		st.handle(tcell.NewEventKey(key, "", tcell.ModNone))
	}
}

func (st *stage) typeText(s string) {
	for _, cluster := range split(s) {
		st.handle(tcell.NewEventKey(tcell.KeyRune, cluster, tcell.ModNone))
	}
}
