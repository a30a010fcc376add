package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	stdjson "encoding/json"
	"math/big"
	"strings"

	"filippo.io/edwards25519"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/gim-im/gim/domain"
)

// The algorithms of user tokens (RFC 7518, RFC 8037).
const (
	AlgEdDSA = "EdDSA" // Ed25519
	AlgES256 = "ES256" // ECDSA on P-256 with SHA-256
	AlgRS256 = "RS256" // RSA PKCS #1 v1.5 with SHA-256
)

const (
	jwkPointer = "/jwk"

	maxJWKBytes = 16 << 10
	minRSABits  = 2048
	maxRSABits  = 8192 // checking a signature costs the square of it
	minRSAExp   = 65537
	maxRSAExp   = 1<<31 - 1 // what crypto/rsa takes
	p256Bytes   = 32
)

// privateMembers are the members of a JWK that must stay with their owner.
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// JWKs reads public keys in the form of JSON Web Keys (RFC 7517).
type JWKs struct{}

var _ domain.KeyChecker = JWKs{}

// CheckJWK returns the canonical form of a public key fit for alg: the members
// that make the key, in the order of RFC 7638. bad_request, naming /alg or /jwk.
func (JWKs) CheckJWK(alg string, jwk stdjson.RawMessage) (stdjson.RawMessage, error) {
	key, err := parseJWK(alg, jwk)
	if err != nil {
		return nil, err
	}
	return canonicalJWK(key), nil
}

// jwkMembers are the members of a JWK before they are understood.
type jwkMembers map[string]jsontext.Value

// parseJWK returns the public key fit for alg that jwk describes, or bad_request.
func parseJWK(alg string, jwk []byte) (crypto.PublicKey, error) {
	if alg != AlgEdDSA && alg != AlgES256 && alg != AlgRS256 {
		return nil, domain.Invalid("/alg", "must be one of %s, %s, %s", AlgEdDSA, AlgES256, AlgRS256)
	}
	if len(jwk) > maxJWKBytes {
		return nil, domain.Invalid(jwkPointer, "is longer than %d bytes", maxJWKBytes)
	}
	var m jwkMembers
	if err := json.Unmarshal(jwk, &m); err != nil || m == nil {
		return nil, domain.Invalid(jwkPointer, "must be a JSON object without repeated members")
	}
	if err := m.checkPurpose(alg); err != nil {
		return nil, err
	}
	var key crypto.PublicKey
	var fail *domain.Error
	switch alg {
	case AlgEdDSA:
		key, fail = m.ed25519Key()
	case AlgES256:
		key, fail = m.p256Key()
	case AlgRS256:
		key, fail = m.rsaKey()
	}
	if fail != nil {
		return nil, fail
	}
	return key, nil
}

// checkPurpose refuses private keys and those meant for something else.
func (m jwkMembers) checkPurpose(alg string) error {
	for _, name := range privateMembers {
		if _, ok := m[name]; ok {
			return domain.Invalid(jwkPointer, "must be a public key, without the member %q; consider this key as compromised", name)
		}
	}
	if v, ok := m["alg"]; ok && !isString(v, alg) {
		return domain.Invalid(jwkPointer, "is for another algorithm than alg says")
	}
	if v, ok := m["use"]; ok && !isString(v, "sig") {
		return domain.Invalid(jwkPointer, "is not for signatures: use must be sig")
	}
	if v, ok := m["key_ops"]; ok {
		var ops []string
		if err := json.Unmarshal(v, &ops); err != nil || len(ops) != 1 || ops[0] != "verify" {
			return domain.Invalid(jwkPointer, "is not for checking signatures: key_ops must be [\"verify\"]")
		}
	}
	return nil
}

func (m jwkMembers) ed25519Key() (crypto.PublicKey, *domain.Error) {
	if !isString(m["kty"], "OKP") || !isString(m["crv"], "Ed25519") {
		return nil, domain.Invalid(jwkPointer, "must have kty OKP and crv Ed25519 for EdDSA")
	}
	x, ok := m.bytes("x")
	if !ok || len(x) != ed25519.PublicKeySize {
		return nil, domain.Invalid(jwkPointer, "must have x, %d bytes in base64url", ed25519.PublicKeySize)
	}
	// Anyone can sign for a point of small order.
	point, err := new(edwards25519.Point).SetBytes(x)
	if err != nil || new(edwards25519.Point).MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) == 1 {
		return nil, domain.Invalid(jwkPointer, "has an x that is not a usable point of the curve")
	}
	return ed25519.PublicKey(x), nil
}

