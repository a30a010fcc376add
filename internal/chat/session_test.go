package chat_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/chat"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// patience is how long something may take that takes milliseconds on an idle
// machine.
const patience = 30 * time.Second

// running is a session that runs.
type running struct {
	*chat.Session
	t      *testing.T
	cancel context.CancelFunc
	ended  chan error
}

func demoGim(t *testing.T) *gimtest.Gim {
	t.Helper()
	return gimtest.Start(t, gimtest.Options{Demo: true})
}

func optionsFor(g *gimtest.Gim, account chat.Account, state string) chat.Options {
	return chat.Options{
		URL: g.URL, Address: g.TCPURL, Account: account, State: state, OnScreen: true, Client: "test", Now: time.Now,
		MinBackoff: time.Millisecond, MaxBackoff: 20 * time.Millisecond,
	}
}

// start opens a session and runs it until the test ends or stop is called.
func start(t *testing.T, o chat.Options) *running {
	t.Helper()
	s, err := chat.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{Session: s, t: t, cancel: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- s.Run(ctx) }() // ends with stop, or with the test
	t.Cleanup(r.stop)
	return r
}

// stop ends the session as quitting does. It may be called again.
func (r *running) stop() {
	r.cancel()
	if r.ended == nil {
		return
	}
	if err := <-r.ended; err != nil {
		r.t.Errorf("the session has ended with %v", err)
	}
	r.ended = nil
	if err := r.Close(); err != nil {
		r.t.Error(err)
	}
}

// until takes events until a condition holds.
func (r *running) until(what string, holds func() bool) {
	r.t.Helper()
	deadline := time.After(patience)
	for !holds() {
		select {
		case event := <-r.Events():
			if err := r.Take(event); err != nil {
				r.t.Fatal(err)
			}
		case <-deadline:
			r.t.Fatalf("%s: not after %v", what, patience)
		}
	}
}

func (r *running) untilCaughtUp() {
	r.t.Helper()
	r.until("caught up", func() bool {
		state, _ := r.Connection()
		have, head := r.Progress()
		return state.Phase == client.Connected && have >= head
	})
}

func (r *running) send(to, text string) {
	r.Session.Send(&wire.Send{To: &wire.Target{UserId: to}, Type: "text", Content: fmt.Appendf(nil, `{"text":%q}`, text)})
}

func TestSession_ComesBackWhereItWas(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	app := g.DemoApp(t)
	state := filepath.Join(t.TempDir(), "alice.json")
	app.SendText(t, "bob", "alice", "before", "")

	first := start(t, optionsFor(g, chat.DemoUser(g.URL, "alice"), state))
	if !first.Fresh() {
		t.Error("the first time is not fresh")
	}
	first.untilCaughtUp()
	first.Model().MarkRead("user:bob")
	device := first.DeviceID()
	first.stop()

	app.SendText(t, "bob", "alice", "meanwhile", "")
	second := start(t, optionsFor(g, chat.DemoUser(g.URL, "alice"), state))
	if second.Fresh() || second.DeviceID() != device || device == "" {
		t.Errorf("fresh %v, device %s, then %s", second.Fresh(), device, second.DeviceID())
	}
	c := second.Model().Conversation("user:bob")
	if c == nil || c.Unread != 0 {
		t.Fatalf("before it is connected: %+v, want the conversation and nothing unread", c)
	}
	second.untilCaughtUp()
	wantTexts(t, c, "before", "meanwhile")
	if c.Unread != 1 || second.Stream().Stats().Repeats != 0 {
		t.Errorf("%d unread and %d repeats, want 1 and 0: it goes on from its cursor", c.Unread, second.Stream().Stats().Repeats)
	}
}

func TestSession_SendsInTheOrderOfTyping(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	alice := start(t, optionsFor(g, chat.DemoUser(g.URL, "alice"), ""))
	var want []string
	for i := range 20 {
		want = append(want, fmt.Sprint(i))
		alice.send("bob", want[i]) // also before there is a connection
	}
	alice.until("all sent", func() bool { return alice.Model().Pending() == 0 })
	wantTexts(t, alice.Model().Conversation("user:bob"), want...)
}

func TestSession_ARefusalIsAFailureThatSaysWhy(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	alice := start(t, optionsFor(g, chat.DemoUser(g.URL, "alice"), ""))
	alice.send("nobody", "hi")
	alice.until("refused", func() bool { return alice.Model().Pending() == 0 })
	c := alice.Model().Conversation("user:nobody")
	if m := c.Messages[0]; m.Stage != chat.Failed || m.Failure != "There is no such user." {
		t.Errorf("%+v", m)
	}
}

