package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

func TestAppAndKey_ManageARunningGim(t *testing.T) {
	t.Parallel()
	g := gimtest.Start(t, gimtest.Options{})
	environ := []string{"GIM_ADMIN_KEY=" + g.AdminKey, "GIM_URL=" + g.URL}
	expect := func(code int, want string, args ...string) string {
		t.Helper()
		got := gim(t, "", environ, args...)
		if got.code != code || !strings.Contains(got.out+got.err, want) {
			t.Fatalf("gim %v exits with %d, want %d and %q:\n%s%s", args, got.code, code, want, got.out, got.err)
		}
		return got.out
	}
	expect(exitDone, "gim_", "app", "create", "shop", "--name", "The shop")
	expect(exitConfig, "app_exists", "app", "create", "shop")
	expect(exitConfig, "bad_request", "app", "create", "not an id")
	expect(exitDone, "The shop", "app", "list")
	expect(exitDone, `"max_group_members": 500`, "app", "show", "shop")

	var key client.NewAppKey
	if err := json.Unmarshal([]byte(expect(exitDone, "gim_", "key", "create", "shop", "--name", "ci", "--json")), &key); err != nil {
		t.Fatal(err)
	}
	if list := expect(exitDone, key.KeyId, "key", "list", "shop"); strings.Contains(list, key.Secret) {
		t.Error("the list shows a secret")
	}
	expect(exitDone, "", "key", "revoke", "shop", key.KeyId)
	if list := expect(exitDone, "", "key", "list", "shop", "--json"); strings.Contains(list, key.KeyId) {
		t.Error("the revoked key is listed")
	}
	expect(exitConfig, "key_not_found", "key", "revoke", "shop", key.KeyId)
	expect(exitDone, "", "app", "delete", "shop")
	expect(exitConfig, "app_not_found", "app", "show", "shop")
}

func TestToken_IsMintedByARunningGim(t *testing.T) {
	t.Parallel()
	g := gimtest.Start(t, gimtest.Options{})
	shop := g.NewApp(t, "shop")
	shop.NewUsers(t, "alice")
	environ := []string{"GIM_APP_KEY=" + shop.Key, "GIM_URL=" + g.URL}
	got := gim(t, "", environ, "token", "--user", "alice", "--device-type", "web", "--ttl", "1h", "--json")
	var token client.Token
	if err := json.Unmarshal([]byte(got.out), &token); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	me, err := shop.Client(t, token.Token, "").GetUserWithResponse(t.Context(), "me", nil)
	if err != nil || me.JSON200 == nil || me.JSON200.UserId != "alice" {
		t.Errorf("the token does not speak for alice: %v %s", err, me.Body)
	}
	if got := gim(t, "", environ, "token", "--user", "nobody"); got.code != exitConfig || !strings.Contains(got.err, "user_not_found") {
		t.Errorf("for nobody: %+v", got)
	}
}

// TestToken_IsMintedOffline takes the way of a business that keeps its private
// key to itself: gim learns the public half, and accepts what the key signed.
func TestToken_IsMintedOffline(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "shop.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	got := gim(t, "", nil, "token", "--user=alice", "--app=shop", "--key-file="+file, "--kid=k1")
	if got.code != exitDone {
		t.Fatalf("%+v", got)
	}
	said := gim(t, got.out, nil, "token", "inspect")
	for _, want := range []string{`"kid":"k1"`, `"sub":"alice"`, `"iss":"shop"`, "until "} {
		if !strings.Contains(said.out, want) {
			t.Errorf("inspect lacks %s: %+v", want, said)
		}
	}

	g := gimtest.Start(t, gimtest.Options{})
	shop := g.NewApp(t, "shop")
	shop.NewUsers(t, "alice")
	register(t, shop, public)
	me, err := shop.Client(t, strings.TrimSpace(got.out), "").GetUserWithResponse(t.Context(), "me", nil)
	if err != nil || me.JSON200 == nil || me.JSON200.UserId != "alice" {
		t.Errorf("gim does not accept the token: %v %s", err, me.Body)
	}
}

func TestTokenInspect_RefusesWhatIsNoToken(t *testing.T) {
	t.Parallel()
	if got := gim(t, "", nil, "token", "inspect", "a.b"); got.code != exitConfig || !strings.Contains(got.err, "three parts") {
		t.Errorf("%+v", got)
	}
}

func register(t *testing.T, shop gimtest.App, public ed25519.PublicKey) {
	t.Helper()
	jwk, err := json.Marshal(map[string]string{
		"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(public),
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := shop.Back(t).PutSigningKeyWithResponse(t.Context(), "k1", client.SigningKeyRequest{Alg: "EdDSA", Jwk: jwk})
	if err != nil || got.StatusCode() >= 300 {
		t.Fatalf("register the key: %v %s", err, got.Body)
	}
}
