package app_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/app"
	"github.com/gim-im/gim/internal/config"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/internal/testserver"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(testserver.Closing(m), goleak.Cleanup(func(code int) {
		http.DefaultClient.CloseIdleConnections()
		os.Exit(code)
	}))
}

func TestNew_PortInUseNamesTheSetting(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c := gimtest.Settings(t, gimtest.Options{})
	c.AdminAddr = taken.Addr().String()
	a, err := app.New(app.Options{Config: c, Logger: app.NewLogger(t.Output(), c.Logging)})
	if err == nil {
		t.Fatal(a.Close(), "no error")
	}
	if !strings.Contains(err.Error(), "--admin-addr") {
		t.Errorf("error %q does not name --admin-addr", err)
	}
}

func TestApp_AMessageGoesFromOneUserToAnother(t *testing.T) {
	t.Parallel()
	for name, backend := range map[string]gimtest.Backend{"SQLite": gimtest.SQLite, "MySQL and Redis": gimtest.MySQLRedis} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shop := gimtest.Start(t, gimtest.Options{Backend: backend}).NewApp(t, "shop")
			shop.NewUsers(t, "alice", "bob")
			sent := shop.SendText(t, "alice", "bob", "hi", "m1")
			if again := shop.SendText(t, "alice", "bob", "hi", "m1"); again.MessageId != sent.MessageId {
				t.Errorf("sent again: message %s, want %s", again.MessageId, sent.MessageId)
			}
			got, err := shop.User(t, "bob").SyncWithResponse(t.Context(), nil)
			if err != nil || got.JSON200 == nil {
				t.Fatalf("sync: %v %s", err, got.Body)
			}
			if items := got.JSON200.Items; len(items) != 1 || items[0].MessageId != sent.MessageId {
				t.Errorf("bob's log has %+v, want the one message %s", items, sent.MessageId)
			}
		})
	}
}

func TestApp_RolesSayWhatIsServed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		roles      []string
		rest, sock int
	}{
		{[]string{config.RoleREST}, 200, 404},
		{[]string{config.RoleWS}, 404, 400},
	} {
		g := gimtest.Start(t, gimtest.Options{Configure: func(c *config.Config) { c.Roles = tt.roles }})
		for path, want := range map[string]int{"/v1/errors": tt.rest, "/v1/ws": tt.sock} {
			if got := get(t, g.URL+path).StatusCode; got != want {
				t.Errorf("roles %v: GET %s is %d, want %d", tt.roles, path, got, want)
			}
		}
	}
}

// still is a clock that stands.
type still struct{}

func (still) Now() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func TestApp_LimitsSendsAndCountsThem(t *testing.T) {
	t.Parallel()
	g := gimtest.Start(t, gimtest.Options{Clock: still{}, Configure: func(c *config.Config) { c.RateLimitSends = 1 }})
	shop := g.NewApp(t, "shop")
	shop.NewUsers(t, "alice", "bob")
	bob := "bob"
	for i, want := range []int{201, 202, 429} { // bursts of twice the rate
		persist := want != 202
		got, err := shop.For(t, "alice").SendMessageWithResponse(t.Context(), nil, client.SendMessageRequest{
			To: client.Target{UserId: &bob}, Type: "text", Content: json.RawMessage(`{"text":"hi"}`), Persist: &persist,
		})
		if err != nil || got.StatusCode() != want {
			t.Errorf("send %d: %v %s, want %d", i, err, got.Body, want)
		}
	}
	page, err := io.ReadAll(get(t, g.AdminURL+"/metrics").Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"gim_messages_total 1", "gim_ephemeral_messages_total 1", "gim_rate_limited_total 1",
		"gim_batch_messages_count 1", "gim_commit_seconds_count 1", "gim_bus_up 1",
		`gim_http_request_seconds_count{method="POST",route="/v1/messages",status="429"} 1`,
	} {
		if !strings.Contains(string(page), want+"\n") {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

func get(t *testing.T, url string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, r)
}

func do(t *testing.T, r *http.Request) *http.Response {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}