// TestSession_WhatWasUnderWayIsSentAtTheNextStart has a client end while gim is
// away: its message is in the state, and stored once.
func TestSession_WhatWasUnderWayIsSentAtTheNextStart(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	state := filepath.Join(t.TempDir(), "alice.json")
	o := optionsFor(g, chat.DemoUser(g.URL, "alice"), state)
	o.Address = "tcp://127.0.0.1:1" // nobody listens there
	first := start(t, o)
	first.send("bob", "see you")
	first.until("no connection", func() bool { state, _ := first.Connection(); return state.Phase == client.Waiting })
	first.stop()
	if first.Model().Pending() != 1 || !first.Keeps() {
		t.Fatalf("%d pending, want 1", first.Model().Pending())
	}

	second := start(t, optionsFor(g, chat.DemoUser(g.URL, "alice"), state))
	c := second.Model().Conversation("user:bob")
	wantTexts(t, c, "see you…")
	second.until("sent and read", func() bool { have, _ := second.Progress(); return have == 1 && second.UnderWay() == 0 })
	wantTexts(t, c, "see you")
}

// TestSession_WhatHasHappenedCountsEvenIfNobodyHasTakenIt quits right after the
// server has acknowledged a message.
func TestSession_WhatHasHappenedCountsEvenIfNobodyHasTakenIt(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	alice := start(t, optionsFor(g, chat.DemoUser(g.URL, "alice"), ""))
	alice.untilCaughtUp()
	alice.send("bob", "bye")
	for deadline := time.Now().Add(patience); len(alice.Events()) < 2; time.Sleep(time.Millisecond) { // the log and the receipt
		if time.Now().After(deadline) {
			t.Fatal("the message is not acknowledged")
		}
	}
	alice.stop()
	if n := alice.Model().Pending(); n != 0 {
		t.Errorf("%d pending, want 0", n)
	}
}

func TestSession_TwoOfOneUserDoNotTakeEachOthersPlace(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	state := filepath.Join(t.TempDir(), "alice.json")
	first := start(t, optionsFor(g, chat.DemoUser(g.URL, "alice"), state))
	first.untilCaughtUp()
	second := start(t, optionsFor(g, chat.DemoUser(g.URL, "alice"), state))
	if len(second.Notes()) == 0 || second.Keeps() || second.DeviceID() == first.DeviceID() {
		t.Errorf("notes %q, keeps %v, device %s", second.Notes(), second.Keeps(), second.DeviceID())
	}
	second.untilCaughtUp()
	g.DemoApp(t).SendText(t, "bob", "alice", "hi both", "")
	for _, s := range []*running{first, second} {
		s.until("hi both", func() bool { return s.Model().Conversation("user:bob") != nil })
	}
}

func TestSession_ReadsHistoryPageByPage(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	app := g.DemoApp(t)
	state := filepath.Join(t.TempDir(), "alice.json")
	const n = 120
	for i := range n {
		app.SendText(t, "bob", "alice", fmt.Sprint(i+1), "")
	}
	first := start(t, optionsFor(g, chat.DemoUser(g.URL, "alice"), state))
	first.untilCaughtUp()
	first.stop()

	second := start(t, optionsFor(g, chat.DemoUser(g.URL, "alice"), state))
	second.untilCaughtUp()
	c := second.Model().Conversation("user:bob")
	wantTexts(t, c, fmt.Sprint(n)) // the last is what was kept
	for pages := 0; !c.Complete; pages++ {
		if pages > n || !second.Older(c.ID) || second.Older(c.ID) {
			t.Fatalf("page %d: it does not read, or twice at once", pages)
		}
		second.until("a page", func() bool { return !second.Reading(c.ID) })
	}
	var want []string
	for i := range n {
		want = append(want, fmt.Sprint(i+1))
	}
	wantTexts(t, c, want...)
	if second.Older(c.ID) {
		t.Error("it reads on before the first message")
	}
}

