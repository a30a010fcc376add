package e2e

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

func TestCredentials_OfflineTokensOfEveryAlgorithmAreAccepted(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		now := time.Now()
		for _, alg := range []string{"EdDSA", "ES256", "RS256"} {
			key := a.newKey(t, alg)
			for name, claims := range map[string]object{
				"plain":                           a.claims(),
				"with fractions":                  with(a.claims(), "iat", float64(now.UnixMilli())/1000),
				"for gim":                         with(a.claims(), "aud", "gim"),
				"for gim and others":              with(a.claims(), "aud", []string{"x", "gim"}),
				"over, within the tolerance":      with(with(a.claims(), "iat", now.Add(-time.Hour).Unix()), "exp", now.Add(-50*time.Second).Unix()),
				"not begun, within the tolerance": with(with(a.claims(), "iat", now.Add(50*time.Second).Unix()), "nbf", now.Add(50*time.Second).Unix()),
				"of 30 days":                      with(a.claims(), "exp", now.Unix()+30*24*3600),
			} {
				if got := a.with(key.sign(t, claims)).get(t, "/v1/users/me"); got.status != 200 {
					t.Errorf("%s, %s: %d %s", alg, name, got.status, got.body)
				}
			}
			got := read[client.SigningKey](t, a.back().get(t, "/v1/signing-keys/"+key.kid).want(t, 200))
			var jwk object
			if err := json.Unmarshal(got.Jwk, &jwk); err != nil || got.Alg != alg || jwk["kty"] != key.jwk["kty"] || jwk["x"] != key.jwk["x"] {
				t.Errorf("%s: the key reads as %+v", alg, got)
			}
		}
	})
}

