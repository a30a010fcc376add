package repo

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

var _ domain.BlockStore = (*Store)(nil)

// blockList leaves out entries for users who were deleted. The database would else go
// through all users of the app, which are in the order of a page already.
func (d dialect) blockList() string {
	return ` FROM blocks b` + d.then("users u") + ` ON u.app_id = b.app_id AND u.id = b.blocked_id
	WHERE b.app_id = ? AND b.user_id = ? AND u.deleted_at = 0 `
}

func scanBlock(row interface{ Scan(dest ...any) error }) (domain.Block, error) {
	var b domain.Block
	var created int64
	err := row.Scan(&b.User, &created)
	b.CreatedAt = time.UnixMilli(created).UTC()
	return b, err
}

// PutBlock implements [domain.BlockStore]. The row of the list's owner is locked,
// so that the owner is not deleted meanwhile and the list has one writer.
func (s *Store) PutBlock(ctx context.Context, app domain.AppNum, user domain.UserRef, b domain.Block, limit int) (domain.Block, bool, error) {
	var out domain.Block
	var isNew bool
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		owner, err := userByID(ctx, tx, app, user.ID, s.dialect.forUpdate)
		if errors.Is(err, domain.ErrUserNotFound) || err == nil && owner.Num != user.Num {
			return domain.ErrUnauthorized
		} else if err != nil {
			return err
		}
		blocked, err := userByID(ctx, tx, app, b.User, "")
		if err != nil {
			return err
		}
		if out, err = blockByID(ctx, tx, app, user.Num, b.User); !errors.Is(err, domain.ErrBlockNotFound) {
			isNew = false
			return err
		}
		var n int
		if err := tx.GetContext(ctx, &n, `SELECT COUNT(*)`+s.dialect.blockList(), app, user.Num); err != nil {
			return err
		}
		if n >= limit {
			return domain.TooManyBlocks(limit)
		}
		out, isNew = b, true
		_, err = tx.ExecContext(ctx, `INSERT INTO blocks (app_id, user_id, blocked_id, created_at) VALUES (?, ?, ?, ?)`,
			app, user.Num, blocked.Num, b.CreatedAt.UnixMilli())
		return err
	})
	if err != nil {
		return domain.Block{}, false, err
	}
	return out, isNew, nil
}

// Block implements [domain.BlockStore].
func (s *Store) Block(ctx context.Context, app domain.AppNum, user domain.UserNum, id domain.UserID) (domain.Block, error) {
	b, err := blockByID(ctx, s.read, app, user, id)
	if err != nil && !errors.Is(err, domain.ErrBlockNotFound) {
		return b, s.readError("read block", err)
	}
	return b, err
}

func blockByID(ctx context.Context, q sqlx.QueryerContext, app domain.AppNum, user domain.UserNum, id domain.UserID) (domain.Block, error) {
	const query = `SELECT u.user_id, b.created_at FROM users u JOIN blocks b ON b.app_id = u.app_id AND b.blocked_id = u.id
		WHERE u.app_id = ? AND u.user_id = ? AND u.deleted_at = 0 AND b.user_id = ?`
	b, err := scanBlock(q.QueryRowxContext(ctx, query, app, string(id), user))
	if errors.Is(err, sql.ErrNoRows) {
		return domain.Block{}, domain.ErrBlockNotFound
	}
	return b, err
}

// Blocks implements [domain.BlockStore].
func (s *Store) Blocks(ctx context.Context, app domain.AppNum, user domain.UserNum, p domain.Page) (domain.List[domain.Block], error) {
	query := `SELECT u.user_id, b.created_at` + s.dialect.blockList() + `AND u.user_id > ? ORDER BY u.user_id LIMIT ?`
	return list(ctx, s, p, func(b domain.Block) string { return string(b.User) },
		func(rows *sqlx.Rows) (domain.Block, error) { return scanBlock(rows) }, query, app, user, p.Cursor, p.Limit+1)
}

// DeleteBlock implements [domain.BlockStore].
func (s *Store) DeleteBlock(ctx context.Context, app domain.AppNum, user domain.UserNum, id domain.UserID) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		blocked, err := userByID(ctx, tx, app, id, "")
		if errors.Is(err, domain.ErrUserNotFound) {
			return domain.ErrBlockNotFound
		} else if err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `DELETE FROM blocks WHERE app_id = ? AND user_id = ? AND blocked_id = ?`, app, user, blocked.Num)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, domain.ErrBlockNotFound)
		}
		return nil
	})
}
