package screen

import (
	"strings"
	"testing"
	"time"

	"github.com/gdamore/tcell/v3/vt"

	"github.com/gim-im/gim/wire"
)

// event is an entry that the server writes into the group team.
func event(seq int64, content string) *wire.Message {
	m := text("group:team", "", seq, "")
	m.Sender, m.Type, m.Content = &wire.Sender{Type: "system"}, "command", []byte(content)
	return m
}

func TestScreen_AnEventIsADimLine(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.furnish()
	st.receive(
		event(101, `{"code":102,"data":{"by":"bob","user_ids":["erin","frank"]}}`), event(100, `{"code":103,"data":{"user_id":"frank"}}`), text("group:team", "bob", 102, "welcome"),
		event(103, `{"code":999,"data":{"by":"bob"}}`), event(104, `{"code":106,"data":{"by":"bob","user_id":"erin","mute_until":"2026-11-25T15:04:00.000Z"}}`),
		event(105, `{"code":101,"data":{"by":"bob","name":"\u001b[2J"}}`),
	)
	business := event(106, `{"code":1001}`)
	business.Sender.Type = "business"
	st.receive(business)
	st.open("group:team")
	st.wantScreen(t, "events-80x24")
	for y, line := range strings.Split(st.show(t), "\n") {
		at, _, found := strings.Cut(line, "bob added")
		if !found {
			continue
		}
		if cell := st.terminal.GetCell(vt.Coord{X: vt.Col(width(at)), Y: vt.Row(y)}); cell.C != "b" || cell.S.Attr() != vt.Dim {
			t.Errorf("the event is drawn as %q with the attributes %v", cell.C, cell.S.Attr())
		}
		return
	}
	t.Error("there is no event on the screen")
}

func TestScreen_AMuteThatEndsAnotherDayNamesTheDay(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.furnish()
	st.open("group:team")
	st.receive(event(100, `{"code":106,"data":{"user_id":"erin","mute_until":"2026-11-27T15:04:00.000Z"}}`))
	st.want(t, "erin was muted until 27 Nov 15:04")
	st.now = st.now.Add(72 * time.Hour)
	st.want(t, "erin was muted until yesterday 15:04") // it is still what happened
}

func TestScreen_TheListShowsAnEventAsTheLastMessage(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.furnish()
	st.session.model.MarkRead("group:team")
	st.receive(event(100, `{"code":103,"data":{"user_id":"carol"}}`), event(102, `{"code":999}`))
	st.want(t, "   carol left  ")
	st.wantNot(t, "command", "system")
	if c := st.session.model.Conversation("group:team"); c.Unread != 0 {
		t.Errorf("%d unread, want 0", c.Unread)
	}
}

func TestScreen_TheListTellsTimesAsThePaneDoes(t *testing.T) {
	t.Parallel()
	st := newStage(t, 120, 24)
	st.receive(event(101, `{"code":106,"data":{"user_id":"erin","mute_until":"2026-11-25T15:04:00.000Z"}}`))
	st.want(t, "   erin was muted until 15:04 ")
}

func TestScreen_AGroupWithoutAnythingToShowIsEmpty(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.receive(event(1, `{"code":999}`))
	st.open("group:team")
	st.want(t, "No messages yet")
	st.wantNot(t, "system", "command")
	st.receive(event(2, `{"code":103,"data":{"user_id":"carol"}}`))
	st.want(t, "carol left")
	if c := st.session.model.Current(); c.ReadSeq != 2 {
		t.Errorf("read to %d, want 2", c.ReadSeq)
	}
}

// TestScreen_EventsSurviveEverySize has lines that are wider than the pane.
func TestScreen_EventsSurviveEverySize(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{20, 6}, {40, 12}, {64, 10}, {300, 80}} {
		st := newStage(t, size[0], size[1])
		st.furnish()
		for seq := range int64(40) {
			st.receive(event(101+seq, `{"code":102,"data":{"by":"bob","user_ids":["`+strings.Repeat("e", 64)+`","你好"]}}`))
		}
		st.open("group:team")
		st.show(t)
		for _, r := range st.rows(st.session.model.Current(), size[0], st.now) {
			if r.centre {
				continue // cut when it is drawn
			}
			for _, s := range r.spans {
				if s.x+width(s.text) > size[0] {
					t.Errorf("a row of %d cells in %d columns: %q", s.x+width(s.text), size[0], s.text)
				}
			}
		}
	}
}
