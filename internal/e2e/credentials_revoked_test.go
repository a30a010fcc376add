package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

// revocationTime is what openapi.yaml promises.
const revocationTime = 5 * time.Second

// refusedSoon waits until a credential that was good is refused, at most as long
// as the contract allows. Then it must stay refused.
func refusedSoon(t *testing.T, c caller) {
	t.Helper()
	eventually(t, "the credential is refused", func() bool { return c.ping(t).status == 401 })
	for range 3 {
		c.ping(t).want(t, 401)
	}
}

// eventually waits for what must be so within the time of a revocation.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(revocationTime); !holds(); time.Sleep(20 * time.Millisecond) { // between looks
		if time.Now().After(deadline) {
			t.Fatalf("after %s it is not so that %s", revocationTime, what)
		}
	}
}

// ping makes the cheapest call that the credential allows.
func (c caller) ping(t *testing.T) answer {
	t.Helper()
	got := c.get(t, "/v1/sync")
	if got.code() == "forbidden" { // the back end for itself
		return c.get(t, "/v1/users?limit=1")
	}
	return got
}

func TestCredentials_WhatWasRevokedStopsWithinSeconds(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		for name, revoke := range map[string]func(t *testing.T, a app, token client.Token){
			"the token": func(t *testing.T, a app, token client.Token) {
				a.back().delete(t, "/v1/users/alice/tokens/"+token.TokenId).want(t, 204)
			},
			"all tokens of the user": func(t *testing.T, a app, _ client.Token) {
				a.back().delete(t, "/v1/users/alice/tokens").want(t, 204)
			},
			"the device": func(t *testing.T, a app, token client.Token) {
				a.as("alice").delete(t, "/v1/devices/"+*token.DeviceId).want(t, 204)
			},
			"the device, by itself": func(t *testing.T, a app, token client.Token) {
				a.with(token.Token).delete(t, "/v1/devices/me").want(t, 204)
			},
			"the user": func(t *testing.T, a app, _ client.Token) {
				a.back().delete(t, "/v1/users/alice").want(t, 204)
			},
			"the user, by itself": func(t *testing.T, a app, token client.Token) {
				a.with(token.Token).delete(t, "/v1/users/me").want(t, 204)
			},
			"the app": func(t *testing.T, a app, _ client.Token) {
				a.admin().delete(t, "/v1/apps/"+a.id).want(t, 204)
			},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				a := newApp(t, g, "alice", "bob")
				token := a.token(t, "alice", object{"device": object{"type": "web"}})
				alice, bob := a.with(token.Token), a.with(a.token(t, "bob", object{}).Token)
				alice.ping(t).want(t, 200)
				bob.ping(t).want(t, 200)
				revoke(t, a, token)
				refusedSoon(t, alice)
				alice.post(t, "/v1/messages", text("bob", "hi")).want(t, 401)
				if name == "the app" {
					refusedSoon(t, bob)
					refusedSoon(t, a.back())
					return
				}
				if got := bob.sync(t, ""); len(got.Items) > 0 {
					t.Errorf("a refused token sent: %+v", got.Items)
				}
			})
		}
	})
}

func TestCredentials_RevokedKeysStopWithinSeconds(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice")
		second := read[client.NewAppKey](t, a.admin().post(t, "/v1/apps/"+a.id+"/keys", object{"name": "second"}).want(t, 201))
		signing := a.newKey(t, "ES256")
		offline, minted := a.with(signing.sign(t, a.claims())), a.with(a.token(t, "alice", object{}).Token)
		forAlice := caller{g, second.Secret, "alice"}
		for _, c := range []caller{a.with(second.Secret), forAlice, offline, minted} {
			c.ping(t).want(t, 200)
		}
		a.admin().delete(t, "/v1/apps/"+a.id+"/keys/"+second.KeyId).want(t, 204)
		a.back().delete(t, "/v1/signing-keys/"+signing.kid).want(t, 204)
		for _, c := range []caller{a.with(second.Secret), forAlice, offline} {
			refusedSoon(t, c)
		}
		a.back().ping(t).want(t, 200)
		minted.ping(t).want(t, 200)
		a.admin().delete(t, "/v1/apps/"+a.id+"/keys/"+second.KeyId).refused(t, 404, "key_not_found")
	})
}

func TestCredentials_TokensMintedAfterARevocationAreGood(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice")
		for i := range 5 { // in the second, mostly even in the tenth of a second, of the revocation
			old := a.with(a.token(t, "alice", object{}).Token)
			a.back().delete(t, "/v1/users/alice/tokens").want(t, 204)
			time.Sleep(2 * time.Millisecond) // iat has milliseconds
			fresh := a.with(a.token(t, "alice", object{}).Token)
			if got := fresh.ping(t); got.status != 200 {
				t.Fatalf("round %d: %d %s", i, got.status, got.body)
			}
			if i == 0 {
				refusedSoon(t, old)
				fresh.ping(t).want(t, 200)
			}
		}
	})
}

// A user id becomes free with its user; what was a credential of the former
// user must not be one of the next.
func TestCredentials_DoNotComeBackWithTheIDOfADeletedUser(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice")
		signing := a.newKey(t, "EdDSA")
		bound, _ := a.onDevice(t, "alice")
		callers := map[string]caller{
			"bound": bound, "minted": a.with(a.token(t, "alice", object{}).Token), "offline": a.with(signing.sign(t, a.claims())),
		}
		for _, c := range callers {
			c.ping(t).want(t, 200)
		}
		a.back().delete(t, "/v1/users/alice").want(t, 204)
		a.back().put(t, "/v1/users/alice", object{}).want(t, 201)
		for name, c := range callers {
			t.Run(name, func(t *testing.T) { refusedSoon(t, c) })
		}
		time.Sleep(2 * time.Millisecond) // iat has milliseconds
		a.with(a.token(t, "alice", object{}).Token).ping(t).want(t, 200)
	})
}

func TestCredentials_DoNotComeBackWithTheIDOfADeletedApp(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice")
		token := a.with(a.token(t, "alice", object{}).Token)
		signing := a.newKey(t, "EdDSA")
		offline := a.with(signing.sign(t, a.claims()))
		for _, c := range []caller{a.back(), token, offline} {
			c.ping(t).want(t, 200)
		}
		a.admin().delete(t, "/v1/apps/"+a.id).want(t, 204)
		a.admin().get(t, "/v1/apps/"+a.id).refused(t, 404, "app_not_found")
		got := read[client.CreatedApp](t, a.admin().post(t, "/v1/apps", object{"app_id": a.id}).want(t, 201))
		for i, c := range []caller{a.back(), token, offline} {
			t.Run(fmt.Sprint(i), func(t *testing.T) { refusedSoon(t, c) })
		}
		again := app{g, a.id, got.Key.Secret}
		if users := read[client.UserList](t, again.back().get(t, "/v1/users").want(t, 200)); len(users.Items) > 0 {
			t.Errorf("the new app has users of the old one: %+v", users.Items)
		}
	})
}
