package auth_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/domain"
)

func TestBearer_EveryKindOfCredentialIsRecognised(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.token(t, "phone")
	issued := domain.Millis(start)
	_, keyID, _ := strings.Cut(w.appKey, "_")
	keyID, _, _ = strings.Cut(keyID, "_")
	user := domain.Principal{Kind: domain.PrincipalUser, App: demo, User: alice, Device: "phone", TokenID: token.ID, IssuedAt: issued, ExpiresAt: issued.Add(time.Hour)}
	for kid, k := range w.store.signing {
		if k.Own {
			user.KeyID = kid.name
		}
	}
	for _, c := range []struct {
		name, header, gimUser string
		want                  domain.Principal
	}{
		{"admin key", "Bearer " + w.admin, "", domain.Principal{Kind: domain.PrincipalAdmin}},
		{"app key", "Bearer " + w.appKey, "", domain.Principal{Kind: domain.PrincipalApp, App: demo, KeyID: keyID}},
		{"app key for a user", "Bearer " + w.appKey, "alice", domain.Principal{Kind: domain.PrincipalApp, App: demo, User: alice, KeyID: keyID}},
		{"user token", "Bearer " + token.Token, "", user},
		{"user token that names itself", "Bearer " + token.Token, "alice", user},
		{"other case and spaces", "bEARER   " + token.Token, "", user},
	} {
		for range 2 { // from the store, then remembered
			got, err := w.auth.Bearer(t.Context(), c.header, c.gimUser)
			noError(t, err)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.name, diff)
			}
		}
	}
}

func TestBearer_BadCredentialsAreUnauthorized(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wrongSecret := w.appKey[:len(w.appKey)-1] + "2"
	if wrongSecret == w.appKey {
		wrongSecret = w.appKey[:len(w.appKey)-1] + "3"
	}
	for name, header := range map[string]string{
		"none":               "",
		"scheme only":        "Bearer",
		"nothing after":      "Bearer ",
		"no scheme":          w.appKey,
		"other scheme":       "Basic " + w.appKey,
		"two":                "Bearer " + w.appKey + " " + w.appKey,
		"two headers in one": "Bearer " + w.appKey + ", Bearer " + w.appKey,
		"comma":              "Bearer " + w.appKey + ",",
		"tab":                "Bearer\t" + w.appKey,
		"wrong secret":       "Bearer " + wrongSecret,
		"unknown key":        "Bearer gim_aaaaaaaaaaaaaaaa_" + strings.Repeat("a", 52),
		"short secret":       "Bearer " + w.appKey[:len(w.appKey)-1],
		"secret and more":    "Bearer " + w.appKey + "_a",
		"upper case":         "Bearer gim_" + strings.ToUpper(w.appKey[4:]),
		"prefix only":        "Bearer gim_",
		"admin key cut":      "Bearer " + w.admin[:len(w.admin)-1],
		"admin key and more": "Bearer " + w.admin + "a",
		"hash of a key":      "Bearer gim_" + string(w.appHash),
		"huge":               "Bearer " + w.good(t, nil, fields{"pad": strings.Repeat("x", 4<<10)}),
	} {
		for _, gimUser := range []string{"", "alice", "a b"} {
			p, err := w.auth.Bearer(t.Context(), header, gimUser)
			if domain.CodeOf(err) != domain.CodeUnauthorized || p != (domain.Principal{}) {
				t.Errorf("%s: got %+v, %v", name, p, err)
			}
		}
	}
}

func TestBearer_GimUserIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.token(t, "").Token
	for _, c := range []struct {
		name, credential, gimUser string
		want                      domain.Code
	}{
		{"user who is not there", w.appKey, "nobody", domain.CodeUserNotFound},
		{"malformed", w.appKey, "a b", domain.CodeBadRequest},
		{"reserved", w.appKey, "me", domain.CodeBadRequest},
		{"malformed with a token", token, "a b", domain.CodeBadRequest},
		{"somebody else", token, "bob", domain.CodeForbidden},
		{"admin", w.admin, "alice", domain.CodeForbidden},
	} {
		p, err := w.auth.Bearer(t.Context(), "Bearer "+c.credential, c.gimUser)
		if domain.CodeOf(err) != c.want || p != (domain.Principal{}) {
			t.Errorf("%s: got %+v, %v, want %s", c.name, p, err, c.want)
		}
		if c.want != domain.CodeBadRequest {
			continue
		}
		if known, ok := errors.AsType[*domain.Error](err); !ok || known.Fields[0].Pointer != "Gim-User" {
			t.Errorf("%s: got %v, want the pointer Gim-User", c.name, err)
		}
	}
}

func TestBearer_WithoutAnAdminKeyThereIsNoAdmin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.authenticator(t, nil, nil)
	_, err := a.Bearer(t.Context(), "Bearer "+w.admin, "")
	wantCode(t, err, domain.CodeUnauthorized)
}

// A store that fails says nothing about the credential.
func TestBearer_FailureOfTheStoreIsNoRefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.token(t, "").Token
	for _, failure := range []error{errors.New("disk on fire"), domain.ErrUnavailable} {
		w.store.do(func() { w.store.err = failure })
		for _, credential := range []string{token, w.appKey} {
			_, err := w.auth.Bearer(t.Context(), "Bearer "+credential, "")
			if !errors.Is(err, failure) || domain.CodeOf(err) != domain.CodeOf(failure) {
				t.Errorf("got %v, want %v", err, failure)
			}
		}
	}
	w.store.do(func() { w.store.err = nil })
	_, err := w.auth.Bearer(t.Context(), "Bearer "+token, "") // and is not remembered
	noError(t, err)
}

// What the store holds was checked when it came in, so this is our own fault.
func TestUser_UnusableStoredKeyIsAnUnknownError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.do(func() {
		w.store.signing[scoped{1, "ed"}] = domain.SigningKey{KID: "ed", Alg: "EdDSA", JWK: []byte(`{"kty":"oct","k":"AA"}`)}
	})
	_, err := w.auth.User(t.Context(), w.good(t, nil, nil))
	wantCode(t, err, domain.CodeInternal)
	if domain.Stack(err) == nil {
		t.Error("the error has no stack")
	}
}
