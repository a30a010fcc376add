package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/internal/testserver"
)

// These tests run the program as an operator does.

func TestServe_PrintsOneLineWhenItIsReady(t *testing.T) {
	t.Parallel()
	p := gimtest.StartProcess(t, gimtest.ProcessOptions{})
	var ready struct {
		Event string            `json:"event"`
		Addrs map[string]string `json:"addrs"`
	}
	if err := json.Unmarshal([]byte(p.Stdout()), &ready); err != nil {
		t.Fatalf("%v in %q", err, p.Stdout())
	}
	if ready.Event != "ready" || len(ready.Addrs) != 3 {
		t.Errorf("got %q", p.Stdout())
	}
	for _, name := range []string{"rest", "tcp", "admin"} {
		if _, port, err := net.SplitHostPort(ready.Addrs[name]); err != nil || port == "0" {
			t.Errorf("%s is %q, want a real port", name, ready.Addrs[name])
		}
	}
	for _, url := range []string{p.URL + "/v1/errors", p.AdminURL + "/livez", p.AdminURL + "/readyz", p.AdminURL + "/metrics"} {
		if got := status(t, url); got != http.StatusOK {
			t.Errorf("GET %s: %d, want 200", url, got)
		}
	}
	if code := p.Terminate(); code != exitDone {
		t.Errorf("exit code %d, want %d", code, exitDone)
	}
	if n := strings.Count(p.Stdout(), "\n"); n != 1 {
		t.Errorf("%d lines on stdout, want 1:\n%s", n, p.Stdout())
	}
	for line := range strings.Lines(p.Stderr()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line of the log is not JSON: %q", line)
		}
	}
}

func TestServe_SignalDrainsOpenConnections(t *testing.T) {
	t.Parallel()
	p := gimtest.StartProcess(t, gimtest.ProcessOptions{})
	shop := p.NewApp(t, "shop")
	shop.NewUsers(t, "alice")
	ws := signIn(t, p.WSURL, token(t, shop, "alice"))
	waiting := longPoll(t, p, shop)

	p.Signal(syscall.SIGTERM)
	closing, err := untilClosed(t, ws)
	if got := websocket.CloseStatus(err); got != 4000 {
		t.Errorf("the connection ends with %v, want close code 4000", err)
	}
	if !strings.Contains(closing, `"reconnect_after_ms"`) {
		t.Errorf("the last frame is %s, want one that says when to come back", closing)
	}
	if got := <-waiting; got != http.StatusServiceUnavailable {
		t.Errorf("the long poll is answered with %d, want 503", got)
	}
	if code := p.Wait(); code != exitDone {
		t.Errorf("exit code %d, want %d", code, exitDone)
	}
}

func TestServe_SecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	p := gimtest.StartProcess(t, gimtest.ProcessOptions{Args: []string{"--drain-timeout=1h"}})
	// A request that never ends keeps the first signal from being enough.
	half, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	if _, err := half.Write([]byte("POST /v1/apps HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " +
		p.AdminKey + "\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := half.Read(make([]byte, 1)); err != nil { // the server reads the body now
		t.Fatal(err)
	}
	p.Signal(syscall.SIGTERM)
	for status(t, p.AdminURL+"/readyz") != http.StatusServiceUnavailable {
		time.Sleep(time.Millisecond) // until the first signal has arrived
	}
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(); code == exitDone {
		t.Error("exit code 0, though a request was cut off")
	}
}

func TestServe_SecondProcessOnTheSameDataIsRefused(t *testing.T) {
	t.Parallel()
	first := gimtest.StartProcess(t, gimtest.ProcessOptions{})
	second := gimtest.NewProcess(t, gimtest.ProcessOptions{DataDir: first.DataDir})
	second.Launch()
	if code := second.Wait(); code != exitStorage {
		t.Errorf("exit code %d, want %d", code, exitStorage)
	}
	for _, want := range []string{"another gim process", first.DataDir} {
		if !strings.Contains(second.Stderr(), want) {
			t.Errorf("%q lacks %q", second.Stderr(), want)
		}
	}
	if second.Stdout() != "" {
		t.Errorf("it said it was ready: %q", second.Stdout())
	}
	if code := first.Terminate(); code != exitDone {
		t.Errorf("the first one exits with %d, want %d", code, exitDone)
	}
}

