package auth_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gim-im/gim/domain"
)

// fields is a header or a set of claims; null leaves a member out.
type fields map[string]any

func (f fields) with(more fields) string {
	all := maps.Clone(f)
	maps.Copy(all, more)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// goodHeader and goodClaims make a token that is accepted at start.
func goodHeader() fields { return fields{"alg": "EdDSA", "kid": "ed", "typ": "JWT"} }

func goodClaims() fields {
	return fields{"iss": "demo", "sub": "alice", "iat": start.Unix(), "exp": start.Add(time.Hour).Unix()}
}

// forge signs anything with anything.
func forge(tb testing.TB, header, claims, alg string, key any) string {
	tb.Helper()
	text := b64([]byte(header)) + "." + b64([]byte(claims))
	signature, err := jwt.GetSigningMethod(alg).Sign(text, key)
	noError(tb, err)
	return text + "." + b64(signature)
}

func (w *world) good(tb testing.TB, header, claims fields) string {
	tb.Helper()
	return forge(tb, goodHeader().with(header), goodClaims().with(claims), "EdDSA", w.keys["ed"])
}

func TestUser_GoodTokensOfEveryAlgorithmAreAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for kid, alg := range map[string]string{"ed": "EdDSA", "ec": "ES256", "rsa": "RS256"} {
		token := forge(t, goodHeader().with(fields{"alg": alg, "kid": kid}), goodClaims().with(nil), alg, w.keys[kid])
		p, err := w.auth.User(t.Context(), token)
		noError(t, err)
		if p.Kind != domain.PrincipalUser || p.App != demo || p.User != alice || p.KeyID != kid || p.Device != "" {
			t.Errorf("%s: got %+v", alg, p)
		}
	}
}