func TestSession_SeesWhoIsThereAndWhoTypes(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	app := g.DemoApp(t)
	group := "team"
	if got, err := app.Back(t).CreateGroupWithResponse(t.Context(), nil, client.CreateGroupRequest{
		GroupId: &group, Name: ptr("The team"), Members: &[]string{"alice", "bob"},
	}); err != nil || got.JSON201 == nil {
		t.Fatalf("create a group: %v", err)
	}
	alice := start(t, optionsFor(g, chat.DemoUser(g.URL, "alice"), ""))
	alice.Model().Open("group:team")
	alice.Look("group:team")
	alice.until("members", func() bool { return len(alice.Members(group)) == 2 })
	if name := alice.Model().Conversation("group:team").Title(); name != "The team" {
		t.Errorf("the group is called %q", name)
	}
	alice.until("bob is away", func() bool { p := alice.Model().PresenceOf("bob"); return p.Known && !p.Online })
	bob := start(t, optionsFor(g, chat.DemoUser(g.URL, "bob"), ""))
	bob.untilCaughtUp()
	alice.until("bob is there", func() bool { return alice.Model().PresenceOf("bob").Online })
	bob.Typing("group:team")
	alice.until("bob types", func() bool { return len(alice.Model().Conversation("group:team").Typing(time.Now())) == 1 })
	bob.stop()
	alice.until("bob has left", func() bool { return !alice.Model().PresenceOf("bob").Online })
}

func TestSession_BeginsAnewWhenTheLogDoes(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	state := filepath.Join(t.TempDir(), "alice.json")
	first := start(t, optionsFor(g, chat.DemoUser(g.URL, "alice"), state))
	first.untilCaughtUp()
	first.send("bob", "in the old log")
	first.until("sent and read", func() bool { have, _ := first.Progress(); return have == 1 && first.UnderWay() == 0 })
	first.stop()

	// The state speaks of a log that is no more, as after a restore of the server.
	raw, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(raw), `"seq":1,`, `"seq":1000,`, 1)
	if text == string(raw) {
		t.Fatalf("no cursor in %s", raw)
	}
	text = strings.Replace(text, "user:bob", "user:ghost", 1)
	if err := os.WriteFile(state, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	second := start(t, optionsFor(g, chat.DemoUser(g.URL, "alice"), state))
	second.until("read again", func() bool {
		have, _ := second.Progress()
		return have == 1 && second.Model().Conversation("user:bob") != nil
	})
	wantTexts(t, second.Model().Conversation("user:bob"), "in the old log")
	if second.Model().Conversation("user:ghost") != nil {
		t.Error("a conversation that is in no log is still there")
	}
}

func TestSession_SignsInWithWhateverOneHas(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	app := g.DemoApp(t)
	bound, device := app.Token(t, "alice")
	minted, err := app.Back(t).CreateTokenWithResponse(t.Context(), "alice", nil, client.CreateTokenRequest{})
	if err != nil || minted.JSON201 == nil {
		t.Fatalf("mint a token: %v", err)
	}
	byKey, err := chat.AppKey(g.URL, app.Key, "alice")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		account chat.Account
		device  string
	}{
		{"token of a device", chat.FixedToken(bound), device},
		{"token of no device", chat.FixedToken(minted.JSON201.Token), ""},
		{"app key", byKey, ""},
	} {
		state := filepath.Join(t.TempDir(), "alice.json")
		first := start(t, optionsFor(g, tt.account, state))
		first.untilCaughtUp()
		if first.Model().Me() != "alice" || first.DeviceID() == "" || tt.device != "" && first.DeviceID() != tt.device {
			t.Errorf("%s: user %s, device %s", tt.name, first.Model().Me(), first.DeviceID())
		}
		signedIn, _ := first.Connection()
		if got := signedIn.SignedIn.GetDeviceId(); got != first.DeviceID() {
			t.Errorf("%s: connected as device %s, want %s", tt.name, got, first.DeviceID())
		}
		first.stop()
		second := start(t, optionsFor(g, tt.account, state))
		if second.DeviceID() != first.DeviceID() {
			t.Errorf("%s: device %s, then %s", tt.name, first.DeviceID(), second.DeviceID())
		}
		second.stop()
	}
}

func TestOpen_SaysWhyOneCannotSignIn(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	plain := gimtest.Start(t, gimtest.Options{})
	byKey, err := chat.AppKey(g.URL, g.DemoApp(t).Key, "nobody")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		account chat.Account
		want    string
	}{
		{"nobody listens", chat.DemoUser("http://127.0.0.1:1", "alice"), "cannot reach gim"},
		{"no demo", chat.DemoUser(plain.URL, "alice"), "gim serve --demo"},
		{"no demo user", chat.DemoUser(g.URL, "zoe"), "[alice bob]"},
		{"no such user", byKey, "user_not_found"},
		{"no token", chat.FixedToken("gim_key"), "not a user token"},
	} {
		_, err := chat.Open(t.Context(), optionsFor(g, tt.account, ""))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func ptr[T any](v T) *T { return &v }