func TestServe_FirstStartMakesTheAdminKeyAndShowsItOnce(t *testing.T) {
	t.Parallel()
	p := gimtest.StartProcess(t, gimtest.ProcessOptions{NoAdminKey: true})
	var key string
	for _, word := range strings.Fields(p.StderrUntil("GIM_ADMIN_KEY")) {
		if strings.HasPrefix(word, "gimadmin_") {
			key = word
		}
	}
	p.AdminKey = key
	p.NewApp(t, "shop") // the key is good
	if n := strings.Count(p.Stderr(), key); n != 1 {
		t.Errorf("the key is shown %d times, want once", n)
	}
	for name, want := range map[string]os.FileMode{"": 0o700, "secret.key": 0o600} {
		info, err := os.Stat(filepath.Join(p.DataDir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%q of the data directory: %v, %v; want mode %o", name, info, err, want)
		}
	}
	p.Kill()
	p.AdminKey = "" // so that the next start has no key from the settings either
	p.Start()
	if strings.Contains(p.Stderr(), "gimadmin_") {
		t.Errorf("the second start shows a key:\n%s", p.Stderr())
	}
	p.AdminKey = key
	if got, err := p.Caller().Admin(t).GetAppWithResponse(t.Context(), "shop"); err != nil || got.JSON200 == nil {
		t.Errorf("the key is not good after a restart: %v %s", err, got.Body)
	}
}

func TestServe_KilledKeepsWhatItAcknowledged(t *testing.T) {
	t.Parallel()
	p := gimtest.StartProcess(t, gimtest.ProcessOptions{})
	shop := p.NewApp(t, "shop")
	shop.NewUsers(t, "alice", "bob")
	sent := shop.SendText(t, "alice", "bob", "hi", "m1")
	url := p.URL
	p.Kill()
	p.Start()
	if p.URL != url {
		t.Fatalf("restarted at %s, want %s", p.URL, url)
	}
	got, err := shop.For(t, "bob").SyncWithResponse(t.Context(), nil)
	if err != nil || got.JSON200 == nil || len(got.JSON200.Items) != 1 || got.JSON200.Items[0].MessageId != sent.MessageId {
		t.Errorf("bob's log after the restart: %v %s", err, got.Body)
	}
}

func TestServe_DrainEndsInTimeThoughTheDatabaseHangs(t *testing.T) {
	t.Parallel()
	db := testserver.NewMariaDB(t)
	p := gimtest.StartProcess(t, gimtest.ProcessOptions{
		Args: []string{"--drain-timeout=1s"}, Env: []string{"GIM_MYSQL_DSN=" + db.DSN()},
	})
	shop := p.NewApp(t, "shop")
	shop.NewUsers(t, "alice", "bob")
	shop.SendText(t, "alice", "bob", "one", "")
	db.Pause()
	back := shop.For(t, "alice")
	to := "bob"
	send := client.SendMessageRequest{To: client.Target{UserId: &to}, Type: "text", Content: json.RawMessage(`{"text":"two"}`)}
	go func() { // ends with the process
		_, _ = back.SendMessageWithResponse(context.WithoutCancel(t.Context()), nil, send) // it is cut off
	}()
	for !strings.Contains(body(t, p.AdminURL+"/debug/pprof/goroutine?debug=1"), "repo.(*Store).Append") {
		time.Sleep(time.Millisecond) // until the send waits, or the test's time is over
	}
	if code := p.Terminate(); code != exitStorage {
		t.Errorf("exit code %d, want %d", code, exitStorage)
	}
	if !strings.Contains(p.Stderr(), "--drain-timeout") {
		t.Errorf("the reason is not told:\n%s", p.Stderr())
	}
}

func TestServe_SecretsAreNotInTheLog(t *testing.T) {
	t.Parallel()
	const secret = "5eC2e7-5eC2e7-5eC2e7"
	p := gimtest.StartProcess(t, gimtest.ProcessOptions{
		Args: []string{"--demo"},
		Env:  []string{"GIM_REDIS_URL=redis://user:" + secret + "@127.0.0.1:1/0"},
	})
	shop := p.NewApp(t, "shop")
	shop.NewUsers(t, "alice")
	jwt := token(t, shop, "alice")
	ws := signIn(t, p.WSURL, jwt)
	_ = ws.CloseNow()
	for _, credential := range []string{p.AdminKey, shop.Key, jwt, "gim_wrong_" + secret, secret} {
		_, _ = p.Caller().Client(t, credential, "alice").GetUserWithResponse(t.Context(), "alice", nil) // refused or not
	}
	if code := p.Terminate(); code != exitDone {
		t.Errorf("exit code %d, want %d", code, exitDone)
	}
	for name, text := range map[string]string{"admin key": p.AdminKey, "app key": shop.Key, "token": jwt, "password": secret} {
		if strings.Contains(p.Stderr()+p.Stdout(), text) {
			t.Errorf("the %s is in the output:\n%s", name, p.Stderr())
		}
	}
}

func TestServe_DemoPrintsACurlLineThatWorks(t *testing.T) {
	t.Parallel()
	p := gimtest.StartProcess(t, gimtest.ProcessOptions{Args: []string{"--demo"}})
	printed := p.StderrUntil(`"hello from curl"}}'`)
	_, rest, ok := strings.Cut(printed, "Authorization: Bearer ")
	key, _, ended := strings.Cut(rest, "'")
	if !ok || !ended || !strings.Contains(printed, p.URL+"/docs") {
		t.Fatalf("the demo prints no curl line and no address:\n%s", printed)
	}
	demo := gimtest.App{Caller: p.Caller(), ID: "demo", Key: key}
	demo.SendText(t, "alice", "bob", "hello from curl", "")
}

// token mints a token for user.
func token(t *testing.T, shop gimtest.App, user string) string {
	t.Helper()
	jwt, _ := shop.Token(t, user)
	return jwt
}

// signIn opens a WebSocket that speaks JSON and signs in.
func signIn(t *testing.T, url, jwt string) *websocket.Conn {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), url, nil) //nolint:bodyclose // the library closes it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.CloseNow() })
	frame, err := json.Marshal(map[string]any{"id": 1, "sign_in": map[string]any{"token": jwt}})
	if err != nil {
		t.Fatal(err)
	}
	if err := ws.Write(t.Context(), websocket.MessageText, frame); err != nil {
		t.Fatal(err)
	}
	if _, answer, err := ws.Read(t.Context()); err != nil || !strings.Contains(string(answer), `"signed_in"`) {
		t.Fatalf("sign-in is answered with %s, %v", answer, err)
	}
	return ws
}

// untilClosed returns the last frame of a connection and how it ended.
func untilClosed(t *testing.T, ws *websocket.Conn) (last string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		_, frame, err := ws.Read(ctx)
		if err != nil {
			return last, err
		}
		last = string(frame)
	}
}

// longPoll waits for a message that never comes, and yields the status of the
// answer. It returns when the server has the request.
func longPoll(t *testing.T, p *gimtest.Process, shop gimtest.App) <-chan int {
	t.Helper()
	got := make(chan int, 1)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, shop.URL+"/v1/sync?wait=30", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token(t, shop, "alice"))
	go func() { // ends with the answer
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			got <- 0
			return
		}
		_ = resp.Body.Close()
		got <- resp.StatusCode
	}()
	for !strings.Contains(body(t, p.AdminURL+"/debug/pprof/goroutine?debug=1"), "domain.(*Messenger).Sync") {
		time.Sleep(time.Millisecond) // until the server waits, or the test's time is over
	}
	return got
}

func status(t *testing.T, url string) int {
	t.Helper()
	return get(t, url).StatusCode
}

func body(t *testing.T, url string) string {
	t.Helper()
	text, err := io.ReadAll(get(t, url).Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func get(t *testing.T, url string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}
