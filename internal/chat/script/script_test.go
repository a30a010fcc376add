package script_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/internal/chat"
	"github.com/gim-im/gim/internal/chat/script"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/internal/testserver"
	"github.com/gim-im/gim/wire"
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }

// patience is how long something may take that takes milliseconds on an idle
// machine.
const patience = 30 * time.Second

// output is what was printed up to now; it may be read while it grows.
type output struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

// Write appends p.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String returns everything written up to now.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// until waits until something was printed.
func (o *output) until(t *testing.T, part string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(o.String(), part); time.Sleep(2 * time.Millisecond) { // between looks
		if time.Now().After(deadline) {
			t.Fatalf("%q was not printed:\n%s", part, o)
		}
	}
}

// run is one run of a script.
type run struct {
	g     *gimtest.Gim
	user  string
	state string
	in    io.Reader
	o     script.Options // what matters of it

	out, err output
}

func (r *run) open(ctx context.Context, t *testing.T) *chat.Session {
	t.Helper()
	session, err := chat.Open(ctx, chat.Options{
		URL: r.g.URL, Address: r.g.TCPURL, Account: chat.DemoUser(r.g.URL, r.user), State: r.state, Client: "test", Now: time.Now,
		MinBackoff: time.Millisecond, MaxBackoff: 20 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// do runs it to its end.
func (r *run) do(ctx context.Context, t *testing.T) error {
	t.Helper()
	session := r.open(ctx, t)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended, gone := make(chan error, 1), make(chan struct{})
	go func() { // ends with ctx
		defer close(gone)
		ended <- session.Run(ctx)
	}()
	o := r.o
	o.Session, o.Ended, o.In, o.Out, o.Err, o.Address, o.Location = session, ended, r.in, &r.out, &r.err, r.g.TCPURL, time.UTC
	err := script.Run(ctx, o)
	cancel()
	<-gone
	if err := session.Close(); err != nil {
		t.Error(err)
	}
	return err
}

// events reads what was printed as JSON.
func (r *run) events(t *testing.T) (events []map[string]any) {
	t.Helper()
	for line := range strings.Lines(r.out.String()) {
		var event map[string]any
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		events = append(events, event)
	}
	return events
}

// kinds are the events of some lines, with the line that they are about.
func (r *run) kinds(t *testing.T) (kinds []string) {
	t.Helper()
	for _, e := range r.events(t) {
		if e["line"] != nil {
			raw, err := json.Marshal([]any{e["event"], e["line"], e["id"]})
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, string(raw))
		}
	}
	return kinds
}

func demoGim(t *testing.T) *gimtest.Gim {
	t.Helper()
	return gimtest.Start(t, gimtest.Options{Demo: true})
}

func TestScript_DoesEachLineAndSaysWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	r := &run{g: demoGim(t), user: "alice", o: script.Options{JSON: true, To: "user:bob"}, in: strings.NewReader(`plain text
{"id":7,"send":{"to":{"user_id":"bob"},"type":"text","content":{"text":"as a frame"}}}

{"watch":["bob"]}
{"id":9,"presence":{"unwatch":["bob"]}}
{"signal":{"to":{"user_id":"bob"},"kind":"typing"}}
{"send":{"to":{"user_id":"nobody"},"type":"text","content":{"text":"x"}}}
{"send":{"type":"text","content":{"text":"x"}}}
{"send":{"to":{"user_id":"bob"},"type":"text","content":{"text":"psst"},"persist":false}}
{"ack":{"seq":1}}
{"send":
{"dance":{}}
last`)}
	err := r.do(t.Context(), t)
	if !errors.Is(err, script.ErrRefused) {
		t.Errorf("%v, want %v", err, script.ErrRefused)
	}
	want := []string{
		`["sent",1,null]`, `["sent",2,7]`, `["watched",4,null]`, `["watched",5,9]`, `["signaled",6,null]`, `["refused",7,null]`,
		`["refused",8,null]`, `["sent",9,null]`, `["refused",10,null]`, `["refused",11,null]`, `["refused",12,null]`, `["sent",13,null]`,
	}
	if diff := cmp.Diff(want, r.kinds(t)); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, &r.out)
	}
	for _, part := range []string{
		`{"event":"state","state":"connected","address":"tcp://127.0.0.1:`, `"signed_in":{"user_id":"alice",`,
		`"error":{"code":"user_not_found","message":"There is no such user."}`, `"presence":{"items":[{"user_id":"bob","online":false`,
		`"durable":false`, `{"event":"message","message":{"seq":1,"conversation_id":"user:bob",`,
	} {
		if !strings.Contains(r.out.String(), part) {
			t.Errorf("%s was not printed:\n%s", part, &r.out)
		}
	}
	if r.err.String() != "" {
		t.Errorf("beside the events: %s", &r.err)
	}
}

