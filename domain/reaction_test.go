package domain

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func reactTo(f *fakeBack) *Messenger {
	m := newTestMessenger(f)
	m.clock = frozen(sentAt)
	return m
}

func TestReact_IsForThoseWhoMightSend(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		by            Principal
		refusal       error
		react, remove Code
	}{
		"the receiver":             {bob, nil, "", ""},
		"the sender":               {alice, nil, "", ""},
		"an app key for a user":    {asAlice, nil, "", ""},
		"an app key":               {business, nil, CodeForbidden, CodeForbidden},
		"the operator":             {operator, nil, CodeForbidden, CodeForbidden},
		"who is blocked":           {bob, ErrBlocked, CodeBlocked, ""},
		"who is muted":             {bob, ErrMuted, CodeMuted, ""},
		"who is no contact":        {bob, ErrNotFriend, CodeNotFriend, ""},
		"who was in a group":       {bob, ErrNotInGroup, CodeNotInGroup, ""},
		"who is in one that ended": {bob, ErrGroupDismissed, CodeGroupDismissed, CodeGroupDismissed},
	} {
		f := &fakeBack{stored: ofAliceTo(Target{User: "bob"})}
		f.stored.Refusal = c.refusal
		m := reactTo(f)
		_, err := m.React(t.Context(), c.by, storedID, "👍")
		if CodeOf(err) != c.react || (err == nil) != (f.stored.Event != nil) {
			t.Errorf("%s reacts: %v, want code %q", name, err, c.react)
		}
		f.stored.Message.Reactions, f.stored.Event = []Reaction{{"👍", 1, true}}, nil
		err = m.Unreact(t.Context(), c.by, storedID, "👍")
		if CodeOf(err) != c.remove || (err == nil) != (f.stored.Event != nil) {
			t.Errorf("%s takes back: %v, want code %q", name, err, c.remove)
		}
	}
}

func TestReact_CountsEachUserOnce(t *testing.T) {
	t.Parallel()
	f := &fakeBack{stored: ofAliceTo(Target{User: "bob"})}
	f.stored.Message.Reactions = []Reaction{{"👍", 2, false}, {"❤️", 1, true}}
	m := reactTo(f)
	step := func(what string, err error, want, event string) {
		t.Helper()
		got := ""
		if f.stored.Event != nil {
			e, entryErr := f.stored.Event.Entry(&f.stored.Message, sentAt)
			if got = strings.ReplaceAll(string(e.Content), string(storedID), "ID"); entryErr != nil {
				t.Error(entryErr)
			}
		}
		if err != nil || fmt.Sprint(f.stored.Message.Reactions) != want || got != event {
			t.Errorf("%s: %v, %v and %s, want %s and %s", what, err, f.stored.Message.Reactions, got, want, event)
		}
		f.stored.Event = nil
	}
	const told = `{"code":%d,"data":{"by":"bob","message_id":"ID","message_seq":3,"reaction":%q,"count":%d}}`
	react := func(reaction string) error {
		_, err := m.React(t.Context(), bob, storedID, reaction)
		return err
	}
	step("as others did", react("👍"), "[{👍 3 true} {❤️ 1 true}]", fmt.Sprintf(told, 302, "👍", 3))
	step("again", react("👍"), "[{👍 3 true} {❤️ 1 true}]", "")
	step("as nobody did", react("🎉"), "[{👍 3 true} {❤️ 1 true} {🎉 1 true}]", fmt.Sprintf(told, 302, "🎉", 1))
	step("taken back", m.Unreact(t.Context(), bob, storedID, "👍"), "[{👍 2 false} {❤️ 1 true} {🎉 1 true}]", fmt.Sprintf(told, 303, "👍", 2))
	step("the last of its kind", m.Unreact(t.Context(), bob, storedID, "❤️"), "[{👍 2 false} {🎉 1 true}]", fmt.Sprintf(told, 303, "❤️", 0))
	for _, absent := range []string{"👍", "❤️", "party"} {
		if err := m.Unreact(t.Context(), bob, storedID, absent); CodeOf(err) != CodeReactionNotFound || f.stored.Event != nil {
			t.Errorf("take back %s: %v", absent, err)
		}
	}
	if f.stored.Message.Status != StatusNormal || string(f.stored.Message.Content) != `{"text":"hi"}` {
		t.Errorf("the message is %+v", f.stored.Message)
	}
}

func TestReact_RefusesWhatIsNotAllowed(t *testing.T) {
	t.Parallel()
	f := &fakeBack{stored: ofAliceTo(Target{User: "bob"})}
	m := reactTo(f)
	refused := func(reaction string, want Code) {
		t.Helper()
		f.stored.Event = nil
		if _, err := m.React(t.Context(), bob, storedID, reaction); CodeOf(err) != want || (want != "" && f.stored.Event != nil) {
			t.Errorf("react with %q: %v, want code %q", reaction, err, want)
		}
	}
	for _, reaction := range []string{"", "x", "thumbsup", "UP", "👍👍", "\xff", "🏴" + strings.Repeat("\U000E0061", 16) + "\U000E007F"} {
		refused(reaction, CodeBadRequest)
	}
	f.settings.Reactions = []string{"❤️", "thumbsup"}
	for reaction, want := range map[string]Code{"👍": CodeBadRequest, "❤": CodeBadRequest, "party": CodeBadRequest, "❤️": "", "thumbsup": ""} {
		refused(reaction, want)
	}
	f.settings.Reactions = nil
	for mine, others := range map[int]int{MaxReactionsOfUser: 0, 0: MaxReactions} {
		f.stored.Message.Reactions = nil
		for i := range mine + others {
			f.stored.Message.Reactions = append(f.stored.Message.Reactions, Reaction{string(rune('😀' + i)), 1, i < mine})
		}
		refused("👍", CodeBadRequest)
		refused("😀", "") // has it, or others have
	}
	f.stored.Message.Status = StatusRecalled
	refused("👍", CodeMessageRecalled)
	if err := m.Unreact(t.Context(), bob, storedID, "😀"); CodeOf(err) != CodeMessageRecalled {
		t.Error(err)
	}
}

func TestAppSettings_NameReactions(t *testing.T) {
	t.Parallel()
	many := make([]string, MaxAllowedReactions+1)
	for i := range many {
		many[i] = fmt.Sprint("r", i)
	}
	for _, all := range [][]string{nil, {"👍", "+1", "party_parrot-2"}, many[:MaxAllowedReactions]} {
		if err := validateAllowedReactions("/x", all); err != nil {
			t.Errorf("%.40q: %v", all, err)
		}
	}
	for _, all := range [][]string{{""}, {"👍", "👍"}, {"Up"}, {"a b"}, {"👍👍"}, {"\xff"}, {strings.Repeat("a", 33)}, many} {
		if err := validateAllowedReactions("/x", all); err == nil {
			t.Errorf("%.40q is allowed", all)
		}
	}
	settings := DefaultAppSettings()
	patch := AppPatch{Reactions: &[]string{"👍"}}
	app := App{Settings: settings}
	if patch.apply(&app); !slices.Equal(app.Settings.Reactions, []string{"👍"}) || app.Settings.validate() != nil {
		t.Errorf("%+v", app.Settings)
	}
}
