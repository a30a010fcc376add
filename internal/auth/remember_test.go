package auth_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
)

func TestAuthenticator_GoodCredentialsAreLookedUpOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.token(t, "").Token
	for name, call := range map[string]func() error{
		"token":      func() error { _, err := w.auth.Bearer(t.Context(), "Bearer "+token, ""); return err },
		"app key":    func() error { _, err := w.auth.Bearer(t.Context(), "Bearer "+w.appKey, ""); return err },
		"acting for": func() error { _, err := w.auth.Bearer(t.Context(), "Bearer "+w.appKey, "bob"); return err },
	} {
		noError(t, call())
		before := w.store.callCount()
		noError(t, call())
		if n := w.store.callCount() - before; n != 0 {
			t.Errorf("%s: the second time the store was asked %d times", name, n)
		}
	}
}

// Who keeps a principal by itself makes nobody else keep it, and takes what is
// remembered.
func TestAuthenticator_UserRemembersNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.token(t, "").Token
	asked := func(call func() error) int {
		before := w.store.callCount()
		noError(t, call())
		return w.store.callCount() - before
	}
	user := func() error { _, err := w.auth.User(t.Context(), token); return err }
	noError(t, user())
	if n := asked(user); n != 1 {
		t.Errorf("the second time the store was asked %d times, want once, for the user", n)
	}
	_, err := w.auth.Bearer(t.Context(), "Bearer "+token, "")
	noError(t, err)
	if n := asked(user); n != 0 {
		t.Errorf("after a request with the token the store was asked %d times", n)
	}
}

func TestAuthenticator_SigningKeyIsLookedUpOnceForManyTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.auth.User(t.Context(), w.good(t, nil, nil))
	noError(t, err)
	before := w.store.callCount()
	_, err = w.auth.User(t.Context(), w.good(t, nil, fields{"sub": "bob"}))
	noError(t, err)
	if n := w.store.callCount() - before; n != 1 {
		t.Errorf("the store was asked %d times, want once, for the user", n)
	}
}

func TestAuthenticator_RefusalsAreNotRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.good(t, nil, fields{"did": "tablet"})
	_, err := w.auth.User(t.Context(), token)
	wantCode(t, err, domain.CodeDeviceNotBound)
	w.store.do(func() { w.store.users[scoped{1, "alice"}].devices["tablet"] = true })
	_, err = w.auth.User(t.Context(), token)
	noError(t, err)
}

// revocations are the ways to end the credentials of the test below.
func revocations(w *world) map[string]struct {
	entry  domain.Revocation
	change func()
} {
	s := w.store
	u := s.users[scoped{1, "alice"}]
	moment := domain.Millis(start).Add(time.Second)
	return map[string]struct {
		entry  domain.Revocation
		change func()
	}{
		"app":         {domain.Revocation{Kind: domain.RevokedApp, App: 1}, func() { delete(s.apps, "demo"); clear(s.appKeys) }},
		"signing key": {domain.Revocation{Kind: domain.RevokedSigningKey, App: 1, Name: "ed"}, func() { delete(s.signing, scoped{1, "ed"}) }},
		"user":        {domain.Revocation{Kind: domain.RevokedUser, App: 1, User: 11}, func() { delete(s.users, scoped{1, "alice"}) }},
		"tokens":      {domain.Revocation{Kind: domain.RevokedTokens, App: 1, User: 11, At: moment}, func() { u.revokedAt = moment }},
		"token":       {domain.Revocation{Kind: domain.RevokedToken, App: 1, User: 11, Name: "t1"}, func() { u.tokens["t1"] = true }},
		"device":      {domain.Revocation{Kind: domain.RevokedDevice, App: 1, User: 11, Name: "phone"}, func() { delete(u.devices, "phone") }},
		// As another store might write it, without the user's number.
		"device of anyone": {domain.Revocation{Kind: domain.RevokedDevice, App: 1, Name: "phone"}, func() { delete(u.devices, "phone") }},
	}
}

