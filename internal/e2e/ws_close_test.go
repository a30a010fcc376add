package e2e

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"testing"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/auth"
	"github.com/gim-im/gim/internal/config"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// business is a key pair of a business that mints its tokens itself.
type business struct {
	t   *testing.T
	app gimtest.App
	key *auth.PrivateKey
	kid string
}

func newBusiness(t *testing.T, app gimtest.App, kid string) business {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := auth.ParsePrivateKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	body := client.SigningKeyRequest{Alg: client.SigningKeyRequestAlg(key.Alg()), Jwk: key.PublicJWK()}
	got, err := app.Back(t).PutSigningKeyWithResponse(t.Context(), kid, body)
	if err != nil || got.StatusCode() >= 300 {
		t.Fatalf("register a key: %v, %+v", err, got)
	}
	return business{t, app, key, kid}
}

// mint makes a token of bob's that is bound to no device.
func (b business) mint(ttl time.Duration) string {
	b.t.Helper()
	got, err := auth.MintOffline(b.key, auth.OfflineToken{
		App: domain.AppID(b.app.ID), KID: b.kid, User: "bob", TTL: ttl, Now: time.Now(),
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return got.Token
}

// Whatever a connection stands on, when it is taken away the connection ends,
// and those that stand on something else stay.
func TestWS_ClosesWhatIsRevoked(t *testing.T) {
	onWires(t, func(t *testing.T, app gimtest.App, enc wire.Encoding) {
		back, ctx := app.Back(t), t.Context()
		asBob := client.GimUser("bob")
		bound := func() (token, device, id string) {
			got, err := back.CreateTokenWithResponse(ctx, "bob", nil, client.CreateTokenRequest{Device: &client.RegisterDeviceRequest{Type: "web"}})
			if err != nil || got.JSON201 == nil {
				t.Fatalf("mint: %v, %+v", err, got)
			}
			return got.JSON201.Token, *got.JSON201.DeviceId, got.JSON201.TokenId
		}
		aliceToken, _ := app.Token(t, "alice")
		alice := newTalk(t, app, enc, aliceToken)
		keys := newBusiness(t, app, "k1")
		forDevice, device, _ := bound()
		forToken, _, tokenID := bound()
		forAll, _, _ := bound()
		onDevice, onToken, onAll := newTalk(t, app, enc, forDevice), newTalk(t, app, enc, forToken), newTalk(t, app, enc, forAll)
		onKey := newTalk(t, app, enc, keys.mint(time.Hour))
		steps := []struct {
			what   string
			revoke func() (*http.Response, error)
			closes *talk
		}{
			{"device", func() (*http.Response, error) {
				r, err := back.DeleteDeviceWithResponse(ctx, device, &client.DeleteDeviceParams{GimUser: &asBob})
				return r.HTTPResponse, err
			}, onDevice},
			{"token", func() (*http.Response, error) {
				r, err := back.RevokeTokenWithResponse(ctx, "bob", tokenID)
				return r.HTTPResponse, err
			}, onToken},
			{"signing key", func() (*http.Response, error) {
				r, err := back.DeleteSigningKeyWithResponse(ctx, "k1")
				return r.HTTPResponse, err
			}, onKey},
			{"all tokens", func() (*http.Response, error) {
				r, err := back.RevokeTokensWithResponse(ctx, "bob")
				return r.HTTPResponse, err
			}, onAll},
			{"user", func() (*http.Response, error) {
				r, err := back.DeleteUserWithResponse(ctx, "alice", nil)
				return r.HTTPResponse, err
			}, alice},
		}
		for i, step := range steps {
			for _, later := range steps[i:] { // what is left stays
				if got := later.closes.ask(&wire.ClientFrame{Body: &wire.ClientFrame_Ping{Ping: &wire.Ping{}}}); got.GetPong() == nil {
					t.Fatalf("before the %s is revoked, the connection on the %s says %v", step.what, later.what, got)
				}
			}
			resp, err := step.revoke()
			if err != nil || resp.StatusCode != http.StatusNoContent {
				t.Fatalf("revoke the %s: %v, %v", step.what, err, resp)
			}
			step.closes.wantClosed(4503)
		}
	})
}

func TestWS_AnnouncesThatATokenRunsOutAndCloses(t *testing.T) {
	onWires(t, func(t *testing.T, app gimtest.App, enc wire.Encoding) {
		keys := newBusiness(t, app, "k1")
		var all []*talk
		for range 20 { // the announcement is due at once, and must not come before the answer
			all = append(all, newTalk(t, app, enc, keys.mint(3*time.Second)))
		}
		for _, k := range all {
			frames := k.wantClosed(4502)
			if len(frames) != 1 || len(k.aside) > 0 || frames[0].GetClosing().GetCode() != 4502 || frames[0].GetClosing().GetReason() != "token_expired" {
				t.Errorf("before the answer: %v, before the close: %v; want the announcement once, after the answer", k.aside, frames)
			}
		}
	})
}

// withTimers starts a gim whose timers are short.
func withTimers(t *testing.T, configure func(*config.Config)) gimtest.App {
	t.Helper()
	g := gimtest.Start(t, gimtest.Options{Configure: configure})
	app := g.NewApp(t, "timers")
	app.NewUsers(t, "alice", "bob")
	return app
}

func TestWS_ClosesWhoDoesNotSignIn(t *testing.T) {
	t.Parallel()
	app := withTimers(t, func(c *config.Config) { c.SignInTimeout = 300 * time.Millisecond })
	for _, enc := range []wire.Encoding{wire.JSON, wire.Proto} {
		if frames := dialWS(t, app.URL, enc).wantClosed(4501); len(frames) > 0 {
			t.Errorf("%s: said %v", enc, frames)
		}
	}
}

func TestWS_RefusesWhoDoesNotSignInFirstOrProperly(t *testing.T) {
	onWires(t, func(t *testing.T, app gimtest.App, enc wire.Encoding) {
		for name, f := range map[string]*wire.ClientFrame{
			"a ping first":     {Body: &wire.ClientFrame_Ping{Ping: &wire.Ping{}}},
			"a token of sorts": {Body: signIn("not.a.token", nil)},
			"an app's key":     {Body: signIn(app.Key, nil)},
		} {
			k := dialWS(t, app.URL, enc)
			k.say(f)
			frames := k.wantClosed(4501)
			if len(frames) != 1 || frames[0].GetError().GetCode() != "unauthorized" || frames[0].GetId() != 1 {
				t.Errorf("%s: %v", name, frames)
			}
		}
	})
}

// Silence closes a connection; whoever pings keeps theirs.
func TestWS_ClosesWhoIsSilent(t *testing.T) {
	t.Parallel()
	app := withTimers(t, func(c *config.Config) { c.Heartbeat = time.Second })
	one, _ := app.Token(t, "alice")
	two, _ := app.Token(t, "bob")
	silent, alive := newTalk(t, app, wire.JSON, one), newTalk(t, app, wire.Proto, two)
	if ms := silent.signed.GetHeartbeatMs(); ms != 1000 {
		t.Errorf("told a heartbeat of %d ms, want 1000", ms)
	}
	over := make(chan int)
	go func() { // ends with the connection
		code, _ := silent.closed()
		over <- code
	}()
	for {
		select {
		case code := <-over:
			if code != 4003 {
				t.Errorf("closed with %d, want 4003", code)
			}
			alive.ask(&wire.ClientFrame{Body: &wire.ClientFrame_Ping{Ping: &wire.Ping{}}})
			return
		case <-time.After(300 * time.Millisecond):
			alive.ask(&wire.ClientFrame{Body: &wire.ClientFrame_Ping{Ping: &wire.Ping{}}})
		}
	}
}

// A service manager's SIGTERM: clients are told to come back, each at its own
// time, what was sent is answered, and the program ends well.
func TestWS_DrainsOnSIGTERM(t *testing.T) {
	t.Parallel()
	p := gimtest.StartProcess(t, gimtest.ProcessOptions{})
	app := p.NewApp(t, "drain")
	app.NewUsers(t, "alice", "bob")
	var all []*talk
	for i := range 6 {
		token, _ := app.Token(t, []string{"alice", "bob"}[i%2])
		all = append(all, newTalk(t, app, []wire.Encoding{wire.JSON, wire.Proto}[i%2], token))
	}
	waits := make(map[int64]bool)
	exit := make(chan int)
	go func() { exit <- p.Terminate() }() // ends with the process
	for _, k := range all {
		frames := k.wantClosed(4000)
		if len(frames) != 1 || frames[0].GetClosing().GetCode() != 4000 || frames[0].GetClosing().GetReason() != "shutdown" {
			t.Fatalf("before the close: %v, want closing", frames)
		}
		wait := frames[0].GetClosing().GetReconnectAfterMs()
		waits[wait] = true
		if wait < 0 || wait > 5000 {
			t.Errorf("asked to come back after %d ms, want up to 5000", wait)
		}
	}
	if len(waits) < 2 {
		t.Errorf("all are asked to come back at the same time: %v", waits)
	}
	if code := <-exit; code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}
