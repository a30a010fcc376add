package auth_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/auth"
)

// ownKeys returns gim's own live keys of an app.
func (w *world) ownKeys(app domain.AppNum) (keys []domain.SigningKey) {
	w.store.do(func() {
		for at, k := range w.store.signing {
			if k.Own && at.app == app {
				keys = append(keys, k)
			}
		}
	})
	return keys
}

func TestSigner_TokensHaveTheFormOfTheContract(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.token(t, "phone")
	in, err := auth.Inspect(m.Token)
	noError(t, err)
	key := w.ownKeys(1)[0]
	var header, claims map[string]any
	noError(t, json.Unmarshal(in.Header, &header))
	noError(t, json.Unmarshal(in.Claims, &claims))
	issued := float64(start.UnixMilli()) / 1000
	if diff := cmp.Diff(map[string]any{"alg": "EdDSA", "typ": "JWT", "kid": key.KID}, header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"iss": "demo", "sub": "alice", "did": "phone", "jti": m.ID, "iat": issued, "exp": issued + 3600}, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	if err := domain.ValidateID("jti", m.ID); err != nil || m.Device != "phone" || !m.ExpiresAt.Equal(domain.Millis(start).Add(time.Hour)) {
		t.Errorf("got %+v, %v", m, err)
	}

	var jwk struct{ X string }
	noError(t, json.Unmarshal(key.JWK, &jwk))
	public, err := base64.RawURLEncoding.DecodeString(jwk.X)
	noError(t, err)
	sum := sha256.Sum256(public)
	if want := "gim-" + hex.EncodeToString(sum[:8]); key.KID != want || key.Alg != "EdDSA" {
		t.Errorf("kid %q, alg %q, want kid %q", key.KID, key.Alg, want)
	}
}

func TestSigner_EachNodeAppAndGenerationHasItsOwnKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mint := func(secret byte, app domain.AppRef) string {
		m, err := w.signer(t, secret).Mint(t.Context(), app, "alice", "", time.Hour)
		noError(t, err)
		return m.Token
	}
	for _, token := range []string{mint(1, demo), mint(2, demo), mint(1, other)} {
		_, err := w.auth.User(t.Context(), token)
		noError(t, err)
	}
	mint(1, demo) // after a restart: the same key
	if n := len(w.ownKeys(1)); n != 2 {
		t.Errorf("two nodes have %d keys of one app", n)
	}
	if n := len(w.ownKeys(2)); n != 1 {
		t.Errorf("one node has %d keys of one app", n)
	}
	if w.ownKeys(2)[0].KID == w.ownKeys(1)[0].KID || w.ownKeys(2)[0].KID == w.ownKeys(1)[1].KID {
		t.Error("two apps share a key")
	}
}

// An app that was deleted and made again has its id, but another number.
func TestSigner_AppMadeAnewDoesNotAcceptOldTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.token(t, "").Token
	anew := domain.AppRef{Num: 3, ID: "demo"}
	w.store.do(func() {
		w.store.apps["demo"] = anew
		w.store.users[scoped{3, "alice"}] = &fakeUser{ref: domain.UserRef{Num: 31, ID: "alice"}}
	})
	_, err := w.signer(t, 1).Mint(t.Context(), anew, "alice", "", time.Hour)
	noError(t, err)
	_, err = w.auth.User(t.Context(), old)
	wantCode(t, err, domain.CodeUnauthorized)
}

func TestSigner_RevokedKeyIsFollowedByTheNextGeneration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signer(t, 1)
	seen := map[string]bool{}
	for range 3 {
		m, err := s.Mint(t.Context(), demo, "alice", "", time.Hour)
		noError(t, err)
		_, err = w.authenticator(t, nil, nil).User(t.Context(), m.Token)
		noError(t, err)
		kid := w.ownKeys(1)[0].KID
		if seen[kid] {
			t.Fatal("a revoked key is used again")
		}
		seen[kid] = true
		w.store.do(func() { delete(w.store.signing, scoped{1, kid}); w.store.dead[scoped{1, kid}] = true })
	}
	_, err := w.signer(t, 1).Mint(t.Context(), demo, "alice", "", time.Hour) // after a restart
	noError(t, err)
	if seen[w.ownKeys(1)[0].KID] {
		t.Error("a restarted node uses a revoked key")
	}
}

func TestSigner_TokenMintedAfterARevocationWorks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.token(t, "").Token
	w.store.do(func() { w.store.users[scoped{1, "alice"}].revokedAt = domain.Millis(start) }) // the same millisecond
	_, err := w.auth.User(t.Context(), old)
	wantCode(t, err, domain.CodeUnauthorized)
	_, err = w.auth.User(t.Context(), w.token(t, "").Token)
	noError(t, err)

	// By a node whose clock is two seconds ahead.
	w.store.do(func() { w.store.users[scoped{1, "alice"}].revokedAt = start.Add(2 * time.Second) })
	_, err = w.auth.User(t.Context(), w.token(t, "").Token)
	noError(t, err)
}

func TestSigner_KeyOfABusinessUnderItsKidIsNotUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.token(t, "")
	first := w.ownKeys(1)[0]
	taken := first
	taken.Own = false
	w.store.do(func() { w.store.signing[scoped{1, first.KID}] = taken })
	w.token(t, "")
	if own := w.ownKeys(1); len(own) != 1 || own[0].KID == first.KID {
		t.Errorf("got %+v", own)
	}
}

func TestSigner_ErrorsOfTheStoreComeThrough(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.signer(t, 1).Mint(t.Context(), demo, "nobody", "", time.Hour)
	wantCode(t, err, domain.CodeUserNotFound)
	failure := errors.New("down")
	w.store.do(func() { w.store.err = failure })
	if _, err := w.signer(t, 1).Mint(t.Context(), demo, "alice", "", time.Hour); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
}

func TestNewSigner_RefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	good := auth.SignerOptions{Secret: bytes.Repeat([]byte{1}, 32), Store: newStore(), IDs: auth.IDs{}, Clock: newClock()}
	for name, change := range map[string]func(*auth.SignerOptions){
		"short secret": func(o *auth.SignerOptions) { o.Secret = o.Secret[:31] },
		"no store":     func(o *auth.SignerOptions) { o.Store = nil },
		"no ids":       func(o *auth.SignerOptions) { o.IDs = nil },
		"no clock":     func(o *auth.SignerOptions) { o.Clock = nil },
	} {
		o := good
		change(&o)
		if _, err := auth.NewSigner(o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
