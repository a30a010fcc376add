package repo

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

var _ domain.AppStore = (*Store)(nil)

const appColumns = `id, app_id, name, settings, friends_only, created_at`

func scanApp(row interface{ Scan(dest ...any) error }) (domain.App, error) {
	a := domain.App{Settings: domain.DefaultAppSettings()}
	var settings []byte
	var created int64
	if err := row.Scan(&a.Num, &a.ID, &a.Name, &settings, &a.Settings.FriendsOnly, &created); err != nil {
		return a, err
	}
	a.CreatedAt = time.UnixMilli(created).UTC()
	return a, json.Unmarshal(settings, &a.Settings)
}

// next takes the next value of a counter. Its row stays locked until the
// transaction ends, so the values are committed in their order.
func next(ctx context.Context, tx *sqlx.Tx, counter string) (int64, error) {
	if _, err := tx.ExecContext(ctx, `UPDATE counters SET value = value + 1 WHERE name = ?`, counter); err != nil {
		return 0, err
	}
	var value int64
	err := tx.GetContext(ctx, &value, `SELECT value FROM counters WHERE name = ?`, counter)
	return value, err
}

// CreateApp implements [domain.AppStore].
func (s *Store) CreateApp(ctx context.Context, a domain.App, key domain.AppKey, keyHash []byte) (domain.App, error) {
	settings, err := json.Marshal(a.Settings)
	if err != nil {
		return a, fmt.Errorf("encode settings: %w", err)
	}
	err = s.inTx(ctx, func(tx *sqlx.Tx) error {
		if _, err := appByID(ctx, tx, a.ID, s.dialect.forUpdate); err == nil {
			return domain.ErrAppExists
		} else if !errors.Is(err, domain.ErrAppNotFound) {
			return err
		}
		num, err := next(ctx, tx, "apps")
		if err != nil {
			return err
		}
		a.Num = domain.AppNum(num)
		if _, err := tx.ExecContext(ctx, `INSERT INTO apps (id, app_id, name, settings, friends_only, created_at, deleted_at) VALUES (?, ?, ?, ?, ?, ?, 0)`,
			a.Num, string(a.ID), a.Name, settings, a.Settings.FriendsOnly, a.CreatedAt.UnixMilli()); err != nil {
			return err
		}
		return insertAppKey(ctx, tx, a.Num, key, keyHash)
	})
	return a, err
}

