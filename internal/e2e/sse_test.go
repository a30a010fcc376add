package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/config"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// A stream resumes where the last one ended, goes live without a hole, and gives what
// sync gives.
func TestSSE_ReplaysAndGoesLive(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		say := func(texts ...string) {
			for _, s := range texts {
				a.as("alice").post(t, "/v1/messages", text("bob", s)).want(t, 201)
			}
		}
		say("1", "2\n", "3")
		token := a.token(t, "bob", object{}).Token
		fresh := openSSE(t, g.URL, token, "")
		if fresh.lastID != "3" || fresh.signed.GetHeadSeq() != 3 || fresh.signed.GetEpoch() != a.as("bob").sync(t, "").Epoch {
			t.Errorf("begins at %s with %v", fresh.lastID, fresh.signed)
		}
		byQuery := openSSE(t, g.URL, token, "after=1&epoch="+fresh.signed.GetEpoch())
		if byQuery.lastID != "1" {
			t.Errorf("begins after 1 with the id %s", byQuery.lastID)
		}
		// An address that is used again holds an old position; the header counts.
		byHeader := openSSE(t, g.URL, token, "after=0", "Last-Event-ID: 2")
		say("4")
		for name, s := range map[string]*sse{"fresh": fresh, "after=1": byQuery, "Last-Event-ID: 2": byHeader} {
			for want := map[string]int64{"fresh": 4, "after=1": 2, "Last-Event-ID: 2": 3}[name]; want <= 4; want++ {
				if m := s.message(); m.GetSeq() != want || strings.TrimSpace(textOf(m.GetContent())) != fmt.Sprint(want) {
					t.Errorf("%s: got %v, want entry %d", name, m, want)
				}
			}
		}
		// What the same user sends by REST is pushed; what is not stored has no id.
		a.as("bob").post(t, "/v1/messages", text("alice", "5")).want(t, 201)
		if m := fresh.message(); m.GetSeq() != 5 || m.GetConversationId() != "user:alice" {
			t.Errorf("got %v", m)
		}
		a.as("alice").post(t, "/v1/messages", with(text("bob", "passing"), "persist", false)).want(t, 202)
		if m := fresh.message(); m.GetSeq() != 0 || fresh.lastID != "5" {
			t.Errorf("got %v after %s", m, fresh.lastID)
		}
	})
}

func TestSSE_FollowsLargeGroups(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		a.newLarge(t, "news", object{}, "alice", "bob")
		for i := range 3 {
			a.as("alice").post(t, "/v1/messages", groupText("news", fmt.Sprint(i+2))).want(t, 201)
		}
		s := openSSE(t, g.URL, a.token(t, "bob", object{}).Token, "after=0&groups=news:2,absent:7")
		a.as("alice").post(t, "/v1/messages", groupText("news", "5")).want(t, 201)
		if m := s.message(); m.GetSeq() != 1 { // the creation, which is in the own log
			t.Errorf("got %v", m)
		}
		for want := int64(3); want <= 5; want++ {
			if m := s.message(); m.GetConversationSeq() != want || m.GetSeq() != 0 || textOf(m.GetContent()) != fmt.Sprint(want) || s.lastID != "1" {
				t.Errorf("got %v after the id %s, want message %d", m, s.lastID, want)
			}
		}
		if err := a.back().post(t, "/v1/messages", groupText("news", "6")).status; err != 201 {
			t.Fatal(err)
		}
		if m := s.message(); m.GetConversationSeq() != 6 {
			t.Errorf("got %v", m)
		}
	})
}