func TestAuthenticator_RevokedTokensStop(t *testing.T) {
	t.Parallel()
	for name := range revocations(newWorld(t)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.run(t)
			token := w.good(t, nil, fields{"did": "phone", "jti": "t1"})
			untouched := forge(t, goodHeader().with(fields{"kid": "foreign"}), goodClaims().with(fields{"iss": "other"}), "EdDSA", w.keys["foreign"])
			for _, tok := range []string{token, untouched} {
				_, err := w.auth.Bearer(t.Context(), "Bearer "+tok, "")
				noError(t, err)
			}
			r := revocations(w)[name]
			w.revoke(r.entry, r.change)

			before := w.store.callCount()
			_, err := w.auth.Bearer(t.Context(), "Bearer "+untouched, "")
			noError(t, err)
			if w.store.callCount() != before {
				t.Error("a token that was not revoked was forgotten")
			}
			want := domain.CodeUnauthorized
			if r.entry.Kind == domain.RevokedDevice {
				want = domain.CodeDeviceNotBound
			}
			_, err = w.auth.Bearer(t.Context(), "Bearer "+token, "")
			wantCode(t, err, want)
		})
	}
}

func TestAuthenticator_RevokedAppKeyAndUserActedForStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(t)
	act := func(user string) error {
		_, err := w.auth.Bearer(t.Context(), "Bearer "+w.appKey, user)
		return err
	}
	noError(t, act("alice"))
	noError(t, act("bob"))
	w.revoke(domain.Revocation{Kind: domain.RevokedUser, App: 1, User: 11}, func() { delete(w.store.users, scoped{1, "alice"}) })
	wantCode(t, act("alice"), domain.CodeUserNotFound)
	noError(t, act("bob"))

	var keyID string
	for keyID = range w.store.appKeys {
	}
	w.revoke(domain.Revocation{Kind: domain.RevokedAppKey, App: 1, Name: keyID}, func() { delete(w.store.appKeys, keyID) })
	wantCode(t, act("bob"), domain.CodeUnauthorized)
}

// A check that read the store before the revocation and ends after it must not
// bring the credential back.
func TestAuthenticator_CheckDuringARevocationIsNotRemembered(t *testing.T) {
	t.Parallel()
	for name := range revocations(newWorld(t)) {
		for _, read := range []string{"SigningKeyOf", "Subject"} {
			t.Run(name+" after "+read, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.run(t)
				token := w.good(t, nil, fields{"did": "phone", "jti": "t1"})
				r := revocations(w)[name]
				w.store.do(func() {
					done := false
					w.store.after = func(call string) {
						if call == read && !done {
							done = true
							w.revoke(r.entry, r.change)
						}
					}
				})
				_, _ = w.auth.User(t.Context(), token) // may go either way
				if _, err := w.auth.User(t.Context(), token); err == nil {
					t.Error("the revoked token is accepted afterwards")
				}
			})
		}
	}
}

func TestAuthenticator_SigningKeyRevokedDuringACheckIsNotRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(t)
	_, err := w.auth.User(t.Context(), w.good(t, nil, fields{"sub": "bob"})) // the key is known now
	noError(t, err)
	token := w.good(t, nil, nil)
	r := revocations(w)["signing key"]
	w.store.do(func() {
		done := false
		w.store.after = func(call string) {
			if call == "Subject" && !done {
				done = true
				w.revoke(r.entry, r.change)
			}
		}
	})
	_, err = w.auth.User(t.Context(), token)
	noError(t, err)
	_, err = w.auth.User(t.Context(), token)
	wantCode(t, err, domain.CodeUnauthorized)
}

func TestAuthenticator_WithoutAWatcherNothingIsRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.authenticator(t, nil, nil)
	token := w.token(t, "").Token
	for range 2 {
		before := w.store.callCount()
		_, err := a.User(t.Context(), token)
		noError(t, err)
		if w.store.callCount() == before {
			t.Error("the store was not asked")
		}
	}
}

// While the log cannot be read, what is remembered may have been revoked.
func TestAuthenticator_NothingRememberedIsTrustedWhenTheLogIsUnreadable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.token(t, "").Token
	_, err := w.auth.Bearer(t.Context(), "Bearer "+token, "")
	noError(t, err)
	failure := errors.New("no route to the database")
	w.store.do(func() { w.store.err = failure })

	w.clock.Advance(4 * time.Second)
	_, err = w.auth.Bearer(t.Context(), "Bearer "+token, "")
	noError(t, err)
	w.clock.Advance(time.Millisecond)
	if _, err = w.auth.Bearer(t.Context(), "Bearer "+token, ""); !errors.Is(err, failure) {
		t.Errorf("got %v, want the store's error", err)
	}
	w.store.do(func() { w.store.err = nil }) // lookups work, the log was not read yet
	before := w.store.callCount()
	_, err = w.auth.Bearer(t.Context(), "Bearer "+token, "")
	noError(t, err)
	if w.store.callCount() == before {
		t.Error("the store was not asked")
	}
}
