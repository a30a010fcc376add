package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gim-im/gim/domain"
)

// Demo is what the operator is told about the demo.
type Demo struct {
	URL      string // of the page, without a slash at the end
	AppKey   string // good until the next start
	Sender   string // a user to act for
	Receiver string // a user to send to
}

const (
	demoApp     = domain.AppID("demo")
	demoKeyName = "demo"     // of the keys that are made anew at each start
	demoKeyFile = "demo.key" // in the data directory
	demoPath    = "/demo/sign-in"
	demoBody    = 4 << 10 // bytes
)

// demoUsers can be signed in by anyone who reaches the page.
var demoUsers = []domain.UserID{"alice", "bob"}

// demo is an app for trying gim out. It exists where --demo is given, on
// loopback only, because its users need no password.
type demo struct {
	apps        *domain.Apps
	users       *domain.Users
	credentials *domain.Credentials
	refuse      func(w http.ResponseWriter, r *http.Request, err error)
	by          domain.Principal // the demo app's back end
	key         string
	keyFile     string // where a shell finds the key
}

// prepare makes what is missing, and a fresh key; the keys of earlier starts end.
func (d *demo) prepare(ctx context.Context) error {
	admin := domain.Principal{Kind: domain.PrincipalAdmin}
	app, first, err := d.apps.Create(ctx, admin, demoApp, "Demo", nil)
	switch {
	case errors.Is(err, domain.ErrAppExists):
		if app, err = d.apps.Get(ctx, admin, demoApp); err != nil {
			return fmt.Errorf("open the demo app: %w", err)
		}
	case err != nil:
		return fmt.Errorf("create the demo app: %w", err)
	default: // nobody was shown its first key
		if err := d.apps.RevokeKey(ctx, admin, demoApp, first.ID); err != nil {
			return fmt.Errorf("revoke the demo app's first key: %w", err)
		}
	}
	d.by = domain.Principal{Kind: domain.PrincipalApp, App: app.Ref()}
	if err := d.prepareUsers(ctx); err != nil {
		return err
	}
	if err := d.revokeKeys(ctx, admin); err != nil {
		return err
	}
	key, err := d.apps.CreateKey(ctx, admin, demoApp, demoKeyName)
	if err != nil {
		return fmt.Errorf("create the demo key: %w", err)
	}
	d.key = key.Secret
	return d.saveKey()
}

// saveKey leaves the key where commands can read it, for its owner only.
func (d *demo) saveKey() error {
	if err := os.MkdirAll(filepath.Dir(d.keyFile), 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	fresh := d.keyFile + ".new"
	if err := os.WriteFile(fresh, []byte(d.key+"\n"), 0o600); err != nil {
		return fmt.Errorf("save the demo key: %w", err)
	}
	if err := os.Rename(fresh, d.keyFile); err != nil {
		return fmt.Errorf("save the demo key: %w", err)
	}
	return nil
}

func (d *demo) prepareUsers(ctx context.Context) error {
	names := map[domain.UserID]string{"alice": "Alice", "bob": "Bob"}
	for _, id := range demoUsers {
		_, err := d.users.Get(ctx, d.by, id)
		if errors.Is(err, domain.ErrUserNotFound) {
			_, _, err = d.users.Put(ctx, d.by, domain.User{ID: id, Nickname: names[id]})
		}
		if err != nil {
			return fmt.Errorf("create the demo user %s: %w", id, err)
		}
	}
	return nil
}

func (d *demo) revokeKeys(ctx context.Context, admin domain.Principal) error {
	page := domain.Page{Limit: domain.MaxPageSize}
	for {
		keys, err := d.apps.Keys(ctx, admin, demoApp, page)
		if err != nil {
			return fmt.Errorf("list the demo keys: %w", err)
		}
		for _, k := range keys.Items {
			if k.Name != demoKeyName {
				continue
			}
			if err := d.apps.RevokeKey(ctx, admin, demoApp, k.ID); err != nil && !errors.Is(err, domain.ErrKeyNotFound) {
				return fmt.Errorf("revoke a demo key: %w", err)
			}
		}
		if keys.NextCursor == "" {
			return nil
		}
		page.Cursor = keys.NextCursor
	}
}

// demoSession is the answer of a demo sign-in.
type demoSession struct {
	Token    string `json:"token"`
	DeviceID string `json:"device_id"`
	UserID   string `json:"user_id"`
}

// signIn answers POST /demo/sign-in {"user":"alice","device_id":"…"?} with a
// token bound to a device of type web, the named one if it still exists.
func (d *demo) signIn(ctx context.Context, user domain.UserID, device domain.DeviceID) (demoSession, error) {
	if !slices.Contains(demoUsers, user) {
		return demoSession{}, domain.Invalid("/user", "must be one of %v", demoUsers)
	}
	onNewDevice := domain.TokenRequest{Device: &domain.Device{Type: "web"}}
	request := onNewDevice
	if device != "" {
		request = domain.TokenRequest{DeviceID: device}
	}
	minted, err := d.credentials.Mint(ctx, d.by, user, request)
	if device != "" && errors.Is(err, domain.ErrDeviceNotFound) {
		minted, err = d.credentials.Mint(ctx, d.by, user, onNewDevice)
	}
	if err != nil {
		return demoSession{}, err
	}
	return demoSession{Token: minted.Token, DeviceID: string(minted.Device), UserID: string(user)}, nil
}

// before serves the sign-in to gim's own pages, and everything else by next.
func (d *demo) before(next http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != demoPath || r.Method != http.MethodPost:
			next.ServeHTTP(w, r)
		// The second check stops pages of other sites that point their own name
		// at this machine: to the browser they are the same origin.
		case crossOrigin.Check(r) != nil || !isLoopbackHost(r.Host):
			d.refuse(w, r, domain.Failure(domain.CodeForbidden, "Only gim's own page on this machine may sign in like this."))
		default:
			d.serve(w, r)
		}
	})
}

func (d *demo) serve(w http.ResponseWriter, r *http.Request) {
	var body struct {
		User     domain.UserID   `json:"user"`
		DeviceID domain.DeviceID `json:"device_id"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, demoBody)).Decode(&body); err != nil {
		d.refuse(w, r, domain.Failure(domain.CodeBadRequest, `The body must be like {"user":"alice"}.`))
		return
	}
	session, err := d.signIn(r.Context(), body.User, body.DeviceID)
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(session) // the caller is gone; nothing left to tell it
}

// isLoopbackHost reports whether a Host header names this machine by itself.
func isLoopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}