func TestScript_ReadsRecallsAndEdits(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	app := g.DemoApp(t)
	first, second := app.SendText(t, "alice", "bob", "secret", ""), app.SendText(t, "alice", "bob", "helo", "")
	app.SendText(t, "bob", "alice", "what?", "")
	r := &run{g: g, user: "alice", o: script.Options{JSON: true}, in: strings.NewReader(`{"id":1,"read":{"conversation_id":"user:bob","conversation_seq":3}}
{"id":2,"recall":{"message_id":"` + first.MessageId + `"}}
{"id":3,"edit":{"message_id":"` + second.MessageId + `","content":{"text":"hello"}}}
{"id":4,"recall":{"message_id":"` + first.MessageId + `"}}
`)}
	if err := r.do(t.Context(), t); !errors.Is(err, script.ErrRefused) {
		t.Errorf("%v, want %v", err, script.ErrRefused)
	}
	want := []string{`["read",1,1]`, `["recalled",2,2]`, `["edited",3,3]`, `["refused",4,4]`}
	if diff := cmp.Diff(want, r.kinds(t)); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, &r.out)
	}
	if !strings.Contains(r.out.String(), `"code":"message_recalled"`) {
		t.Errorf("printed\n%s", &r.out)
	}
	list, err := app.For(t, "alice").Conversations(t.Context(), "")
	if err != nil || list.TotalUnread != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	plain := &run{g: g, user: "bob", o: script.Options{All: true}, in: strings.NewReader("")}
	if err := plain.do(t.Context(), t); err != nil {
		t.Error(err)
	}
	for _, part := range []string{"alice: [recalled]\n", "alice: hello\n", "alice: [message 1 was recalled]\n", "alice: [message 2 was edited] hello\n"} {
		if !strings.Contains(plain.out.String(), part) {
			t.Errorf("%q was not printed:\n%s", part, &plain.out)
		}
	}
}

func TestScript_MessagesHaveTheFormOfTheRESTAPI(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	app := g.DemoApp(t)
	app.SendText(t, "alice", "bob", "hi", "c1")
	r := &run{g: g, user: "bob", o: script.Options{JSON: true, All: true}, in: strings.NewReader("")}
	if err := r.do(t.Context(), t); err != nil {
		t.Fatal(err)
	}
	got, err := app.For(t, "bob").SyncWithResponse(t.Context(), nil)
	if err != nil || got.JSON200 == nil {
		t.Fatalf("%v", err)
	}
	var page struct{ Items []any }
	if err := json.Unmarshal(got.Body, &page); err != nil {
		t.Fatal(err)
	}
	for _, e := range r.events(t) {
		if e["event"] == "message" {
			if diff := cmp.Diff(page.Items[0], e["message"]); diff != "" {
				t.Errorf("(-REST +printed):\n%s", diff)
			}
			return
		}
	}
	t.Errorf("no message was printed:\n%s", &r.out)
}

func TestScript_PrintsWhatIsNewSinceTheLastTime(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	app := g.DemoApp(t)
	state := filepath.Join(t.TempDir(), "bob.json")
	app.SendText(t, "alice", "bob", "long ago", "")
	fetch := func() string {
		r := &run{g: g, user: "bob", state: state, in: strings.NewReader("")}
		if err := r.do(t.Context(), t); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(r.err.String(), "connected to tcp://") || !strings.Contains(r.err.String(), " as bob\n") {
			t.Errorf("beside the messages: %s", &r.err)
		}
		return r.out.String()
	}
	if got := fetch(); got != "" {
		t.Errorf("the first time prints what is old: %s", got)
	}
	app.SendText(t, "alice", "bob", "one\x1b[2J\n2026-01-01 00:00:00 user:carol carol: forged", "")
	got := fetch()
	if !strings.Contains(got, " user:alice alice: one␛[2J\n    2026-01-01") || strings.Contains(got, "long ago") {
		t.Errorf("the second time prints %q", got)
	}
	if got := fetch(); got != "" {
		t.Errorf("the third time prints %q", got)
	}
}