func (m jwkMembers) p256Key() (crypto.PublicKey, *domain.Error) {
	if !isString(m["kty"], "EC") || !isString(m["crv"], "P-256") {
		return nil, domain.Invalid(jwkPointer, "must have kty EC and crv P-256 for ES256")
	}
	x, okX := m.bytes("x")
	y, okY := m.bytes("y")
	if !okX || !okY || len(x) != p256Bytes || len(y) != p256Bytes {
		return nil, domain.Invalid(jwkPointer, "must have x and y, %d bytes each in base64url", p256Bytes)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
	if err != nil {
		return nil, domain.Invalid(jwkPointer, "has an x and y that are not a point of the curve")
	}
	return key, nil
}

func (m jwkMembers) rsaKey() (crypto.PublicKey, *domain.Error) {
	if !isString(m["kty"], "RSA") {
		return nil, domain.Invalid(jwkPointer, "must have kty RSA for RS256")
	}
	nBytes, okN := m.bytes("n")
	eBytes, okE := m.bytes("e")
	if !okN || !okE {
		return nil, domain.Invalid(jwkPointer, "must have n and e in base64url")
	}
	n, e := new(big.Int).SetBytes(nBytes), new(big.Int).SetBytes(eBytes)
	if n.BitLen() < minRSABits || n.BitLen() > maxRSABits || n.Bit(0) == 0 {
		return nil, domain.Invalid(jwkPointer, "must have an odd modulus of %d to %d bits", minRSABits, maxRSABits)
	}
	if !e.IsInt64() || e.Int64() < minRSAExp || e.Int64() > maxRSAExp || e.Bit(0) == 0 {
		return nil, domain.Invalid(jwkPointer, "must have an odd exponent of %d to %d", minRSAExp, maxRSAExp)
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}

// bytes decodes a member in base64url.
func (m jwkMembers) bytes(name string) ([]byte, bool) {
	var s string
	if err := json.Unmarshal(m[name], &s); err != nil || s == "" {
		return nil, false
	}
	b, err := decodeBase64(s)
	return b, err == nil
}

func isString(v jsontext.Value, want string) bool {
	var got string
	return json.Unmarshal(v, &got) == nil && got == want
}

// decodeBase64 is strict: one text for one value. The library alone would skip
// line breaks.
func decodeBase64(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, base64.CorruptInputError(strings.IndexAny(s, "\r\n"))
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}

// publicJWK has its members in the order of RFC 7638.
type publicJWK struct {
	Crv string `json:"crv,omitempty"`
	E   string `json:"e,omitempty"`
	Kty string `json:"kty"`
	N   string `json:"n,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
}

// canonicalJWK writes a key that parseJWK returns.
func canonicalJWK(key crypto.PublicKey) stdjson.RawMessage {
	encode := base64.RawURLEncoding.EncodeToString
	var out publicJWK
	switch k := key.(type) {
	case ed25519.PublicKey:
		out = publicJWK{Kty: "OKP", Crv: "Ed25519", X: encode(k)}
	case *ecdsa.PublicKey:
		point, err := k.Bytes() // 4, x, y
		if err != nil {
			panic("auth: a checked key is not on its curve") // impossible: parsed or generated
		}
		out = publicJWK{Kty: "EC", Crv: "P-256", X: encode(point[1 : 1+p256Bytes]), Y: encode(point[1+p256Bytes:])}
	case *rsa.PublicKey:
		out = publicJWK{Kty: "RSA", N: encode(k.N.Bytes()), E: encode(big.NewInt(int64(k.E)).Bytes())}
	}
	text, err := stdjson.Marshal(out)
	if err != nil {
		panic("auth: strings cannot be encoded") // impossible
	}
	return text
}
