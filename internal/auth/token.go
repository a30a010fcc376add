package auth

import (
	"crypto"
	stdjson "encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"

	"github.com/gim-im/gim/domain"
)

const (
	// MaxToken is the greatest length of a user token, in bytes.
	MaxToken = 4 << 10

	audience = "gim"
	maxTime  = 253402300799 // the last second of the year 9999
)

// header is the part of a token's header that gim knows. Members that carry or
// name a key (jwk, jku, x5c, x5u) are not among them on purpose.
type header struct {
	Alg  string         `json:"alg"`
	KID  string         `json:"kid"`
	Typ  *string        `json:"typ"`
	Crit jsontext.Value `json:"crit"`
}

// claims are the claims that gim knows. Times are numbers with fractions, which
// the JWT library would cut to a precision that is one for the whole process.
type claims struct {
	Issuer    string         `json:"iss"`
	Subject   string         `json:"sub"`
	Device    *string        `json:"did"`
	ID        *string        `json:"jti"`
	Audience  jsontext.Value `json:"aud"`
	IssuedAt  *float64       `json:"iat"`
	ExpiresAt *float64       `json:"exp"`
	NotBefore *float64       `json:"nbf"`
}

// parsedToken is a token that is well formed and says what it must. Its
// signature was not checked.
type parsedToken struct {
	alg, kid  string
	app       domain.AppID
	user      domain.UserID
	device    domain.DeviceID // "" when the token is bound to none
	id        string          // "" when the token has none
	issued    time.Time
	expires   time.Time
	notBefore time.Time // zero when the token does not say

	signed    string // what the signature is over
	signature []byte
}

// parseToken reads a token of bounded length; ok is false when anything is wrong with its form.
func parseToken(raw string) (t parsedToken, ok bool) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return parsedToken{}, false
	}
	var h header
	var c claims
	if !decodePart(parts[0], &h) || !decodePart(parts[1], &c) || !h.fits() {
		return parsedToken{}, false
	}
	signature, err := decodeBase64(parts[2])
	if err != nil {
		return parsedToken{}, false
	}
	t, ok = c.token()
	t.alg, t.kid = h.Alg, h.KID
	t.signed, t.signature = raw[:len(parts[0])+1+len(parts[1])], signature
	return t, ok
}

// decodePart decodes a part of a token. Members are told apart by case, and
// repeated ones are refused: two readers must not see two tokens.
func decodePart(part string, out any) bool {
	text, err := decodeBase64(part)
	return err == nil && len(text) > 0 && text[0] == '{' && json.Unmarshal(text, out) == nil
}

func (h header) fits() bool {
	return isID(h.KID) && len(h.Crit) == 0 && (h.Typ == nil || strings.EqualFold(*h.Typ, "JWT"))
}

// token turns the claims into their types, unless one is missing or malformed.
func (c claims) token() (parsedToken, bool) {
	t := parsedToken{app: domain.AppID(c.Issuer), user: domain.UserID(c.Subject)}
	if !isID(c.Issuer) || !isID(c.Subject) || !c.isForGim() {
		return parsedToken{}, false
	}
	if c.Device != nil {
		if t.device = domain.DeviceID(*c.Device); !isID(*c.Device) {
			return parsedToken{}, false
		}
	}
	if c.ID != nil {
		if t.id = *c.ID; !isID(t.id) {
			return parsedToken{}, false
		}
	}
	var okIssued, okExpires bool
	t.issued, okIssued = numericDate(c.IssuedAt)
	t.expires, okExpires = numericDate(c.ExpiresAt)
	okNotBefore := c.NotBefore == nil
	if !okNotBefore {
		t.notBefore, okNotBefore = numericDate(c.NotBefore)
	}
	life := t.expires.Sub(t.issued)
	return t, okIssued && okExpires && okNotBefore && life > 0 && life <= domain.MaxTokenTTL
}

// isForGim reports whether the audience, if there is one, includes gim.
func (c claims) isForGim() bool {
	switch c.Audience.Kind() {
	case jsontext.KindInvalid, jsontext.KindNull: // none
		return true
	case jsontext.KindString:
		return isString(c.Audience, audience)
	default:
		var all []string
		return json.Unmarshal(c.Audience, &all) == nil && slices.Contains(all, audience)
	}
}

// validAt reports whether the token's times allow its use at now.
func (t parsedToken) validAt(now time.Time) bool {
	latest := now.Add(domain.TokenLeeway) // the issuer's clock may be ahead
	return !t.issued.After(latest) && !t.notBefore.After(latest) && now.Before(usableUntil(t.expires))
}

// usableUntil is the moment from which a token is refused.
func usableUntil(expires time.Time) time.Time { return expires.Add(domain.TokenLeeway) }

// verify checks the signature with a stored key and its algorithm.
func (t parsedToken) verify(alg string, key crypto.PublicKey) bool {
	method := methodOf(alg)
	return method != nil && t.alg == alg && method.Verify(t.signed, t.signature, key) == nil
}

// methodOf returns the implementation of an algorithm, nil for all others: none
// and those with a shared secret must never verify a token.
func methodOf(alg string) jwt.SigningMethod {
	switch alg {
	case AlgEdDSA:
		return jwt.SigningMethodEdDSA
	case AlgES256:
		return jwt.SigningMethodES256
	case AlgRS256:
		return jwt.SigningMethodRS256
	}
	return nil
}

// numericDate reads seconds since 1970 to the microsecond, as exact as a
// float64 is in this century.
func numericDate(seconds *float64) (time.Time, bool) {
	if seconds == nil || !(*seconds >= 0 && *seconds <= maxTime) {
		return time.Time{}, false
	}
	return time.UnixMicro(int64(math.Round(*seconds * 1e6))).UTC(), true
}

func isID(id string) bool { return domain.ValidateID("", id) == nil }

// tokenContent is what a new token says.
type tokenContent struct {
	app     domain.AppID
	user    domain.UserID
	device  domain.DeviceID // "" for none
	id      string
	issued  time.Time
	expires time.Time
}

// signToken makes a token.
func signToken(alg string, private crypto.Signer, kid string, c tokenContent) (domain.MintedToken, error) {
	content := jwt.MapClaims{
		"iss": string(c.app), "sub": string(c.user),
		"iat": seconds(c.issued), "exp": seconds(c.expires),
	}
	if c.id != "" {
		content["jti"] = c.id
	}
	if c.device != "" {
		content["did"] = string(c.device)
	}
	token := jwt.NewWithClaims(methodOf(alg), content)
	token.Header["kid"] = kid
	text, err := token.SignedString(private)
	if err != nil {
		return domain.MintedToken{}, domain.Trace(err)
	}
	return domain.MintedToken{Token: text, ID: c.id, ExpiresAt: c.expires, Device: c.device}, nil
}

// seconds writes t with its milliseconds, so that a token minted in the second
// of a revocation, but after it, is told apart.
func seconds(t time.Time) stdjson.Number {
	return stdjson.Number(strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64))
}
