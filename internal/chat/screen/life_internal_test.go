package screen

import (
	"errors"
	"testing"

	"github.com/gdamore/tcell/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/chat"
)

func TestScreen_MarksWhatWasReadEditedAndRecalled(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.furnish()
	m := st.session.model
	edited, recalled := text("user:bob", "alice", 100, "hello"), text("user:bob", "bob", 101, "")
	edited.Status, recalled.Status, recalled.Content = chat.Edited, chat.Recalled, []byte(`{}`)
	st.receive(edited, recalled, text("user:bob", "alice", 102, "bye"))
	m.Seen("user:bob", "bob", 101)
	st.want(t, "hello (edited) ✓✓ read", "[recalled]\n", "bye ✓\n")
	m.Delivered("user:bob", "bob", 102)
	st.want(t, "bye ✓✓\n")

	m.Seen("group:team", "bob", 4)
	m.Seen("group:team", "carol", 5)
	st.receive(text("group:team", "alice", 4, "hi all"))
	st.open("group:team")
	st.want(t, "hi all ✓✓ read 2")
	m.Delivered("group:team", "dave", 6)
	m.Delivered("group:team", "carol", 6)
	st.receive(text("group:team", "alice", 6, "and you?"))
	st.want(t, "and you? ✓✓ 2")
}

func TestScreen_RecallsAndEditsByCommand(t *testing.T) {
	t.Parallel()
	st := newStage(t, 80, 24)
	st.furnish()
	st.receive(text("user:bob", "alice", 100, "first"), text("user:bob", "alice", 101, "second"))
	do := func(line string) {
		st.press(tcell.KeyCtrlU)
		st.typeText(line)
		st.press(tcell.KeyEnter)
	}
	for _, line := range []string{"/recall", "/recall #2", "/edit other text", "/edit #2 more", "/edit 2 apples"} {
		do(line)
		st.wantNot(t, line)
	}
	want := []string{
		"recall user:bob/101", "recall user:bob/100", `edit user:bob/101 {"text":"other text"}`, `edit user:bob/100 {"text":"more"}`,
		`edit user:bob/101 {"text":"2 apples"}`,
	}
	if diff := cmp.Diff(want, st.session.changed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for line, notice := range map[string]string{
		"/recall #9": "You have no such message here.", "/recall #x": "Say #2", "/recall that": "/recall takes back", "/edit": "/edit TEXT replaces",
		"/edit #2": "/edit TEXT replaces",
	} {
		do(line)
		st.want(t, notice, "› "+line)
	}
	if len(st.session.changed) != len(want) {
		t.Errorf("did %q", st.session.changed[len(want):])
	}

	late := &client.Error{Code: "too_late", Message: "The message was sent more than 120 seconds ago."}
	if err := st.take(chat.Refused{What: "recall", Err: errors.Join(late)}); err != nil {
		t.Error(err)
	}
	st.want(t, "Cannot recall: The message was sent more than 120 seconds ago.")
}