func TestCredentials_ForgedAndExpiredTokensAreRefused(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a, other := newApp(t, g, "alice", "bob"), newApp(t, g, "alice", "bob")
		key, theirs, stranger := a.newKey(t, "EdDSA"), other.newKey(t, "ES256"), newTestKey(t, "EdDSA")
		ec, rsa := a.newKey(t, "ES256"), a.newKey(t, "RS256")
		now, claims := time.Now(), a.claims()
		good := key.sign(t, claims)
		parts := strings.Split(good, ".")
		minted := a.token(t, "alice", object{}).Token

		tokens := map[string]string{
			"expired":          key.sign(t, with(with(claims, "iat", now.Add(-time.Hour).Unix()), "exp", now.Add(-61*time.Second).Unix())),
			"from the future":  key.sign(t, with(claims, "iat", now.Add(3*time.Minute).Unix())),
			"not yet begun":    key.sign(t, with(claims, "nbf", now.Add(3*time.Minute).Unix())),
			"longer than 30 d": key.sign(t, with(claims, "exp", now.Unix()+30*24*3600+1)),
			"without iat":      key.sign(t, object{"iss": a.id, "sub": "alice", "exp": now.Unix() + 3600}),
			"without exp":      key.sign(t, object{"iss": a.id, "sub": "alice", "iat": now.Unix()}),
			"for another":      key.sign(t, with(claims, "aud", "other")),
			"of no user":       key.sign(t, with(claims, "sub", "ghost")),
			"of user me":       key.sign(t, with(claims, "sub", "me")),
			"of no app":        key.sign(t, with(claims, "iss", "ghost")),
			"of another app":   key.sign(t, with(claims, "iss", other.id)),
			"critical header":  withHeader(t, key, claims, "crit", []string{"exp"}),
			"without kid":      sign(t, key.method, "", claims, key.signer),
			"unknown kid":      sign(t, key.method, "ghost", claims, key.signer),
			"wrong kid":        sign(t, key.method, ec.kid, claims, key.signer),
			"stranger's key":   sign(t, key.method, key.kid, claims, stranger.signer),
			"its own key":      withHeader(t, testKey{key.kid, key.method, stranger.signer, nil}, claims, "jwk", stranger.jwk),
			"other app's key":  sign(t, theirs.method, theirs.kid, claims, theirs.signer),
			"alg none":         sign(t, jwt.SigningMethodNone, key.kid, claims, jwt.UnsafeAllowNoneSignatureType),
			"no signature":     parts[0] + "." + parts[1] + ".",
			"two parts":        parts[0] + "." + parts[1],
			"tampered claims":  parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"bob"}`)) + "." + parts[2],
			"tampered sub":     retold(t, good, "sub", "bob"),
			"tampered exp":     retold(t, key.sign(t, with(claims, "exp", now.Unix()-3600)), "exp", now.Unix()+3600),
			"minted, changed":  retold(t, minted, "sub", "bob"),
			"cut":              good[:len(good)-4],
			"longer":           good + "AAAA",
			"padded":           good + "==",
		}
		for name, secret := range publicForms(t, key, ec, rsa) {
			tokens["HS256 with "+name] = sign(t, jwt.SigningMethodHS256, key.kid, claims, secret)
			tokens["HS256 with "+name+", kid of RSA"] = sign(t, jwt.SigningMethodHS256, rsa.kid, claims, secret)
		}
		alice := a.with(good)
		alice.get(t, "/v1/users/me").want(t, 200) // also puts the good one into every cache
		a.changesNothing(t, []string{"alice", "bob"}, nil, func() {
			for name, token := range tokens {
				for _, got := range []answer{a.with(token).get(t, "/v1/sync"), a.with(token).post(t, "/v1/messages", text("bob", name))} {
					if got.status != 401 || got.code() != "unauthorized" || got.header.Get("WWW-Authenticate") == "" {
						t.Errorf("%s: status %d %s, want 401 unauthorized", name, got.status, got.body)
					}
				}
			}
		})
		alice.get(t, "/v1/users/me").want(t, 200)
		other.with(theirs.sign(t, other.claims())).get(t, "/v1/users/me").want(t, 200)
	})
}

func withHeader(t *testing.T, k testKey, claims object, name string, value any) string {
	t.Helper()
	token := jwt.NewWithClaims(k.method, jwt.MapClaims(claims))
	token.Header["kid"], token.Header[name] = k.kid, value
	signed, err := token.SignedString(k.signer)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// retold changes a claim and keeps the signature.
func retold(t *testing.T, token, claim string, value any) string {
	t.Helper()
	parts := strings.Split(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	raw = marshal(t, with(read[object](t, answer{body: raw}), claim, value))
	return parts[0] + "." + base64.RawURLEncoding.EncodeToString(raw) + "." + parts[2]
}

// publicForms are what everybody may know about the keys: a server that takes
// one for a shared secret lets everybody in.
func publicForms(t *testing.T, keys ...testKey) map[string][]byte {
	t.Helper()
	forms := map[string][]byte{"nothing": {}}
	for _, k := range keys {
		der, err := x509.MarshalPKIXPublicKey(k.signer.Public())
		if err != nil {
			t.Fatal(err)
		}
		forms["the DER of "+k.kid] = der
		forms["the PEM of "+k.kid] = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		forms["the JWK of "+k.kid] = marshal(t, k.jwk)
		if public, ok := k.signer.Public().(ed25519.PublicKey); ok {
			forms["the bytes of "+k.kid] = public
		}
	}
	return forms
}

func TestCredentials_SigningKeysAreHeldToTheirRules(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice")
		key, other := newTestKey(t, "EdDSA"), newTestKey(t, "ES256")
		const path = "/v1/signing-keys/k-EdDSA"
		for name, body := range map[string]any{
			"private":          object{"alg": "EdDSA", "jwk": with(key.jwk, "d", "AAAA")},
			"another alg":      object{"alg": "ES256", "jwk": key.jwk},
			"a shared secret":  object{"alg": "EdDSA", "jwk": object{"kty": "oct", "k": "AAAA"}},
			"HS256":            object{"alg": "HS256", "jwk": object{"kty": "oct", "k": "AAAA"}},
			"none":             object{"alg": "none", "jwk": key.jwk},
			"no point":         object{"alg": "EdDSA", "jwk": with(key.jwk, "x", "AAAA")},
			"not on the curve": object{"alg": "ES256", "jwk": with(other.jwk, "y", other.jwk["x"])},
			"empty":            object{"alg": "EdDSA", "jwk": object{}},
			"no jwk":           object{"alg": "EdDSA"},
		} {
			if got := a.back().put(t, path, body); got.status != 400 || got.code() != "bad_request" {
				t.Errorf("%s: status %d %s, want 400", name, got.status, got.body)
			}
		}
		a.back().get(t, path).refused(t, 404, "signing_key_not_found")
		a.back().delete(t, path).refused(t, 404, "signing_key_not_found")

		a.back().put(t, path, key.registration()).want(t, 200)
		old := a.with(key.sign(t, a.claims()))
		old.get(t, "/v1/users/me").want(t, 200)
		// Replaced, what it verified ends.
		successor := newTestKey(t, "EdDSA")
		a.back().put(t, path, successor.registration()).want(t, 200)
		refusedSoon(t, old)
		a.with(successor.sign(t, a.claims())).get(t, "/v1/users/me").want(t, 200)
		// Deleted, it cannot come back.
		a.back().delete(t, path).want(t, 204)
		a.back().put(t, path, successor.registration()).refused(t, 409, "signing_key_exists")
	})
}
