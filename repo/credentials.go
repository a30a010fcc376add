package repo

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

var _ domain.CredentialStore = (*Store)(nil)

const adminKeyName = "admin"

// AdminKeyHash implements [domain.CredentialStore].
func (s *Store) AdminKeyHash(ctx context.Context) ([]byte, error) {
	var hash []byte
	err := s.read.GetContext(ctx, &hash, `SELECT hash FROM operator_keys WHERE name = ?`, adminKeyName)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	} else if err != nil {
		return nil, s.readError("read admin key", err)
	}
	return hash, nil
}

// InitAdminKeyHash implements [domain.CredentialStore].
func (s *Store) InitAdminKeyHash(ctx context.Context, hash []byte) (bool, error) {
	isFirst := false
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		var n int
		if err := tx.GetContext(ctx, &n, `SELECT COUNT(*) FROM operator_keys WHERE name = ?`, adminKeyName); err != nil {
			return err
		}
		if isFirst = n == 0; !isFirst {
			return nil
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO operator_keys (name, hash) VALUES (?, ?)`, adminKeyName, hash)
		return err
	})
	return isFirst, err
}

// AppKeyHash implements [domain.CredentialStore].
func (s *Store) AppKeyHash(ctx context.Context, keyID string) (domain.AppRef, []byte, error) {
	var app domain.AppRef
	var hash []byte
	err := s.read.QueryRowxContext(ctx, `SELECT a.id, a.app_id, k.hash FROM app_keys k JOIN apps a ON a.id = k.app_id AND a.deleted_at = 0
		WHERE k.key_id = ? AND k.revoked_at = 0`, keyID).Scan(&app.Num, &app.ID, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return app, nil, domain.ErrKeyNotFound
	} else if err != nil {
		return app, nil, s.readError("read app key", err)
	}
	return app, hash, nil
}

// storedKey is a signing key with what the API does not show.
type storedKey struct {
	domain.SigningKey
	isRevoked bool
}

func signingKey(ctx context.Context, q sqlx.QueryerContext, app domain.AppNum, kid, lock string) (storedKey, error) {
	k := storedKey{SigningKey: domain.SigningKey{KID: kid}}
	var jwk []byte
	var created, revoked int64
	err := q.QueryRowxContext(ctx, `SELECT alg, jwk, own, created_at, revoked_at FROM signing_keys WHERE app_id = ? AND kid = ?`+lock, app, kid).
		Scan(&k.Alg, &jwk, &k.Own, &created, &revoked)
	if errors.Is(err, sql.ErrNoRows) {
		return k, domain.ErrSigningKeyNotFound
	}
	k.JWK, k.CreatedAt, k.isRevoked = jwk, time.UnixMilli(created).UTC(), revoked != 0
	return k, err
}

// SigningKey implements [domain.CredentialStore].
func (s *Store) SigningKey(ctx context.Context, app domain.AppNum, kid string) (domain.SigningKey, error) {
	k, err := signingKey(ctx, s.read, app, kid, "")
	switch {
	case errors.Is(err, domain.ErrSigningKeyNotFound) || (err == nil && k.isRevoked):
		return domain.SigningKey{}, domain.ErrSigningKeyNotFound
	case err != nil:
		return domain.SigningKey{}, s.readError("read signing key", err)
	}
	return k.SigningKey, nil
}

// SigningKeyOf implements [domain.CredentialStore].
func (s *Store) SigningKeyOf(ctx context.Context, id domain.AppID, kid string) (domain.AppRef, domain.SigningKey, error) {
	app, err := s.App(ctx, id)
	if err != nil {
		return domain.AppRef{}, domain.SigningKey{}, err
	}
	key, err := s.SigningKey(ctx, app.Num, kid)
	return app.Ref(), key, err
}

// PutSigningKey implements [domain.CredentialStore].
func (s *Store) PutSigningKey(ctx context.Context, app domain.AppNum, key domain.SigningKey) (domain.SigningKey, error) {
	at := key.CreatedAt // the moment of the replacement, if it is one
	err := s.revoking(s.inTx(ctx, func(tx *sqlx.Tx) error {
		key.CreatedAt = at
		old, err := signingKey(ctx, tx, app, key.KID, s.dialect.forUpdate)
		switch {
		case errors.Is(err, domain.ErrSigningKeyNotFound):
			return insertSigningKey(ctx, tx, app, key)
		case err != nil:
			return err
		case old.isRevoked || old.Own:
			return domain.ErrSigningKeyExists
		}
		if _, err := tx.ExecContext(ctx, `UPDATE signing_keys SET alg = ?, jwk = ? WHERE app_id = ? AND kid = ?`,
			key.Alg, []byte(key.JWK), app, key.KID); err != nil {
			return err
		}
		key.CreatedAt = old.CreatedAt
		return s.revoke(ctx, tx, domain.Revocation{Kind: domain.RevokedSigningKey, App: app, Name: key.KID, At: at})
	}))
	return key, err
}

// EnsureOwnSigningKey implements [domain.CredentialStore].
func (s *Store) EnsureOwnSigningKey(ctx context.Context, app domain.AppNum, key domain.SigningKey) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		old, err := signingKey(ctx, tx, app, key.KID, "")
		switch {
		case errors.Is(err, domain.ErrSigningKeyNotFound):
			key.Own = true
			return insertSigningKey(ctx, tx, app, key)
		case err != nil:
			return err
		case old.isRevoked || !old.Own:
			return domain.ErrSigningKeyExists
		}
		return nil
	})
}

func insertSigningKey(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, key domain.SigningKey) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO signing_keys (app_id, kid, alg, jwk, own, created_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?, 0)`,
		app, key.KID, key.Alg, []byte(key.JWK), key.Own, key.CreatedAt.UnixMilli())
	return err
}

