package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/auth"
)

// privateJWKOf writes key as a JWK with its private members.
func privateJWKOf(t *testing.T, key crypto.Signer, more fields) []byte {
	t.Helper()
	var f fields
	noError(t, json.Unmarshal(jwkOf(t, key), &f))
	switch k := key.(type) {
	case ed25519.PrivateKey:
		f["d"] = b64(k.Seed())
	case *ecdsa.PrivateKey:
		d, err := k.Bytes()
		noError(t, err)
		f["d"] = b64(d)
	case *rsa.PrivateKey:
		f["d"], f["p"], f["q"] = b64(k.D.Bytes()), b64(k.Primes[0].Bytes()), b64(k.Primes[1].Bytes())
	}
	return []byte(f.with(more))
}

// files are the forms a business may keep its key in.
func files(t *testing.T, kid string) map[string][]byte {
	t.Helper()
	key := businessKeys()[kid]
	out := map[string][]byte{"PKCS 8": pemOf(t, key), "JWK": privateJWKOf(t, key, fields{"kid": kid})}
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(k)
		noError(t, err)
		parameters := pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 0}})
		out["SEC 1"] = append(parameters, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})...)
	case *rsa.PrivateKey:
		out["PKCS 1"] = pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)})
	}
	return out
}

func TestMintOffline_TokensOfEveryKeyFileAreAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, kid := range []string{"ed", "ec", "rsa"} {
		for form, file := range files(t, kid) {
			key, err := auth.ParsePrivateKey(file)
			noError(t, err)
			o := auth.OfflineToken{App: "demo", User: "alice", Device: "phone", ID: "t1", Now: start}
			if form != "JWK" { // which brings its own
				o.KID = kid
			}
			m, err := auth.MintOffline(key, o)
			noError(t, err)
			p, err := w.auth.User(t.Context(), m.Token)
			noError(t, err)
			if p.KeyID != kid || p.Device != "phone" || p.TokenID != "t1" || p.ExpiresAt.Sub(p.IssuedAt) != domain.DefaultTokenTTL {
				t.Errorf("%s as %s: got %+v", kid, form, p)
			}
			if key.Alg() != algOf[kid] {
				t.Errorf("%s as %s: alg %q", kid, form, key.Alg())
			}
		}
	}
}

func TestMintOffline_TokensWithoutDeviceAndIDAreAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key, err := auth.ParsePrivateKey(pemOf(t, businessKeys()["ed"]))
	noError(t, err)
	m, err := auth.MintOffline(key, auth.OfflineToken{App: "demo", KID: "ed", User: "alice", Now: start})
	noError(t, err)
	p, err := w.auth.User(t.Context(), m.Token)
	noError(t, err)
	if p.User.ID != "alice" || p.Device != "" || p.TokenID != "" {
		t.Errorf("got %+v", p)
	}
}

func TestMintOffline_WhatGimWouldRefuseIsBadRequest(t *testing.T) {
	t.Parallel()
	key, err := auth.ParsePrivateKey(pemOf(t, businessKeys()["ed"]))
	noError(t, err)
	good := auth.OfflineToken{App: "demo", KID: "ed", User: "alice", Now: start}
	_, err = auth.MintOffline(key, good)
	noError(t, err)
	for name, change := range map[string]func(*auth.OfflineToken){
		"no app":     func(o *auth.OfflineToken) { o.App = "" },
		"no kid":     func(o *auth.OfflineToken) { o.KID = "" },
		"no user":    func(o *auth.OfflineToken) { o.User = "" },
		"bad device": func(o *auth.OfflineToken) { o.Device = "a b" },
		"bad id":     func(o *auth.OfflineToken) { o.ID = "a b" },
		"too long":   func(o *auth.OfflineToken) { o.TTL = domain.MaxTokenTTL + time.Second },
		"too short":  func(o *auth.OfflineToken) { o.TTL = time.Millisecond },
		"negative":   func(o *auth.OfflineToken) { o.TTL = -time.Hour },
	} {
		o := good
		change(&o)
		if _, err := auth.MintOffline(key, o); domain.CodeOf(err) != domain.CodeBadRequest {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestParsePrivateKey_UnfitFilesAreRefused(t *testing.T) {
	t.Parallel()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	noError(t, err)
	ed, ec, r := businessKeys()["ed"], businessKeys()["ec"], businessKeys()["rsa"]
	der, err := x509.MarshalPKIXPublicKey(ed.Public())
	noError(t, err)
	secret := b64(ed.(ed25519.PrivateKey).Seed())
	for name, file := range map[string][]byte{
		"empty": nil, "text": []byte("hello"), "broken JSON": []byte("{"),
		"public PEM":      pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		"encrypted PEM":   pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}),
		"broken PEM":      pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte(secret)}),
		"P-384":           pemOf(t, p384),
		"public JWK":      jwkOf(t, ed),
		"other x":         privateJWKOf(t, ed, fields{"x": b64(make([]byte, 32))}),
		"other point":     privateJWKOf(t, ec, fields{"y": b64(make([]byte, 32))}),
		"EC zero":         privateJWKOf(t, ec, fields{"d": b64(make([]byte, 32))}),
		"other curve":     privateJWKOf(t, ec, fields{"crv": "P-384"}),
		"RSA, other d":    privateJWKOf(t, r, fields{"d": "AQAB"}),
		"RSA without p":   privateJWKOf(t, r, fields{"p": nil}),
		"RSA, wide e":     privateJWKOf(t, r, fields{"e": b64([]byte(strings.Repeat("x", 9)))}),
		"multi-prime RSA": privateJWKOf(t, r, fields{"oth": []string{}}),
		"symmetric":       []byte(`{"kty":"oct","k":"` + secret + `"}`),
	} {
		if _, err := auth.ParsePrivateKey(file); err == nil {
			t.Errorf("%s is accepted", name)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error repeats the secret: %v", name, err)
		}
	}
}

func TestPrivateKey_DoesNotPrintItself(t *testing.T) {
	t.Parallel()
	key, err := auth.ParsePrivateKey(pemOf(t, businessKeys()["ed"]))
	noError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, key); got != "private key for EdDSA" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func TestInspect_ShowsHeaderAndClaimsOfAnyToken(t *testing.T) {
	t.Parallel()
	in, err := auth.Inspect(" " + b64([]byte(`{"alg":"none"}`)) + "." + b64([]byte(`{"sub":"x"}`)) + ".\n")
	noError(t, err)
	if string(in.Header) != `{"alg":"none"}` || string(in.Claims) != `{"sub":"x"}` {
		t.Errorf("got %s and %s", in.Header, in.Claims)
	}
	for _, token := range []string{"", "a.b", "a.b.c.d", "ä.e30.", "e30.W10.", "e30.bnVsbA.", "e30." + b64([]byte(`{"a":1,"a":2}`)) + "."} {
		if in, err := auth.Inspect(token); err == nil {
			t.Errorf("%q: got %s and %s", token, in.Header, in.Claims)
		}
	}
}
