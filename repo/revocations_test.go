package repo

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
)

func TestRevoked_IsCalledAfterEachKindOfRevocation(t *testing.T) {
	t.Parallel()
	ctx, now := t.Context(), time.Now()
	told := 0
	s, err := Open(ctx, Options{DataDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler), Revoked: func() { told++ }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	app, err := s.CreateApp(ctx, domain.App{ID: "demo", Settings: domain.DefaultAppSettings(), CreatedAt: now}, domain.AppKey{ID: "k1"}, []byte("hash"))
	if err != nil {
		t.Fatal(err)
	}
	users, _, err := s.UpsertUsers(ctx, app.Num, []domain.User{{ID: "alice", Extra: []byte("{}")}})
	if err != nil {
		t.Fatal(err)
	}
	alice := users[0].Ref()
	if _, err := s.CreateDevice(ctx, app.Num, domain.Device{ID: "phone", User: alice, Type: "ios"}); err != nil {
		t.Fatal(err)
	}
	put := func(ctx context.Context) error {
		_, err := s.PutSigningKey(ctx, app.Num, domain.SigningKey{KID: "k", Alg: "EdDSA", JWK: []byte("{}"), CreatedAt: now})
		return err
	}
	if err := put(ctx); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		revoke func(context.Context) error
	}{
		{"token", func(ctx context.Context) error { return s.RevokeToken(ctx, app.Num, "alice", "jti", now) }},
		{"tokens", func(ctx context.Context) error { return s.RevokeTokens(ctx, app.Num, "alice", now) }},
		{"device", func(ctx context.Context) error { return s.DeleteDevice(ctx, app.Num, alice.Num, "phone", now) }},
		{"user", func(ctx context.Context) error { return s.DeleteUser(ctx, app.Num, "alice", now) }},
		{"signing key replaced", put},
		{"signing key", func(ctx context.Context) error { return s.RevokeSigningKey(ctx, app.Num, "k", now) }},
		{"app key", func(ctx context.Context) error { return s.RevokeAppKey(ctx, app.Num, "k1", now) }},
		{"app", func(ctx context.Context) error { return s.DeleteApp(ctx, "demo", now) }},
	} {
		before := told
		if err := c.revoke(ctx); err != nil || told != before+1 {
			t.Errorf("%s: %v, told %d times", c.name, err, told-before)
		}
		before = told
		if err := c.revoke(ctx); err != nil && told != before {
			t.Errorf("%s again: told of what failed with %v", c.name, err)
		}
	}
}
