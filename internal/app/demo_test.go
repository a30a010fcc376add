package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/gim-im/gim/internal/config"
	"github.com/gim-im/gim/internal/gimtest"
)

func withDemo(dir string) gimtest.Options {
	return gimtest.Options{Configure: func(c *config.Config) {
		c.Demo = true
		if dir != "" {
			c.DataDir = dir
		}
	}}
}

// signIn posts body to the demo's sign-in, as header says.
func signIn(t *testing.T, url, body string, header map[string]string) (status int, answer map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/demo/sign-in", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	r.Host = header["Host"]
	resp := do(t, r)
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

func TestDemo_SignsItsUsersInOnADeviceThatStays(t *testing.T) {
	t.Parallel()
	g := gimtest.Start(t, withDemo(""))
	status, first := signIn(t, g.URL, `{"user":"alice"}`, nil)
	if status != http.StatusOK || first["user_id"] != "alice" || first["device_id"] == "" {
		t.Fatalf("status %d: %v", status, first)
	}
	_, again := signIn(t, g.URL, `{"user":"alice","device_id":"`+first["device_id"].(string)+`"}`, nil)
	if again["device_id"] != first["device_id"] {
		t.Errorf("device %v, then %v: the device was not reused", first["device_id"], again["device_id"])
	}
	_, other := signIn(t, g.URL, `{"user":"alice","device_id":"gone"}`, nil)
	if other["device_id"] == "gone" || other["token"] == nil {
		t.Errorf("with a device that is gone: %v, want a new device", other)
	}
	me, err := g.Caller().Client(t, again["token"].(string), "").GetDeviceWithResponse(t.Context(), "me", nil)
	if err != nil || me.JSON200 == nil || string(me.JSON200.Type) != "web" {
		t.Errorf("the token does not open its device of type web: %v %s", err, me.Body)
	}
}

func TestDemo_SignInIsForItsOwnPageOnly(t *testing.T) {
	t.Parallel()
	g := gimtest.Start(t, withDemo(""))
	for _, tt := range []struct {
		name   string
		body   string
		header map[string]string
		want   int
	}{
		{"own page", `{"user":"bob"}`, map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": g.URL}, 200},
		{"another site", `{"user":"bob"}`, map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"another port of this machine", `{"user":"bob"}`, map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"another site in an old browser", `{"user":"bob"}`, map[string]string{"Origin": "https://evil.example"}, 403},
		{"a name pointed at this machine", `{"user":"bob"}`, map[string]string{
			"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example", "Host": "evil.example",
		}, 403},
		{"no demo user", `{"user":"carol"}`, nil, 400},
		{"no JSON", `bob`, nil, 400},
	} {
		if got, answer := signIn(t, g.URL, tt.body, tt.header); got != tt.want {
			t.Errorf("%s: status %d (%v), want %d", tt.name, got, answer, tt.want)
		}
	}
}

func TestDemo_IsNotThereUnlessAskedFor(t *testing.T) {
	t.Parallel()
	g := gimtest.Start(t, gimtest.Options{})
	if status, answer := signIn(t, g.URL, `{"user":"alice"}`, nil); status != http.StatusNotFound && status != http.StatusMethodNotAllowed {
		t.Errorf("status %d: %v", status, answer)
	}
	got, err := g.Caller().Admin(t).GetAppWithResponse(t.Context(), "demo")
	if err != nil || got.StatusCode() != http.StatusNotFound {
		t.Errorf("the demo app is there: %v %s", err, got.Body)
	}
}

func TestDemo_KeysOfEarlierStartsEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 2 {
		g := gimtest.Start(t, withDemo(dir))
		keys, err := g.Caller().Admin(t).ListAppKeysWithResponse(t.Context(), "demo", nil)
		if err != nil || keys.JSON200 == nil {
			t.Fatalf("list keys: %v %s", err, keys.Body)
		}
		if n := len(keys.JSON200.Items); n != 1 || keys.JSON200.Items[0].Name != "demo" {
			t.Errorf("%d keys, want the one of this start: %+v", n, keys.JSON200.Items)
		}
		if err := g.Stop(); err != nil {
			t.Fatal(err)
		}
	}
}
