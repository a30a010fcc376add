package auth_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gim-im/gim/domain"
)

// FuzzUser tries tokens that nobody minted: none may be accepted, panic, or be
// answered with anything but the generic refusal.
func FuzzUser(f *testing.F) {
	w := newWorld(f)
	a := w.authenticator(f, nil, nil)
	good := w.good(f, nil, nil)
	parts := strings.Split(good, ".")
	for _, seed := range []string{
		"", "..", "e30.e30.", good, good + ".", parts[0] + "." + parts[1] + ".",
		w.good(f, fields{"alg": "none"}, nil),
		w.good(f, fields{"crit": []string{"b64"}}, fields{"aud": []string{"gim"}, "nbf": 1}),
		w.good(f, fields{"kid": "rsa", "alg": "RS256"}, fields{"iat": json.Number("1e300")}),
		w.good(f, nil, fields{"sub": "mallory"}),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		p, err := a.User(t.Context(), token)
		if token == good {
			noError(t, err)
			return
		}
		wantCode(t, err, domain.CodeUnauthorized)
		if p != (domain.Principal{}) {
			t.Errorf("a principal comes with the refusal: %+v", p)
		}
	})
}

// FuzzUser_Parts lets well-signed nonsense through to the checks behind the
// signature. What is accepted must say who it is.
func FuzzUser_Parts(f *testing.F) {
	w := newWorld(f)
	a := w.authenticator(f, nil, nil)
	f.Add(goodHeader().with(nil), goodClaims().with(nil))
	f.Add(goodHeader().with(nil), goodClaims().with(fields{"did": "phone", "jti": "t", "aud": []string{"gim"}, "nbf": 0.5}))
	f.Add(`{"alg":"EdDSA","kid":"ed","crit":[]}`, `{"iss":"demo","sub":"bob","iat":1e9,"exp":1.7723664e9}`)
	f.Fuzz(func(t *testing.T, header, claims string) {
		p, err := a.User(t.Context(), forge(t, header, claims, "EdDSA", w.keys["ed"]))
		if err != nil {
			if code := domain.CodeOf(err); code != domain.CodeUnauthorized && code != domain.CodeDeviceNotBound {
				t.Fatalf("got %v", err)
			}
			return
		}
		var says struct{ Iss, Sub string }
		if json.Unmarshal([]byte(claims), &says) != nil || p.App != demo || p.KeyID != "ed" || (p.User != alice && p.User != bob) {
			t.Errorf("%s %s is accepted as %+v", header, claims, p)
		}
		if life := p.ExpiresAt.Sub(p.IssuedAt); life <= 0 || life > domain.MaxTokenTTL {
			t.Errorf("%s is accepted for %v", claims, life)
		}
	})
}