func appByID(ctx context.Context, q sqlx.QueryerContext, id domain.AppID, lock string) (domain.App, error) {
	a, err := scanApp(q.QueryRowxContext(ctx, `SELECT `+appColumns+` FROM apps WHERE app_id = ? AND deleted_at = 0`+lock, string(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return a, domain.ErrAppNotFound
	}
	return a, err
}

// App implements [domain.AppStore].
func (s *Store) App(ctx context.Context, id domain.AppID) (domain.App, error) {
	a, err := appByID(ctx, s.read, id, "")
	if err != nil && !errors.Is(err, domain.ErrAppNotFound) {
		return a, s.readError("read app", err)
	}
	return a, err
}

// AppByNum implements [domain.GroupStore].
func (s *Store) AppByNum(ctx context.Context, app domain.AppNum) (domain.App, error) {
	a, err := scanApp(s.read.QueryRowxContext(ctx, `SELECT `+appColumns+` FROM apps WHERE id = ? AND deleted_at = 0`, app))
	if errors.Is(err, sql.ErrNoRows) {
		return a, domain.ErrAppNotFound
	} else if err != nil {
		return a, s.readError("read app", err)
	}
	return a, nil
}

// Apps implements [domain.AppStore].
func (s *Store) Apps(ctx context.Context, p domain.Page) (domain.List[domain.App], error) {
	const query = `SELECT ` + appColumns + ` FROM apps WHERE app_id > ? AND deleted_at = 0 ORDER BY app_id LIMIT ?`
	return list(ctx, s, p, func(a domain.App) string { return string(a.ID) },
		func(rows *sqlx.Rows) (domain.App, error) { return scanApp(rows) }, query, p.Cursor, p.Limit+1)
}

// UpdateApp implements [domain.AppStore].
func (s *Store) UpdateApp(ctx context.Context, id domain.AppID, change func(*domain.App) error) (domain.App, error) {
	var a domain.App
	err := s.inTx(ctx, func(tx *sqlx.Tx) (err error) {
		if a, err = appByID(ctx, tx, id, s.dialect.forUpdate); err != nil {
			return err
		}
		if err = change(&a); err != nil {
			return err
		}
		settings, err := json.Marshal(a.Settings)
		if err != nil {
			return fmt.Errorf("encode settings: %w", err)
		}
		_, err = tx.ExecContext(ctx, `UPDATE apps SET name = ?, settings = ?, friends_only = ? WHERE id = ?`, a.Name, settings, a.Settings.FriendsOnly, a.Num)
		return err
	})
	return a, err
}

// DeleteApp implements [domain.AppStore].
func (s *Store) DeleteApp(ctx context.Context, id domain.AppID, at time.Time) error {
	return s.revoking(s.inTx(ctx, func(tx *sqlx.Tx) error {
		a, err := appByID(ctx, tx, id, s.dialect.forUpdate)
		if err != nil {
			return err
		}
		deletedAt, err := freeMoment(ctx, tx, at, `SELECT COALESCE(MAX(deleted_at), 0) FROM apps WHERE app_id = ?`, string(id))
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE apps SET deleted_at = ? WHERE id = ?`, deletedAt, a.Num); err != nil {
			return err
		}
		return s.revoke(ctx, tx, domain.Revocation{Kind: domain.RevokedApp, App: a.Num, At: at})
	}))
}

func insertAppKey(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, key domain.AppKey, hash []byte) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO app_keys (key_id, app_id, name, hash, created_at, revoked_at) VALUES (?, ?, ?, ?, ?, 0)`,
		key.ID, app, key.Name, hash, key.CreatedAt.UnixMilli())
	return err
}

// AddAppKey implements [domain.AppStore].
func (s *Store) AddAppKey(ctx context.Context, app domain.AppNum, key domain.AppKey, hash []byte) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error { return insertAppKey(ctx, tx, app, key, hash) })
}

// AppKeys implements [domain.AppStore].
func (s *Store) AppKeys(ctx context.Context, app domain.AppNum, p domain.Page) (domain.List[domain.AppKey], error) {
	const query = `SELECT key_id, name, created_at FROM app_keys WHERE app_id = ? AND key_id > ? AND revoked_at = 0 ORDER BY key_id LIMIT ?`
	return list(ctx, s, p, func(k domain.AppKey) string { return k.ID }, func(rows *sqlx.Rows) (domain.AppKey, error) {
		var k domain.AppKey
		var created int64
		err := rows.Scan(&k.ID, &k.Name, &created)
		k.CreatedAt = time.UnixMilli(created).UTC()
		return k, err
	}, query, app, p.Cursor, p.Limit+1)
}

// RevokeAppKey implements [domain.AppStore].
func (s *Store) RevokeAppKey(ctx context.Context, app domain.AppNum, keyID string, at time.Time) error {
	return s.revoking(s.inTx(ctx, func(tx *sqlx.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE app_keys SET revoked_at = ? WHERE app_id = ? AND key_id = ? AND revoked_at = 0`, at.UnixMilli(), app, keyID)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, domain.ErrKeyNotFound)
		}
		return s.revoke(ctx, tx, domain.Revocation{Kind: domain.RevokedAppKey, App: app, Name: keyID, At: at})
	}))
}

// appSettings reads the settings of an app within a transaction.
func appSettings(ctx context.Context, tx *sqlx.Tx, app domain.AppNum) (domain.AppSettings, error) {
	settings := domain.DefaultAppSettings()
	var stored []byte
	row := tx.QueryRowxContext(ctx, `SELECT settings, friends_only FROM apps WHERE id = ?`, app)
	if err := row.Scan(&stored, &settings.FriendsOnly); err != nil {
		return settings, err
	}
	return settings, json.Unmarshal(stored, &settings)
}
