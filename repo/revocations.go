package repo

import (
	"context"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// revoke appends to the log of revocations in the transaction that makes it true.
func (s *Store) revoke(ctx context.Context, tx *sqlx.Tx, r domain.Revocation) error {
	seq, err := next(ctx, tx, "revocations")
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO revocations (seq, kind, app_id, user_id, name, at) VALUES (?, ?, ?, ?, ?, ?)`,
		seq, r.Kind, r.App, r.User, r.Name, r.At.UnixMilli())
	return err
}

// revoking passes on the error of a transaction that revokes, and tells of its
// success.
func (s *Store) revoking(err error) error {
	if err == nil && s.onRevoked != nil {
		s.onRevoked()
	}
	return err
}

// Revocations implements [domain.CredentialStore].
func (s *Store) Revocations(ctx context.Context, after int64, limit int) ([]domain.Revocation, error) {
	var all []domain.Revocation
	err := each(ctx, s.read, func(rows *sqlx.Rows) error {
		var r domain.Revocation
		var at int64
		if err := rows.Scan(&r.Seq, &r.Kind, &r.App, &r.User, &r.Name, &at); err != nil {
			return err
		}
		r.At = time.UnixMilli(at).UTC()
		all = append(all, r)
		return nil
	}, `SELECT seq, kind, app_id, user_id, name, at FROM revocations WHERE seq > ? ORDER BY seq LIMIT ?`, after, limit)
	if err != nil {
		return nil, s.readError("read revocations", err)
	}
	return all, nil
}

// LastRevocation implements [domain.CredentialStore].
func (s *Store) LastRevocation(ctx context.Context) (int64, error) {
	var seq int64
	if err := s.read.GetContext(ctx, &seq, `SELECT value FROM counters WHERE name = 'revocations'`); err != nil {
		return 0, s.readError("read revocations", err)
	}
	return seq, nil
}
