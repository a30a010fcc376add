package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	stdjson "encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/gim-im/gim/domain"
)

// PrivateKey is a business's own key, from a file, for minting tokens offline.
// It prints as its algorithm.
type PrivateKey struct {
	alg    string
	kid    string
	signer crypto.Signer
}

// ParsePrivateKey reads an Ed25519, P-256 or RSA private key as PEM (PKCS #8,
// SEC 1 or PKCS #1, not encrypted) or as a JSON Web Key.
func ParsePrivateKey(file []byte) (*PrivateKey, error) {
	if strings.HasPrefix(strings.TrimSpace(string(file)), "{") {
		return parsePrivateJWK(file)
	}
	for {
		block, rest := pem.Decode(file)
		if block == nil {
			return nil, errors.New("this is neither a PEM file with a private key nor a JSON Web Key")
		}
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return parsePEM(block)
		}
		file = rest // "EC PARAMETERS" and the like come first
	}
}

func parsePEM(block *pem.Block) (*PrivateKey, error) {
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("keys of the type %q are not supported", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("parse the private key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("this key cannot sign")
	}
	return newPrivateKey(signer, "")
}

// newPrivateKey holds the public half to the rules for registered keys.
func newPrivateKey(signer crypto.Signer, kid string) (*PrivateKey, error) {
	var alg string
	switch k := signer.(type) {
	case ed25519.PrivateKey:
		alg = AlgEdDSA
	case *rsa.PrivateKey:
		alg = AlgRS256
	case *ecdsa.PrivateKey:
		if k.Curve != elliptic.P256() {
			return nil, errors.New("of the elliptic curves only P-256 and Ed25519 are supported")
		}
		alg = AlgES256
	default:
		return nil, errors.New("only Ed25519, P-256 and RSA keys are supported")
	}
	key := &PrivateKey{alg: alg, kid: kid, signer: signer}
	if _, err := parseJWK(alg, key.PublicJWK()); err != nil {
		return nil, err
	}
	return key, nil
}

// Alg returns the algorithm of the key's tokens: EdDSA, ES256 or RS256.
func (k *PrivateKey) Alg() string { return k.alg }

// KID returns the id that a JSON Web Key brings along, or "".
func (k *PrivateKey) KID() string { return k.kid }

// PublicJWK returns the half to register with gim.
func (k *PrivateKey) PublicJWK() stdjson.RawMessage { return canonicalJWK(k.signer.Public()) }

// Format keeps the key out of logs, whatever the verb.
func (k *PrivateKey) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "private key for %s", k.alg) }

type privateJWK struct {
	Kty string         `json:"kty"`
	Crv string         `json:"crv"`
	KID string         `json:"kid"`
	X   string         `json:"x"`
	Y   string         `json:"y"`
	D   string         `json:"d"`
	N   string         `json:"n"`
	E   string         `json:"e"`
	P   string         `json:"p"`
	Q   string         `json:"q"`
	Oth jsontext.Value `json:"oth"`
}

var errPrivateJWK = errors.New("this JSON Web Key is not a complete private key of Ed25519, P-256 or RSA")

func parsePrivateJWK(file []byte) (*PrivateKey, error) {
	var j privateJWK
	if err := json.Unmarshal(file, &j); err != nil || j.D == "" || len(j.Oth) > 0 {
		return nil, errPrivateJWK
	}
	signer, err := j.signer()
	if err != nil {
		return nil, errPrivateJWK
	}
	key, err := newPrivateKey(signer, j.KID)
	if err != nil {
		return nil, err
	}
	var public publicJWK
	if err := json.Unmarshal(key.PublicJWK(), &public); err != nil || public.X != j.X || public.Y != j.Y {
		return nil, errors.New("the halves of this JSON Web Key do not belong together")
	}
	return key, nil
}

