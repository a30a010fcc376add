package gimtest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gim-im/gim/client"
)

// Caller makes clients for a gim at an address, whoever started it.
type Caller struct {
	URL      string
	AdminKey string
}

// App is an app of a running gim with a key to it.
type App struct {
	Caller
	ID  string
	Key string
}

// Caller returns what makes clients for g.
func (g *Gim) Caller() Caller { return Caller{URL: g.URL, AdminKey: g.AdminKey} }

// NewApp creates an app.
func (g *Gim) NewApp(tb testing.TB, id string) App { tb.Helper(); return g.Caller().NewApp(tb, id) }

// DemoApp returns the app of a gim that was started with Options.Demo.
func (g *Gim) DemoApp(tb testing.TB) App {
	tb.Helper()
	key, err := os.ReadFile(filepath.Join(g.Config.DataDir, "demo.key"))
	if err != nil {
		tb.Fatalf("gimtest: the demo's key: %v", err)
	}
	return App{Caller: g.Caller(), ID: "demo", Key: strings.TrimSpace(string(key))}
}

// Client returns a REST client that presents credential, and acts for user
// unless that is "".
func (c Caller) Client(tb testing.TB, credential, user string) *client.ClientWithResponses {
	tb.Helper()
	var options []client.ClientOption
	if user != "" {
		options = append(options, client.ActAs(user))
	}
	got, err := client.NewREST(c.URL, credential, options...)
	if err != nil {
		tb.Fatalf("gimtest: %v", err)
	}
	return got
}

// Admin returns a client with the operator's key.
func (c Caller) Admin(tb testing.TB) *client.ClientWithResponses {
	tb.Helper()
	return c.Client(tb, c.AdminKey, "")
}

// NewApp creates an app.
func (c Caller) NewApp(tb testing.TB, id string) App {
	tb.Helper()
	got, err := c.Admin(tb).CreateAppWithResponse(tb.Context(), nil, client.CreateAppRequest{AppId: id})
	if err != nil || got.JSON201 == nil {
		tb.Fatalf("gimtest: create app %s: %s", id, outcome(got, err))
	}
	return App{Caller: c, ID: id, Key: got.JSON201.Key.Secret}
}

// Back returns a client of the app's back end.
func (a App) Back(tb testing.TB) *client.ClientWithResponses {
	tb.Helper()
	return a.Client(tb, a.Key, "")
}

// For returns a client of the app's back end that acts for user.
func (a App) For(tb testing.TB, user string) *client.ClientWithResponses {
	tb.Helper()
	return a.Client(tb, a.Key, user)
}

// NewUsers creates users.
func (a App) NewUsers(tb testing.TB, ids ...string) {
	tb.Helper()
	users := make([]client.UserWithID, len(ids))
	for i, id := range ids {
		users[i].UserId = id
	}
	got, err := a.Back(tb).PutUsersWithResponse(tb.Context(), nil, client.PutUsersRequest{Users: users})
	if err != nil || got.JSON200 == nil {
		tb.Fatalf("gimtest: create users %v: %s", ids, outcome(got, err))
	}
}

// Token returns a token of a user that is bound to a new device, and the device.
func (a App) Token(tb testing.TB, user string) (token, device string) {
	tb.Helper()
	body := client.CreateTokenRequest{Device: &client.RegisterDeviceRequest{Type: "web"}}
	got, err := a.Back(tb).CreateTokenWithResponse(tb.Context(), user, nil, body)
	if err != nil || got.JSON201 == nil {
		tb.Fatalf("gimtest: make a token for %s: %s", user, outcome(got, err))
	}
	return got.JSON201.Token, *got.JSON201.DeviceId
}

// User returns a client with a user's own token, on a new device.
func (a App) User(tb testing.TB, user string) *client.ClientWithResponses {
	tb.Helper()
	token, _ := a.Token(tb, user)
	return a.Client(tb, token, "")
}

// SendText sends a text message as from, by the back end, and returns its
// receipt. A clientMsgID of "" is none.
func (a App) SendText(tb testing.TB, from, to, text, clientMsgID string) client.SentMessage {
	tb.Helper()
	content, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		tb.Fatalf("gimtest: %v", err) // text that is not UTF-8
	}
	body := client.SendMessageRequest{
		To: client.Target{UserId: &to}, Type: "text", Content: content,
	}
	if clientMsgID != "" {
		body.ClientMsgId = &clientMsgID
	}
	got, err := a.For(tb, from).SendMessageWithResponse(tb.Context(), nil, body)
	switch {
	case err == nil && got.JSON201 != nil:
		return *got.JSON201
	case err == nil && got.JSON200 != nil:
		return *got.JSON200
	}
	tb.Fatalf("gimtest: send from %s to %s: %s", from, to, outcome(got, err))
	return client.SentMessage{}
}

// outcome describes an answer that was not wanted.
func outcome(got interface {
	StatusCode() int
	GetBody() []byte
}, err error,
) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("status %d: %s", got.StatusCode(), strings.TrimSpace(string(got.GetBody())))
}
