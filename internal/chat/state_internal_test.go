package chat

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/wire"
)

var (
	noon  = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	alice = claims{App: "demo", User: "alice"}
)

const server = "http://127.0.0.1:8080"

func open(t *testing.T, path string) *store {
	t.Helper()
	st, err := openStore(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.close)
	return st
}

func TestState_ComesBackAsItWas(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "alice.json")
	st := open(t, path)
	state, odd := st.load(server, alice)
	if odd != "" || !reflect.DeepEqual(state.Cursor, SavedCursor{}) {
		t.Fatalf("a state that is not there: %+v, %q", state, odd)
	}
	m := NewModel("alice")
	m.Received([]*wire.Message{
		{Seq: 1, ConversationId: "user:bob", MessageId: "m1", ConversationSeq: 1, Sender: &wire.Sender{Type: "user", UserId: "bob"}, Type: "text", Content: []byte(`{"text":"one"}`), SentAt: noon.UnixMilli()},
		{Seq: 2, ConversationId: "group:team", MessageId: "m2", ConversationSeq: 7, Sender: &wire.Sender{Type: "user", UserId: "carol"}, Type: "text", Content: []byte(`{"text":"@alice"}`), Mentions: []string{"alice"}, SentAt: noon.UnixMilli()},
	})
	m.Name("group:team", "The team")
	m.Open("user:bob")
	m.MarkRead("user:bob")
	send := &wire.Send{To: &wire.Target{UserId: "bob"}, Type: "text", Content: []byte(`{"text":"hi"}`), ClientMsgId: "c1"}
	m.Begin(send, noon)
	m.Fail(&wire.Send{To: send.GetTo(), ClientMsgId: "unknown"}, "")
	state.DeviceID, state.Cursor = "d1", SavedCursor{Seq: 2, Epoch: "e1", Groups: map[string]int64{"team": 3}}
	m.save(state)
	if err := st.save(state); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: want a file for its owner only", info.Mode(), err)
	}

	again, odd := st.load(server, alice)
	if odd != "" || again.DeviceID != "d1" || !reflect.DeepEqual(again.Cursor, SavedCursor{Seq: 2, Epoch: "e1", Groups: map[string]int64{"team": 3}}) {
		t.Fatalf("%+v, %q", again, odd)
	}
	back := NewModel("alice")
	resend := back.restore(again, noon.Add(time.Hour))
	if len(resend) != 1 || !cmp.Equal(resend[0].String(), send.String()) {
		t.Errorf("sent again: %v, want %v", resend, send)
	}
	if back.Current() == nil || back.Current().ID != "user:bob" || back.Pending() != 1 || back.Current().Unread != 0 || back.Current().ReadSeq != 1 {
		t.Errorf("the open conversation: %+v", back.Current())
	}
	team := back.Conversation("group:team")
	if team.Unread != 1 || !team.Mentioned || team.Name != "The team" || len(team.Messages) != 1 || team.Messages[0].Text() != "@alice" {
		t.Errorf("the group: %+v", team)
	}
}

func TestState_WhatIsUnderWayForTooLongIsNotSentAgain(t *testing.T) {
	t.Parallel()
	m := NewModel("alice")
	m.Begin(&wire.Send{To: &wire.Target{UserId: "bob"}, Type: "text", Content: []byte(`{}`), ClientMsgId: "c1"}, noon)
	var state State
	m.save(&state)
	back := NewModel("alice")
	if resend := back.restore(&state, noon.Add(7*24*time.Hour)); len(resend) != 0 {
		t.Errorf("%v is sent again: the server may have forgotten its client_msg_id", resend)
	}
	c := back.Conversation("user:bob")
	if len(c.Pending) != 0 || len(c.Messages) != 1 || c.Messages[0].Stage != Failed {
		t.Errorf("%+v, want a failed message", c)
	}
}

func TestState_WhatIsNotToBeStoredIsNotSentAgain(t *testing.T) {
	t.Parallel()
	m, persist := NewModel("alice"), false
	m.Begin(&wire.Send{To: &wire.Target{UserId: "bob"}, Type: "text", Content: []byte(`{}`), ClientMsgId: "c1", Persist: &persist}, noon)
	var state State
	m.save(&state)
	if resend := NewModel("alice").restore(&state, noon); len(resend) != 0 {
		t.Errorf("%v is sent again: nobody could tell it from its repetition", resend)
	}
}

func TestState_OfSomebodyElseOrBrokenCountsAsNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.json")
	st := open(t, path)
	good := &State{Version: stateVersion, Server: server, App: "demo", User: "alice", Cursor: SavedCursor{Seq: 5}}
	if err := st.save(good); err != nil {
		t.Fatal(err)
	}
	for name, load := range map[string]func() (*State, string){
		"another user":   func() (*State, string) { return st.load(server, claims{App: "demo", User: "bob"}) },
		"another app":    func() (*State, string) { return st.load(server, claims{App: "shop", User: "alice"}) },
		"another server": func() (*State, string) { return st.load("http://127.0.0.1:9", alice) },
	} {
		if state, odd := load(); odd == "" || state.Cursor.Seq != 0 {
			t.Errorf("%s: %+v, %q", name, state, odd)
		}
	}
	for _, text := range []string{"", "{", `{"version":99}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if state, odd := st.load(server, alice); odd == "" || state.User != "alice" || state.Cursor.Seq != 0 {
			t.Errorf("%q: %+v, %q", text, state, odd)
		}
	}
}

func TestState_IsOneClientsAtATime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.json")
	first := open(t, path)
	if _, err := openStore(path); !errors.Is(err, errInUse) {
		t.Errorf("the second client gets %v, want %v", err, errInUse)
	}
	first.close()
	open(t, path)
}

func TestState_ThatCannotBeKeptIsAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	st := open(t, filepath.Join(dir, "state.json"))
	if err := os.Mkdir(filepath.Join(dir, "state.json.new"), 0o700); err != nil { // stands in the way
		t.Fatal(err)
	}
	if err := st.save(&State{}); err == nil {
		t.Error("nothing was kept, and nobody told")
	}
}

func TestDefaultStatePath_TellsUsersAndServersApart(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/state")
	paths := make(map[string]bool)
	for _, who := range []claims{alice, {App: "shop", User: "alice"}, {App: "demo", User: "Alice"}} {
		for _, url := range []string{server, "https://chat.example.com"} {
			path, err := defaultStatePath(url, who)
			if err != nil || !strings.HasPrefix(path, "/state/gim/chat/") {
				t.Fatalf("%s, %v", path, err)
			}
			paths[strings.ToLower(path)] = true
		}
	}
	if len(paths) != 6 {
		t.Errorf("%d paths for 6 accounts: %v", len(paths), paths)
	}
}

func TestClaimsOf_RefusesWhatIsNoToken(t *testing.T) {
	t.Parallel()
	// {"iss":"demo","sub":"alice","did":"d1"}
	got, err := claimsOf("e30.eyJpc3MiOiJkZW1vIiwic3ViIjoiYWxpY2UiLCJkaWQiOiJkMSJ9.x")
	if err != nil || got != (claims{App: "demo", User: "alice", Device: "d1"}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, token := range []string{"", "gim_key_secret", "a.b", "a.!.c", "a.e30.c"} {
		if _, err := claimsOf(token); err == nil {
			t.Errorf("%q is a token", token)
		}
	}
}