// Each of these is a good token but for one thing.
func TestUser_VariationsOfGoodTokensAreAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, token := range map[string]string{
		"no typ":                 w.good(t, fields{"typ": nil}, nil),
		"typ in lower case":      w.good(t, fields{"typ": "jwt"}, nil),
		"audience":               w.good(t, nil, fields{"aud": "gim"}),
		"audience among others":  w.good(t, nil, fields{"aud": []string{"x", "gim"}}),
		"device":                 w.good(t, nil, fields{"did": "phone"}),
		"id":                     w.good(t, nil, fields{"jti": "t1"}),
		"unknown claim":          w.good(t, nil, fields{"name": "Alice", "SUB": "bob"}),
		"fractions":              w.good(t, nil, fields{"iat": json.Number("1772366400.25"), "exp": json.Number("1.7723665e9")}),
		"thirty days":            w.good(t, nil, fields{"exp": start.Unix() + 30*24*3600}),
		"key in the header":      w.good(t, fields{"jwk": json.RawMessage(jwkOf(t, w.keys["foreign"])), "jku": "https://evil.example/"}, nil),
		"certificate in the air": w.good(t, fields{"x5u": "https://evil.example/", "x5c": []string{"AA"}}, nil),
	} {
		if _, err := w.auth.User(t.Context(), token); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUser_AttacksAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ed, foreign := w.keys["ed"], w.keys["foreign"]
	head, body := goodHeader().with(nil), goodClaims().with(nil)
	good := forge(t, head, body, "EdDSA", ed)
	parts := strings.Split(good, ".")
	unsigned := parts[0] + "." + parts[1] + "."
	w.store.do(func() { // were it asked for such a kid, it would answer
		w.store.signing[scoped{1, "../ed"}] = w.store.signing[scoped{1, "ed"}]
	})
	foreignJWK := json.RawMessage(jwkOf(t, foreign))
	attacks := map[string]string{
		"empty": "", "dots": "..", "two parts": parts[0] + "." + parts[1], "four parts": good + ".",
		"huge":              w.good(t, nil, fields{"pad": strings.Repeat("x", 4<<10)}),
		"padded":            good + "==",
		"line break in sig": parts[0] + "." + parts[1] + "." + parts[2][:40] + "\n" + parts[2][40:],
		"line break":        parts[0] + "\n." + parts[1] + "." + parts[2],
		"loose bits":        good[:len(good)-1] + string(good[len(good)-1]+1),
		"tampered claims":   parts[0] + "." + b64([]byte(goodClaims().with(fields{"sub": "bob"}))) + "." + parts[2],
		"tampered header":   b64([]byte(goodHeader().with(fields{"x": 1}))) + "." + parts[1] + "." + parts[2],
		"tampered sig":      unsigned + b64(bytes.Repeat([]byte{1}, 64)),
		"no signature":      unsigned,
		"alg none":          b64([]byte(goodHeader().with(fields{"alg": "none"}))) + "." + parts[1] + ".",
		"alg None":          b64([]byte(goodHeader().with(fields{"alg": "None"}))) + "." + parts[1] + "." + parts[2],
		"no alg":            w.good(t, fields{"alg": nil}, nil),
		"alg of other case": w.good(t, fields{"alg": "eddsa"}, nil),
		"no kid":            w.good(t, fields{"kid": nil}, nil),
		"kid a path":        w.good(t, fields{"kid": "../ed"}, nil),
		"kid a number":      w.good(t, fields{"kid": 7}, nil),
		"unknown kid":       w.good(t, fields{"kid": "nobody"}, nil),
		"wrong typ":         w.good(t, fields{"typ": "at+jwt"}, nil),
		"crit":              w.good(t, fields{"crit": []string{"exp"}}, nil),
		"crit null":         forge(t, `{"alg":"EdDSA","kid":"ed","crit":null}`, body, "EdDSA", ed),
		"unencoded payload": w.good(t, fields{"crit": []string{"b64"}, "b64": false}, nil),
		"header repeated":   forge(t, `{"alg":"none","alg":"EdDSA","kid":"ed"}`, body, "EdDSA", ed),
		"header nested":     forge(t, `{"alg":"EdDSA","kid":"ed","x":{"a":1,"a":2}}`, body, "EdDSA", ed),
		"header no object":  forge(t, `["EdDSA","ed"]`, body, "EdDSA", ed),
		"header and more":   forge(t, head+`{}`, body, "EdDSA", ed),
		"claims repeated":   forge(t, head, strings.Replace(body, `"sub":"alice"`, `"sub":"bob","sub":"alice"`, 1), "EdDSA", ed),
		"claims escaped":    forge(t, head, strings.Replace(body, `"sub":"alice"`, `"sub":"alice","s\u0075b":"bob"`, 1), "EdDSA", ed),
		"claims other case": w.good(t, nil, fields{"sub": nil, "SUB": "alice"}),
		"claims null":       forge(t, head, `null`, "EdDSA", ed),
		"claims no UTF-8":   forge(t, head, strings.Replace(body, `{`, "{\"x\":\"\xff\",", 1), "EdDSA", ed),

		"unknown app":           w.good(t, nil, fields{"iss": "nowhere"}),
		"key of another app":    forge(t, goodHeader().with(fields{"kid": "foreign"}), body, "EdDSA", foreign),
		"other app's signature": forge(t, head, body, "EdDSA", foreign),
		"iss of another app":    w.good(t, nil, fields{"iss": "other"}),
		"embedded key":          forge(t, goodHeader().with(fields{"jwk": foreignJWK}), body, "EdDSA", foreign),
		"embedded key only":     forge(t, goodHeader().with(fields{"jwk": foreignJWK, "kid": nil}), body, "EdDSA", foreign),
		"embedded address":      forge(t, goodHeader().with(fields{"jku": "http://127.0.0.1/k", "x5u": "http://127.0.0.1/k"}), body, "EdDSA", foreign),
		"unknown user":          w.good(t, nil, fields{"sub": "mallory"}),
		"foreign audience":      w.good(t, nil, fields{"aud": "shop"}),
		"foreign audiences":     w.good(t, nil, fields{"aud": []string{"shop", "GIM"}}),
		"no audience in list":   w.good(t, nil, fields{"aud": []string{}}),
		"audience a number":     w.good(t, nil, fields{"aud": 1}),
	}
	for name, token := range attacks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := w.auth.User(t.Context(), token)
			wantCode(t, err, domain.CodeUnauthorized)
			if p != (domain.Principal{}) {
				t.Errorf("a principal comes with the refusal: %+v", p)
			}
		})
	}
	noError(t, func() error { _, err := w.auth.User(t.Context(), good); return err }())
}