func (j privateJWK) signer() (crypto.Signer, error) {
	d, err := decodeBase64(j.D)
	if err != nil {
		return nil, err
	}
	switch {
	case j.Kty == "OKP" && j.Crv == "Ed25519" && len(d) == ed25519.SeedSize:
		return ed25519.NewKeyFromSeed(d), nil
	case j.Kty == "EC" && j.Crv == "P-256":
		return ecdsa.ParseRawPrivateKey(elliptic.P256(), d)
	case j.Kty == "RSA":
		return j.rsaKey(d)
	}
	return nil, errPrivateJWK
}

func (j privateJWK) rsaKey(d []byte) (*rsa.PrivateKey, error) {
	var n [4]*big.Int
	for i, text := range []string{j.N, j.E, j.P, j.Q} {
		b, err := decodeBase64(text)
		if err != nil {
			return nil, err
		}
		n[i] = new(big.Int).SetBytes(b)
	}
	if !n[1].IsInt64() || n[1].Int64() > maxRSAExp {
		return nil, errPrivateJWK
	}
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: n[0], E: int(n[1].Int64())},
		D:         new(big.Int).SetBytes(d),
		Primes:    n[2:],
	}
	if err := key.Validate(); err != nil {
		return nil, err
	}
	key.Precompute()
	return key, nil
}

// OfflineToken says what a token minted offline shall hold.
type OfflineToken struct {
	App    domain.AppID
	KID    string // under which the public half is registered; "" takes the key's own
	User   domain.UserID
	Device domain.DeviceID // "" binds the token to none
	TTL    time.Duration   // 0 means domain.DefaultTokenTTL
	ID     string          // jti; "" for none, then it cannot be revoked alone
	Now    time.Time
}

// MintOffline makes a token as a business does, without asking gim. bad_request
// names the part of t that gim would refuse.
func MintOffline(key *PrivateKey, t OfflineToken) (domain.MintedToken, error) {
	if t.KID == "" {
		t.KID = key.kid
	}
	if t.TTL == 0 {
		t.TTL = domain.DefaultTokenTTL
	}
	for _, id := range []struct {
		name, value string
		optional    bool
	}{
		{"app", string(t.App), false}, {"kid", t.KID, false}, {"user", string(t.User), false},
		{"device", string(t.Device), true}, {"token_id", t.ID, true},
	} {
		if id.value == "" && id.optional {
			continue
		}
		if err := domain.ValidateID(id.name, id.value); err != nil {
			return domain.MintedToken{}, err
		}
	}
	if t.TTL < time.Second || t.TTL > domain.MaxTokenTTL {
		return domain.MintedToken{}, domain.Invalid("ttl", "must be between 1s and %s", domain.MaxTokenTTL)
	}
	issued := domain.Millis(t.Now)
	return signToken(key.alg, key.signer, t.KID, tokenContent{
		app: t.App, user: t.User, device: t.Device, id: t.ID, issued: issued, expires: issued.Add(t.TTL),
	})
}

// Inspected is what a token says. Nothing of it is verified.
type Inspected struct {
	Header stdjson.RawMessage
	Claims stdjson.RawMessage
}

// Inspect decodes a token without verifying anything, for people to look at.
func Inspect(token string) (Inspected, error) {
	parts := strings.Split(strings.TrimSpace(token), ".")
	if len(parts) != 3 {
		return Inspected{}, fmt.Errorf("a token has three parts separated by dots, this has %d", len(parts))
	}
	var out Inspected
	for i, to := range []*stdjson.RawMessage{&out.Header, &out.Claims} {
		name := [...]string{"header", "claims"}[i]
		text, err := decodeBase64(parts[i])
		if err != nil {
			return Inspected{}, fmt.Errorf("the %s are not base64url: %w", name, err)
		}
		if err := jsonObject(text); err != nil {
			return Inspected{}, fmt.Errorf("the %s are not a JSON object: %w", name, err)
		}
		*to = text
	}
	return out, nil
}

func jsonObject(text []byte) error {
	var object map[string]jsontext.Value
	if err := json.Unmarshal(text, &object); err != nil {
		return err
	}
	if object == nil {
		return errors.New("it is null")
	}
	return nil
}
