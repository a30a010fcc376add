package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// testKey is a key pair of a business that mints tokens offline. Tokens are made
// with the JWT library and not with gim's own code, as a business would.
type testKey struct {
	kid    string
	method jwt.SigningMethod
	signer crypto.Signer
	jwk    object
}

// rsaKey is one for all tests: making it takes longer than they do.
var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newTestKey(t *testing.T, alg string) testKey {
	t.Helper()
	k := testKey{kid: "k-" + alg, method: jwt.GetSigningMethod(alg)}
	var err error
	switch alg {
	case "EdDSA":
		public, private, e := ed25519.GenerateKey(rand.Reader)
		k.signer, err = private, e
		k.jwk = object{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(public)}
	case "ES256":
		private, e := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if e != nil {
			t.Fatal(e)
		}
		point, e := private.PublicKey.Bytes() // 4, x, y
		k.signer, err = private, e
		k.jwk = object{
			"kty": "EC", "crv": "P-256",
			"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:]),
		}
	case "RS256":
		private, e := rsaKey()
		k.signer, err = private, e
		k.jwk = object{
			"kty": "RSA", "n": base64.RawURLEncoding.EncodeToString(private.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(private.E)).Bytes()),
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// newKey makes a key and registers its public half.
func (a app) newKey(t *testing.T, alg string) testKey {
	t.Helper()
	k := newTestKey(t, alg)
	a.back().put(t, "/v1/signing-keys/"+k.kid, k.registration()).want(t, 200)
	return k
}

func (k testKey) registration() object { return object{"alg": k.method.Alg(), "jwk": k.jwk} }

// claims are those of a good token of alice.
func (a app) claims() object {
	now := time.Now()
	return object{"iss": a.id, "sub": "alice", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
}

// sign makes a token with the key's own algorithm.
func (k testKey) sign(t *testing.T, claims object) string {
	t.Helper()
	return sign(t, k.method, k.kid, claims, k.signer)
}

// sign makes a token of whatever kind.
func sign(t *testing.T, method jwt.SigningMethod, kid string, claims object, key any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, jwt.MapClaims(claims))
	if kid != "" {
		token.Header["kid"] = kid
	}
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