func TestSSE_RefusesBeforeTheStreamBegins(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		a.newLarge(t, "news", object{}, "alice", "bob")
		a.as("alice").post(t, "/v1/messages", text("bob", "hi")).want(t, 201)
		token := a.token(t, "bob", object{}).Token
		for name, tt := range map[string]struct {
			query, header, credential string
			status                    int
			code                      string
		}{
			"a future id":          {"", "Last-Event-ID: 3", token, 409, "resync_required"},
			"a future after":       {"after=3", "", token, 409, "resync_required"},
			"a stale epoch":        {"after=1&epoch=stale", "", token, 409, "resync_required"},
			"a stale epoch alone":  {"epoch=stale", "", token, 409, "resync_required"},
			"a future group":       {"groups=news:9", "", token, 409, "resync_required"},
			"a foreign id":         {"", "Last-Event-ID: 0000000000000000000000000000000a", token, 400, "bad_request"},
			"an id below all":      {"", "Last-Event-ID: -1", token, 400, "bad_request"},
			"an id out of range":   {"", "Last-Event-ID: 9223372036854775808", token, 400, "bad_request"},
			"no group's position":  {"groups=news", "", token, 400, "bad_request"},
			"a negative position":  {"groups=news:-1", "", token, 400, "bad_request"},
			"a group twice":        {"groups=news:1,news:2", "", token, 400, "bad_request"},
			"no group's id":        {"groups=a%20b:1", "", token, 400, "bad_request"},
			"groups twice":         {"groups=news:1&groups=news:1", "", token, 400, "bad_request"},
			"an after of letters":  {"after=x", "", token, 400, "bad_request"},
			"an unknown parameter": {"token=" + token, "", token, 400, "bad_request"},
			"no token":             {"", "", "", 401, "unauthorized"},
			"a token of sorts":     {"", "", "not.a.token", 401, "unauthorized"},
			"an app key":           {"", "", a.key, 403, "forbidden"},
			"the admin key":        {"", "", g.AdminKey, 403, "forbidden"},
			"an app key for bob":   {"", "Gim-User: bob", a.key, 403, "forbidden"},
		} {
			headers := []string{}
			if tt.header != "" {
				headers = append(headers, tt.header)
			}
			got := a.with(tt.credential).get(t, "/v1/stream?"+tt.query, headers...)
			if got.status != tt.status || got.code() != tt.code || got.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s: %d %s, want %d %s", name, got.status, got.body, tt.status, tt.code)
			}
		}
		twice := askSSE(t, g.URL, token, "", "Last-Event-ID: 1", "Last-Event-ID: 2")
		if twice.answer.StatusCode != 400 {
			t.Errorf("two ids: status %d", twice.answer.StatusCode)
		}
	})
}

func TestSSE_IsADevicesConnection(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		app := g.NewApp(t, fmt.Sprintf("ws-%d", wsApps.Add(1)))
		app.NewUsers(t, "alice", "bob")
		token, device := app.Token(t, "bob")
		first := openSSE(t, g.URL, token, "")
		if first.signed.GetDeviceId() != device {
			t.Errorf("signed in as %s, want %s", first.signed.GetDeviceId(), device)
		}
		soon(t, "bob online web/sse", func() string { return presence(t, g.URL, app, "bob") })
		second := openSSE(t, g.URL, token, "") // the newest wins
		first.wantClosed(4504)
		k := dialWS(t, g.URL, wire.JSON) // on any transport
		k.signIn(token, nil)
		second.wantClosed(4504)
		third := openSSE(t, g.URL, token, "")
		k.wantClosed(4504)
		third.cancel() // the client goes away
		soon(t, "bob offline", func() string { return presence(t, g.URL, app, "bob") })
	})
}

func TestSSE_EndsWithItsCredentials(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		app := g.NewApp(t, fmt.Sprintf("ws-%d", wsApps.Add(1)))
		app.NewUsers(t, "alice", "bob")
		token, _ := app.Token(t, "bob")
		s := openSSE(t, g.URL, token, "")
		expiring := openSSE(t, g.URL, newBusiness(t, app, "k1").mint(3*time.Second), "")
		if f, err := expiring.read(); f.GetClosing().GetCode() != 4502 { // announced, as there is no more than a minute left
			t.Errorf("got %v, %v; want the announcement", f, err)
		}
		expiring.wantClosed(4502)
		if got, err := app.Back(t).RevokeTokensWithResponse(t.Context(), "bob"); err != nil || got.StatusCode() != 204 {
			t.Fatalf("revoke: %v, %+v", err, got)
		}
		started := time.Now()
		s.wantClosed(4503)
		if took := time.Since(started); took > 5*time.Second {
			t.Errorf("ended after %s", took)
		}
		if again := askSSE(t, g.URL, token, ""); again.answer.StatusCode != 401 {
			t.Errorf("status %d afterwards", again.answer.StatusCode)
		}
	})
}