// The public key is known to everyone, so it must not serve as a shared secret.
func TestUser_PublicKeysAreNoSharedSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, kid := range []string{"ed", "ec", "rsa"} {
		jwk := jwkOf(t, w.keys[kid])
		var members map[string]string
		noError(t, json.Unmarshal(jwk, &members))
		x, _ := base64.RawURLEncoding.DecodeString(members["x"])
		der, err := x509.MarshalPKIXPublicKey(w.keys[kid].Public())
		noError(t, err)
		secrets := [][]byte{jwk, der, x, nil, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}
		if r, ok := w.keys[kid].Public().(*rsa.PublicKey); ok {
			secrets = append(secrets, r.N.Bytes(), x509.MarshalPKCS1PublicKey(r))
		}
		for i, secret := range secrets {
			for _, alg := range []string{"HS256", "HS384", "HS512"} {
				token := forge(t, goodHeader().with(fields{"alg": alg, "kid": kid}), goodClaims().with(nil), alg, secret)
				if _, err := w.auth.User(t.Context(), token); domain.CodeOf(err) != domain.CodeUnauthorized {
					t.Errorf("%s with secret %d of %s: got %v", alg, i, kid, err)
				}
			}
		}
	}
}

// A token's algorithm must be its key's, even when the signature is good.
func TestUser_AlgorithmIsTheStoredKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, kid := range []string{"ed", "ec", "rsa"} {
		for _, claimed := range []string{"EdDSA", "ES256", "RS256", "PS256", "RS512", "ES384"} {
			if claimed == algOf[kid] {
				continue
			}
			text := goodHeader().with(fields{"alg": claimed, "kid": kid})
			token := forge(t, text, goodClaims().with(nil), algOf[kid], w.keys[kid])
			if _, err := w.auth.User(t.Context(), token); domain.CodeOf(err) != domain.CodeUnauthorized {
				t.Errorf("%s key, header says %s: got %v", kid, claimed, err)
			}
		}
	}
	for _, alg := range []string{"PS256", "RS384", "RS512"} { // good signatures of the wrong kind
		token := forge(t, goodHeader().with(fields{"alg": "RS256", "kid": "rsa"}), goodClaims().with(nil), alg, w.keys["rsa"])
		if _, err := w.auth.User(t.Context(), token); domain.CodeOf(err) != domain.CodeUnauthorized {
			t.Errorf("%s signature under RS256: got %v", alg, err)
		}
	}
}

func TestUser_ClaimsAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := start.Unix()
	bad := map[string][]any{
		"iss": {nil, "", ".x", "me", 1, strings.Repeat("a", 65)},
		"sub": {nil, "", "a b", "batch", true, []string{"alice"}},
		"did": {"", "a/b", 5},
		"jti": {"", "ä", 5},
		"iat": {nil, fmt.Sprint(now), -1, "x", json.Number("1e400"), json.Number("1e15"), now + 3700, true},
		"exp": {nil, fmt.Sprint(now + 60), now, now - 1, json.Number("1e300"), now + 30*24*3600 + 1},
		"nbf": {now + 3600, "x", -5, json.Number("1e99")},
	}
	for claim, values := range bad {
		for _, value := range values {
			_, err := w.auth.User(t.Context(), w.good(t, nil, fields{claim: value}))
			if domain.CodeOf(err) != domain.CodeUnauthorized {
				t.Errorf("%s = %v: got %v, want unauthorized", claim, value, err)
			}
		}
	}
}

func TestUser_ForeignDeviceIsDeviceNotBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, device := range []string{"bobphone", "nothing"} {
		_, err := w.auth.User(t.Context(), w.good(t, nil, fields{"did": device}))
		wantCode(t, err, domain.CodeDeviceNotBound)
	}
}

// A device says nothing to those whose token is worth nothing.
func TestUser_RevokedTokenOfForeignDeviceIsUnauthorized(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.do(func() { w.store.users[scoped{1, "alice"}].revokedAt = start })
	_, err := w.auth.User(t.Context(), w.good(t, nil, fields{"did": "nothing"}))
	wantCode(t, err, domain.CodeUnauthorized)
}
