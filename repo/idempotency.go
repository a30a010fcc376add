package repo

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

var _ domain.IdempotencyStore = (*Store)(nil)

// BeginIdempotent implements [domain.IdempotencyStore].
func (s *Store) BeginIdempotent(ctx context.Context, app domain.AppNum, r domain.IdempotencyRecord, stale, expired time.Time) (domain.IdempotencyRecord, bool, error) {
	var known domain.IdempotencyRecord
	isNew := false
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		isNew = false
		known = domain.IdempotencyRecord{Key: r.Key}
		var at int64
		err := tx.QueryRowxContext(ctx, `SELECT request, status, answer, at FROM idempotent_requests WHERE app_id = ? AND request_key = ?`+s.dialect.forUpdate,
			app, r.Key).Scan(&known.Request, &known.Status, &known.Answer, &at)
		known.At = time.UnixMilli(at).UTC()
		isGone := err == nil && (known.Status == 0 && known.At.Before(stale) || known.Status != 0 && known.At.Before(expired))
		switch {
		case isGone:
			if _, err := tx.ExecContext(ctx, `DELETE FROM idempotent_requests WHERE app_id = ? AND request_key = ?`, app, r.Key); err != nil {
				return err
			}
		case err == nil:
			return nil
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		isNew = true
		_, err = tx.ExecContext(ctx, `INSERT INTO idempotent_requests (app_id, request_key, request, status, answer, at) VALUES (?, ?, ?, 0, ?, ?)`,
			app, r.Key, r.Request, []byte{}, r.At.UnixMilli())
		return err
	})
	return known, isNew, err
}

// SettleIdempotent implements [domain.IdempotencyStore].
func (s *Store) SettleIdempotent(ctx context.Context, app domain.AppNum, r domain.IdempotencyRecord) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE idempotent_requests SET status = ?, answer = ? WHERE app_id = ? AND request_key = ?`, r.Status, r.Answer, app, r.Key)
		return err
	})
}

// ForgetIdempotent implements [domain.IdempotencyStore].
func (s *Store) ForgetIdempotent(ctx context.Context, app domain.AppNum, key []byte) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM idempotent_requests WHERE app_id = ? AND request_key = ? AND status = 0`, app, key)
		return err
	})
}
