package auth_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/auth"
)

// jwkFields returns the JWK of one of the business's keys, to be changed.
func jwkFields(t *testing.T, kid string) fields {
	t.Helper()
	var f fields
	noError(t, json.Unmarshal(jwkOf(t, businessKeys()[kid]), &f))
	return f
}

func TestCheckJWK_CanonicalFormHoldsThePublicMembersOnly(t *testing.T) {
	t.Parallel()
	for kid, order := range map[string]string{"ed": "crv kty x", "ec": "crv kty x y", "rsa": "e kty n"} {
		f := jwkFields(t, kid)
		more := fields{"alg": algOf[kid], "use": "sig", "key_ops": []string{"verify"}, "kid": "k1", "ext": true, "x5t": "AA", "note": map[string]int{"a": 1}}
		got, err := auth.JWKs{}.CheckJWK(algOf[kid], json.RawMessage(f.with(more)))
		noError(t, err)
		if want := f.with(nil); string(got) != want { // Marshal sorts members
			t.Errorf("%s: got %s, want %s", kid, got, want)
		}
		if n := len(strings.Fields(order)); n != len(f) {
			t.Errorf("%s has %d members, want %s", kid, len(f), order)
		}
		again, err := auth.JWKs{}.CheckJWK(algOf[kid], got)
		noError(t, err)
		if !bytes.Equal(again, got) {
			t.Errorf("%s: the canonical form is not stable", kid)
		}
	}
}

func TestCheckJWK_RSAKeysOfReasonableSizesAreAccepted(t *testing.T) {
	t.Parallel()
	f := jwkFields(t, "rsa")
	for _, bits := range []uint{2048, 4096, 8192} {
		n := new(big.Int).SetBit(big.NewInt(1), int(bits)-1, 1)
		leading := append([]byte{0}, n.Bytes()...) // as some libraries write it
		got, err := auth.JWKs{}.CheckJWK("RS256", json.RawMessage(f.with(fields{"n": b64(leading)})))
		noError(t, err)
		if !strings.Contains(string(got), `"`+b64(n.Bytes())+`"`) {
			t.Errorf("%d bits: the leading zero stays: %s", bits, got)
		}
	}
}

func TestCheckJWK_UnfitKeysAreBadRequest(t *testing.T) {
	t.Parallel()
	zero := b64(make([]byte, 32))
	one := b64(append([]byte{1}, make([]byte, 31)...))
	ed, ec, r := jwkFields(t, "ed"), jwkFields(t, "ec"), jwkFields(t, "rsa")
	modulus := func(bits int, low int64) string {
		return b64(new(big.Int).SetBit(big.NewInt(low), bits-1, 1).Bytes())
	}
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	point, _ := p384.PublicKey.Bytes()
	cases := map[string][2]string{
		"symmetric":           {"EdDSA", `{"kty":"oct","k":"c2VjcmV0"}`},
		"symmetric, no k":     {"EdDSA", `{"kty":"oct"}`},
		"EdDSA, another type": {"EdDSA", ec.with(nil)},
		"ES256, another type": {"ES256", r.with(nil)},
		"RS256, another type": {"RS256", ed.with(nil)},
		"X25519":              {"EdDSA", ed.with(fields{"crv": "X25519"})},
		"Ed25519 short":       {"EdDSA", ed.with(fields{"x": b64(make([]byte, 31))})},
		"Ed25519 no x":        {"EdDSA", ed.with(fields{"x": nil})},
		"Ed25519 x a number":  {"EdDSA", ed.with(fields{"x": 5})},
		"Ed25519 padded":      {"EdDSA", ed.with(fields{"x": ed["x"].(string) + "="})},
		"Ed25519 small order": {"EdDSA", ed.with(fields{"x": zero})},
		"Ed25519 identity":    {"EdDSA", ed.with(fields{"x": one})},
		"Ed25519 no point":    {"EdDSA", ed.with(fields{"x": b64(append([]byte{2}, make([]byte, 31)...))})},
		"P-384":               {"ES256", ec.with(fields{"crv": "P-384", "x": b64(point[1:49]), "y": b64(point[49:])})},
		"P-256 off the curve": {"ES256", ec.with(fields{"y": ec["x"]})},
		"P-256 infinity":      {"ES256", ec.with(fields{"x": zero, "y": zero})},
		"P-256 no y":          {"ES256", ec.with(fields{"y": nil})},
		"RSA 2047 bits":       {"RS256", r.with(fields{"n": modulus(2047, 1)})},
		"RSA 8193 bits":       {"RS256", r.with(fields{"n": modulus(8193, 1)})},
		"RSA even modulus":    {"RS256", r.with(fields{"n": modulus(2048, 2)})},
		"RSA exponent 1":      {"RS256", r.with(fields{"e": "AQ"})},
		"RSA exponent 3":      {"RS256", r.with(fields{"e": "Aw"})},
		"RSA even exponent":   {"RS256", r.with(fields{"e": b64([]byte{1, 0, 2})})},
		"RSA huge exponent":   {"RS256", r.with(fields{"e": b64(bytes.Repeat([]byte{255}, 9))})},
		"RSA no exponent":     {"RS256", r.with(fields{"e": nil})},
		"other algorithm":     {"EdDSA", ed.with(fields{"alg": "ES256"})},
		"for encryption":      {"EdDSA", ed.with(fields{"use": "enc"})},
		"for signing":         {"EdDSA", ed.with(fields{"key_ops": []string{"sign"}})},
		"for signing too":     {"EdDSA", ed.with(fields{"key_ops": []string{"verify", "sign"}})},
		"for nothing":         {"EdDSA", ed.with(fields{"key_ops": []string{}})},
		"repeated member":     {"EdDSA", strings.Replace(ed.with(nil), "{", `{"kty":"EC",`, 1)},
		"case":                {"EdDSA", strings.Replace(ed.with(nil), `"x"`, `"X"`, 1)},
		"null":                {"EdDSA", `null`}, "empty": {"EdDSA", ``}, "array": {"EdDSA", `[]`}, "no members": {"EdDSA", `{}`},
		"long": {"EdDSA", ed.with(fields{"note": strings.Repeat("x", 16<<10)})},
	}
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
		for kid, f := range map[string]fields{"ed": ed, "ec": ec, "rsa": r} {
			cases[kid+" with "+name] = [2]string{algOf[kid], f.with(fields{name: "c2VjcmV0"})}
		}
	}
	for name, c := range cases {
		_, err := auth.JWKs{}.CheckJWK(c[0], json.RawMessage(c[1]))
		known, ok := errors.AsType[*domain.Error](err)
		if !ok || known.Code != domain.CodeBadRequest || known.Fields[0].Pointer != "/jwk" {
			t.Errorf("%s: got %v, want bad_request at /jwk", name, err)
		} else if strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("%s: the error repeats the secret: %v", name, err)
		}
	}
}

func TestCheckJWK_UnknownAlgorithmIsBadRequest(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"", "none", "HS256", "RS512", "PS256", "ES384", "eddsa"} {
		_, err := auth.JWKs{}.CheckJWK(alg, jwkOf(t, businessKeys()["ed"]))
		known, ok := errors.AsType[*domain.Error](err)
		if !ok || known.Code != domain.CodeBadRequest || known.Fields[0].Pointer != "/alg" {
			t.Errorf("%q: got %v, want bad_request at /alg", alg, err)
		}
	}
}