// Comments keep a stream from being idle, and it outlives any time for an answer.
func TestSSE_Heartbeats(t *testing.T) {
	t.Parallel()
	app := withTimers(t, func(c *config.Config) { c.Heartbeat = 200 * time.Millisecond; c.SignInTimeout = 300 * time.Millisecond })
	token, _ := app.Token(t, "bob")
	s := openSSE(t, app.URL, token, "")
	s.heartbeats(12) // a WebSocket would be closed after two and a half
	bob := "bob"
	sent, err := app.For(t, "alice").SendMessageWithResponse(t.Context(), nil, client.SendMessageRequest{
		To: client.Target{UserId: &bob}, Type: "text", Content: []byte(`{"text":"hi"}`),
	})
	if err != nil || sent.StatusCode() != 201 {
		t.Fatalf("send: %v %s", err, sent.Body)
	}
	if m := s.message(); m.GetSeq() != 1 {
		t.Errorf("then %v", m)
	}
}

func TestSSE_LimitOfConnections(t *testing.T) {
	t.Parallel()
	app := withTimers(t, func(c *config.Config) { c.MaxConnectionsPerAddress = 1 })
	token, _ := app.Token(t, "bob")
	s := openSSE(t, app.URL, token, "")
	if got := askSSE(t, app.URL, token, ""); got.answer.StatusCode != 429 || got.answer.Header.Get("Retry-After") == "" {
		t.Errorf("the second has status %d and %v", got.answer.StatusCode, got.answer.Header)
	}
	s.cancel()
	eventually(t, "another stream", func() bool { return askSSE(t, app.URL, token, "").answer.StatusCode == 200 })
}

func TestSSE_DrainsOnSIGTERM(t *testing.T) {
	t.Parallel()
	p := gimtest.StartProcess(t, gimtest.ProcessOptions{})
	app := p.NewApp(t, "drain")
	app.NewUsers(t, "bob")
	var all []*sse
	for range 3 {
		token, _ := app.Token(t, "bob")
		all = append(all, openSSE(t, p.URL, token, ""))
	}
	exit := make(chan int)
	go func() { exit <- p.Terminate() }() // ends with the process
	for _, s := range all {
		after := s.wantClosed(4000).GetReconnectAfterMs()
		if after < 0 || after > 5000 || after > 0 && s.retry != fmt.Sprint(after) {
			t.Errorf("asked to come back after %d ms, and by retry after %q", after, s.retry)
		}
	}
	if code := <-exit; code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// Who does not read is cut off and finds all of it in the log; the others are not held
// up by it.
func TestSSE_SlowConsumer(t *testing.T) {
	t.Parallel()
	g := gimtest.Start(t, gimtest.Options{Configure: unlimited})
	a := newApp(t, g, "alice", "bob")
	token := a.token(t, "bob", object{}).Token
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(g.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	fmt.Fprintf(conn, "GET /v1/stream HTTP/1.1\r\nHost: gim\r\nAuthorization: Bearer %s\r\n\r\n", token)
	answer, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), nil)
	if err != nil || answer.StatusCode != 200 {
		_ = conn.Close()
		t.Fatalf("%v %v", answer, err)
	}
	defer func() { _ = conn.Close(); _ = answer.Body.Close() }() // in this order: nothing more is read
	open := func() string {
		got, err := http.Get(g.AdminURL + "/metrics") //nolint:noctx // a test's own server
		if err != nil {
			t.Fatal(err)
		}
		defer got.Body.Close()
		all, _ := io.ReadAll(got.Body)
		for line := range strings.SplitSeq(string(all), "\n") {
			if strings.HasPrefix(line, "gim_connections{") && strings.Contains(line, `"sse"`) {
				return line[strings.LastIndexByte(line, ' ')+1:]
			}
		}
		return "none"
	}
	if got := open(); got != "1" {
		t.Fatalf("%s streams are open, want 1", got)
	}
	big := with(text("bob", ""), "content", contentOf(64<<10))
	sent := int64(0)
	for deadline := time.Now().Add(30 * time.Second); open() != "0"; sent++ { // some more than the network and the queue hold
		if time.Now().After(deadline) {
			t.Fatalf("a stream that nobody reads is open after %d messages", sent)
		}
		a.as("alice").post(t, "/v1/messages", big).want(t, 201)
	}
	s := openSSE(t, g.URL, token, "after=0")
	for want := range sent {
		if m := s.message(); m.GetSeq() != want+1 {
			t.Fatalf("entry %d where %d was expected", m.GetSeq(), want+1)
		}
	}
}
