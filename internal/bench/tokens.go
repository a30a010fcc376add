package bench

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gim-im/gim/client"
)

// tokens mints user tokens offline, as docs/tokens.md says: a run that connects
// thousands measures connections then, not the making of tokens.
type tokens struct {
	api *api
	app string
	kid string
	key ed25519.PrivateKey
}

// tokenTTL is longer than any run.
const tokenTTL = 24 * time.Hour

// registerKey makes a key and tells gim its public half, as kid. user is any
// user of the app: a token of gim's own tells which app the key belongs to.
func registerKey(ctx context.Context, a *api, kid, user string) (*tokens, error) {
	got, err := a.rest.CreateTokenWithResponse(ctx, user, nil, client.CreateTokenRequest{})
	if err := refused("make a token", got, err); err != nil {
		return nil, err
	}
	if got.JSON201 == nil {
		return nil, fmt.Errorf("make a token: status %d, want 201", got.StatusCode())
	}
	var claims jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(got.JSON201.Token, &claims); err != nil || claims.Issuer == "" {
		return nil, errors.Join(errors.New("the server's token names no app"), err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	jwk, err := json.Marshal(map[string]string{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(public)})
	if err != nil {
		return nil, err
	}
	put, err := a.rest.PutSigningKeyWithResponse(ctx, kid, client.SigningKeyRequest{Alg: client.EdDSA, Jwk: jwk})
	return &tokens{api: a, app: claims.Issuer, kid: kid, key: private}, refused("register a signing key", put, err)
}

// mint makes a token that is bound to no device.
func (t *tokens) mint(user string) (string, error) {
	now := time.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
		"iss": t.app, "sub": user, "iat": now.Unix(), "exp": now.Add(tokenTTL).Unix(),
	})
	token.Header["kid"] = t.kid
	return token.SignedString(t.key)
}

// forget revokes the key. Its tokens are of no use to anybody then.
func (t *tokens) forget(ctx context.Context) error {
	got, err := t.api.rest.DeleteSigningKeyWithResponse(ctx, t.kid)
	return refused("revoke the signing key of the run", got, err)
}