// TestScript_AnEmptyLogIsALogToo has the first message come between two runs.
func TestScript_AnEmptyLogIsALogToo(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	state := filepath.Join(t.TempDir(), "bob.json")
	var out string
	for range 2 {
		r := &run{g: g, user: "bob", state: state, in: strings.NewReader("")}
		if err := r.do(t.Context(), t); err != nil {
			t.Fatal(err)
		}
		out = r.out.String()
		g.DemoApp(t).SendText(t, "alice", "bob", "first of all", "c1")
	}
	if !strings.Contains(out, "first of all") {
		t.Errorf("the second run prints %q", out)
	}
}

func TestScript_FollowsUntilItIsStopped(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	ctx, cancel := context.WithCancel(t.Context())
	r := &run{g: g, user: "bob", o: script.Options{JSON: true, Follow: true}, in: strings.NewReader("")}
	ended := make(chan error, 1)
	go func() { ended <- r.do(ctx, t) }() // ends with ctx
	r.out.until(t, `"state":"connected"`)
	g.DemoApp(t).SendText(t, "alice", "bob", "hello", "")
	r.out.until(t, `"text":"hello"`)
	other := &run{g: g, user: "alice", o: script.Options{JSON: true}, in: strings.NewReader(`{"signal":{"to":{"user_id":"bob"},"kind":"typing"}}`)}
	if err := other.do(t.Context(), t); err != nil {
		t.Error(err)
	}
	r.out.until(t, `{"event":"signal","signal":{"conversation_id":"user:alice","sender":{"type":"user","user_id":"alice",`)
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("stopped, it ends with %v", err)
	}
}

func TestScript_WhatIsNotSettledIsAnError(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	ctx, cancel := context.WithCancel(t.Context())
	in, feed := io.Pipe()
	defer feed.Close() //nolint:errcheck // it lets the reader end
	r := &run{g: g, user: "alice", o: script.Options{JSON: true, To: "user:bob"}, in: in}
	ended := make(chan error, 1)
	go func() { ended <- r.do(ctx, t) }() // ends with ctx
	r.out.until(t, `"state":"connected"`)
	if err := g.Stop(); err != nil {
		t.Error(err)
	}
	r.out.until(t, `"state":"waiting"`)
	for _, line := range []string{"into the void\n", "next\n"} { // the next one is read when the first is begun
		if _, err := io.WriteString(feed, line); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, script.ErrRefused) || !strings.Contains(err.Error(), "line 1 was not settled") {
		t.Errorf("it ends with %v", err)
	}
}

func TestScript_SettlesFirstWhatTheLastRunLeft(t *testing.T) {
	t.Parallel()
	r := &run{
		g: demoGim(t), user: "alice", state: filepath.Join(t.TempDir(), "alice.json"), o: script.Options{JSON: true}, in: strings.NewReader(""),
	}
	last := r.open(t.Context(), t)
	last.Send(&wire.Send{To: &wire.Target{UserId: "bob"}, Type: "text", Content: []byte(`{"text":"left over"}`), ClientMsgId: "c1"})
	if err := last.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.do(t.Context(), t); err != nil {
		t.Error(err)
	}
	if !strings.Contains(r.out.String(), `{"event":"sent","client_msg_id":"c1","sent":{`) {
		t.Errorf("it ended before:\n%s", &r.out)
	}
}

func TestScript_WithoutAConversationTextGoesNowhere(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	r := &run{g: g, user: "alice", in: strings.NewReader("hello?\n{\"send\":1}\n")}
	if err := r.do(t.Context(), t); !errors.Is(err, script.ErrRefused) {
		t.Errorf("%v", err)
	}
	if got := r.err.String(); !strings.Contains(got, "line 1 was not sent") || !strings.Contains(got, "--to") || !strings.Contains(got, "line 2") {
		t.Errorf("%s", got)
	}
}

func TestScript_EndsWhenTheServerSaysForGood(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	state := filepath.Join(t.TempDir(), "bob.json")
	r := &run{g: g, user: "bob", state: state, o: script.Options{JSON: true, Follow: true}, in: strings.NewReader("")}
	ended := make(chan error, 1)
	go func() { ended <- r.do(t.Context(), t) }() // ends with the connection
	r.out.until(t, `"state":"connected"`)
	me := ""
	for _, e := range r.events(t) {
		if in, ok := e["signed_in"].(map[string]any); ok {
			me, _ = in["device_id"].(string)
		}
	}
	if got, err := g.DemoApp(t).For(t, "bob").DeleteDeviceWithResponse(t.Context(), me, nil); err != nil || got.StatusCode() != 204 {
		t.Fatalf("sign the device out: %v", err)
	}
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "revoked") {
			t.Errorf("it ends with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("it goes on")
	}
	r.out.until(t, `"state":"closed"`)
}
