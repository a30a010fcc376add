package chat

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/gim-im/gim/client"
)

// restTimeout bounds one call of the REST API.
const restTimeout = 30 * time.Second

// Account is somebody to chat as, and how to prove it.
type Account struct {
	// who names the user before there is a device.
	who func(ctx context.Context) (claims, error)
	// token gets a user token; device is the one that the user had the last time, or
	// "". It is called at each sign-in, and when a token was refused.
	token func(ctx context.Context, device string) (string, error)
}

// FixedToken is the account of a token that the user has got somewhere.
func FixedToken(token string) Account {
	return Account{
		who:   func(context.Context) (claims, error) { return claimsOf(token) },
		token: func(context.Context, string) (string, error) { return token, nil },
	}
}

// DemoUser is one of the users of `gim serve --demo`.
func DemoUser(url, user string) Account {
	return Account{
		who: func(context.Context) (claims, error) { return claims{App: "demo", User: user}, nil },
		token: func(ctx context.Context, device string) (string, error) {
			return demoSignIn(ctx, strings.TrimSuffix(url, "/"), user, device)
		},
	}
}

func demoSignIn(ctx context.Context, url, user, device string) (string, error) {
	body, err := json.Marshal(map[string]string{"user": user, "device_id": device})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/demo/sign-in", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := (&http.Client{Timeout: restTimeout}).Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return "", err
	}
	var session struct {
		Token string `json:"token"`
		client.Problem
	}
	_ = json.Unmarshal(raw, &session) // an answer that is no JSON has no token either
	switch {
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusMethodNotAllowed:
		return "", fmt.Errorf("%s has no demo users: start it with `gim serve --demo`", url)
	case resp.StatusCode != http.StatusOK || session.Token == "":
		why := session.Detail
		if session.Errors != nil {
			for _, e := range *session.Errors {
				why += " (" + e.Pointer + " " + e.Detail + ")"
			}
		}
		return "", fmt.Errorf("the demo sign-in was answered with status %d: %s", resp.StatusCode, why)
	}
	return session.Token, nil
}

// AppKey is any user of an app whose key one has. Tokens are bound to a device,
// which is registered when there is none yet.
func AppKey(url, key, user string) (Account, error) {
	api, err := client.NewREST(url, key, client.WithHTTPClient(&http.Client{Timeout: restTimeout}))
	if err != nil {
		return Account{}, err
	}
	mint := func(ctx context.Context, request client.CreateTokenRequest) (string, error) {
		got, err := api.CreateTokenWithResponse(ctx, user, nil, request)
		if err := client.Check(got, err); err != nil {
			return "", err
		}
		return got.JSON201.Token, nil
	}
	return Account{
		who: func(ctx context.Context) (claims, error) {
			token, err := mint(ctx, client.CreateTokenRequest{})
			if err != nil {
				return claims{}, err
			}
			return claimsOf(token)
		},
		token: func(ctx context.Context, device string) (string, error) {
			if device != "" {
				token, err := mint(ctx, client.CreateTokenRequest{DeviceId: &device})
				if !isCode(err, "device_not_found") {
					return token, err
				}
			}
			return mint(ctx, client.CreateTokenRequest{Device: thisDevice()})
		},
	}, nil
}

// thisDevice describes this machine to the server.
func thisDevice() *client.RegisterDeviceRequest {
	kinds := map[string]string{"linux": "linux", "darwin": "macos", "windows": "windows"}
	kind, ok := kinds[runtime.GOOS]
	if !ok {
		kind = "other"
	}
	model := "gim chat"
	return &client.RegisterDeviceRequest{Type: client.DeviceType(kind), Model: &model}
}

// claims are what a token says about itself, see docs/tokens.md. Nothing of it is
// verified here: the server does that.
type claims struct {
	App    string `json:"iss"`
	User   string `json:"sub"`
	Device string `json:"did"`
}

func claimsOf(token string) (claims, error) {
	parts := strings.Split(token, ".")
	var c claims
	if len(parts) != 3 {
		return c, errors.New("the token is not a user token: it does not have three parts")
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil || c.User == "" {
		return c, errors.New("the token is not a user token: it names no user")
	}
	return c, nil
}

// credentials remember the last token of a source. They are safe for concurrent
// use.
type credentials struct {
	source func(ctx context.Context, device string) (string, error)

	mu     sync.Mutex // guards what follows; not held during calls
	token  string
	device string // of the last time
}

// fresh gets a new token.
func (c *credentials) fresh(ctx context.Context) (string, error) {
	c.mu.Lock()
	device := c.device
	c.mu.Unlock()
	token, err := c.source(ctx, device)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = token
	return token, nil
}

// current returns the last token, or gets one.
func (c *credentials) current(ctx context.Context) (string, error) {
	c.mu.Lock()
	token := c.token
	c.mu.Unlock()
	if token != "" {
		return token, nil
	}
	return c.fresh(ctx)
}

func (c *credentials) setDevice(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.device = id
}