// RevokeSigningKey implements [domain.CredentialStore].
func (s *Store) RevokeSigningKey(ctx context.Context, app domain.AppNum, kid string, at time.Time) error {
	return s.revoking(s.inTx(ctx, func(tx *sqlx.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE signing_keys SET revoked_at = ? WHERE app_id = ? AND kid = ? AND revoked_at = 0`, at.UnixMilli(), app, kid)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, domain.ErrSigningKeyNotFound)
		}
		return s.revoke(ctx, tx, domain.Revocation{Kind: domain.RevokedSigningKey, App: app, Name: kid, At: at})
	}))
}

// Subject implements [domain.CredentialStore].
func (s *Store) Subject(ctx context.Context, app domain.AppNum, user domain.UserID, device domain.DeviceID, tokenID string) (domain.Subject, error) {
	const query = `SELECT u.id, u.tokens_revoked_at,
		(SELECT COUNT(*) FROM devices d WHERE d.app_id = u.app_id AND d.device_id = ? AND d.user_id = u.id),
		(SELECT COUNT(*) FROM revoked_tokens r WHERE r.app_id = u.app_id AND r.user_id = u.id AND r.token_id = ?)
		FROM users u WHERE u.app_id = ? AND u.user_id = ? AND u.deleted_at = 0`
	sub := domain.Subject{User: domain.UserRef{ID: user}}
	var revokedAt int64
	err := s.read.QueryRowxContext(ctx, query, string(device), tokenID, app, string(user)).
		Scan(&sub.User.Num, &revokedAt, &sub.DeviceBound, &sub.TokenRevoked)
	if errors.Is(err, sql.ErrNoRows) {
		return sub, domain.ErrUserNotFound
	} else if err != nil {
		return sub, s.readError("read subject", err)
	}
	if revokedAt > 0 {
		sub.TokensRevokedAt = time.UnixMilli(revokedAt).UTC()
	}
	return sub, nil
}

// RevokeTokens implements [domain.CredentialStore].
func (s *Store) RevokeTokens(ctx context.Context, app domain.AppNum, user domain.UserID, at time.Time) error {
	return s.revoking(s.inTx(ctx, func(tx *sqlx.Tx) error {
		u, err := userByID(ctx, tx, app, user, s.dialect.forUpdate)
		if err != nil {
			return err
		}
		at := domain.Millis(at)
		// Never back: a node whose clock is behind must not make tokens good again.
		if _, err := tx.ExecContext(ctx, `UPDATE users SET tokens_revoked_at = ? WHERE app_id = ? AND id = ? AND tokens_revoked_at < ?`,
			at.UnixMilli(), app, u.Num, at.UnixMilli()); err != nil {
			return err
		}
		return s.revoke(ctx, tx, domain.Revocation{Kind: domain.RevokedTokens, App: app, User: u.Num, At: at})
	}))
}

// RevokeToken implements [domain.CredentialStore].
func (s *Store) RevokeToken(ctx context.Context, app domain.AppNum, user domain.UserID, tokenID string, at time.Time) error {
	return s.revoking(s.inTx(ctx, func(tx *sqlx.Tx) error {
		u, err := userByID(ctx, tx, app, user, s.dialect.forUpdate)
		if err != nil {
			return err
		}
		var n int
		if err := tx.GetContext(ctx, &n, `SELECT COUNT(*) FROM revoked_tokens WHERE app_id = ? AND user_id = ? AND token_id = ?`, app, u.Num, tokenID); err != nil || n > 0 {
			return err // revoked already
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO revoked_tokens (app_id, user_id, token_id, revoked_at) VALUES (?, ?, ?, ?)`,
			app, u.Num, tokenID, at.UnixMilli()); err != nil {
			return err
		}
		return s.revoke(ctx, tx, domain.Revocation{Kind: domain.RevokedToken, App: app, User: u.Num, Name: tokenID, At: at})
	}))
}
