package repo

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

var _ domain.UserStore = (*Store)(nil)

const userColumns = `id, user_id, nickname, sex, avatar_url, extra, created_at, updated_at`

func scanUser(row interface{ Scan(dest ...any) error }) (domain.User, error) {
	var u domain.User
	var extra []byte
	var created, updated int64
	err := row.Scan(&u.Num, &u.ID, &u.Nickname, &u.Sex, &u.AvatarURL, &extra, &created, &updated)
	u.Extra = extra
	u.CreatedAt, u.UpdatedAt = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
	return u, err
}

// UpsertUsers implements [domain.UserStore].
func (s *Store) UpsertUsers(ctx context.Context, app domain.AppNum, users []domain.User) ([]domain.User, []bool, error) {
	out, created := make([]domain.User, len(users)), make([]bool, len(users))
	ids := make([]domain.UserID, len(users))
	for i, u := range users {
		ids[i] = u.ID
	}
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		found := make(map[domain.UserID]domain.User, len(users))
		const query = `SELECT ` + userColumns + ` FROM users WHERE app_id = ? AND deleted_at = 0 AND user_id IN`
		err := selectIn(ctx, tx, query, s.dialect.forUpdate, []any{app}, ids, func(rows *sqlx.Rows) error {
			u, err := scanUser(rows)
			found[u.ID] = u
			return err
		})
		if err != nil {
			return err
		}
		var fresh []domain.UserID
		for i, u := range users {
			old, exists := found[u.ID]
			if created[i] = !exists; exists {
				u.Num, u.CreatedAt = old.Num, old.CreatedAt
			} else {
				u.Num = domain.UserNum(s.nums.next(s.clock.Now()))
				fresh = append(fresh, u.ID)
			}
			out[i] = u
		}
		revoked, err := deletions(ctx, tx, app, fresh)
		if err != nil {
			return err
		}
		return s.writeUsers(ctx, tx, app, out, created, revoked)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("upsert users: %w", err)
	}
	return out, created, nil
}

// deletions returns when the last user of each id was deleted. A token names its
// user by id, so what was issued up to then must not count for the next user of
// that id.
func deletions(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, ids []domain.UserID) (map[domain.UserID]int64, error) {
	last := make(map[domain.UserID]int64)
	const query = `SELECT user_id, MAX(deleted_at) FROM users WHERE app_id = ? AND deleted_at > 0 AND user_id IN`
	err := selectIn(ctx, tx, query, " GROUP BY user_id", []any{app}, ids, func(rows *sqlx.Rows) error {
		var id domain.UserID
		var at int64
		err := rows.Scan(&id, &at)
		last[id] = at
		return err
	})
	return last, err
}

// writeUsers inserts the users that are new, with their logs, and replaces the
// profiles of the others, whose rows are locked. The new ones get no upsert: a
// row of their name that another transaction made meanwhile must fail the
// insertion, so that this transaction runs again and finds it. revoked
// says up to when tokens of new users are refused.
func (s *Store) writeUsers(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, users []domain.User, created []bool, revoked map[domain.UserID]int64) error {
	var fresh, known, heads []any
	for i, u := range users {
		row := []any{
			app, u.Num, string(u.ID), u.Nickname, string(u.Sex), u.AvatarURL, []byte(u.Extra), revoked[u.ID],
			u.CreatedAt.UnixMilli(), u.UpdatedAt.UnixMilli(), 0,
		}
		if !created[i] {
			known = append(known, row...)
			continue
		}
		fresh = append(fresh, row...)
		heads = append(heads, app, u.Num, 1, 0, newEpoch())
	}
	const head = `INSERT INTO users (app_id, id, user_id, nickname, sex, avatar_url, extra, tokens_revoked_at, created_at, updated_at, deleted_at)`
	replace := s.dialect.upsert([]string{"app_id", "id"}, []string{"nickname", "sex", "avatar_url", "extra", "updated_at"})
	if err := insert(ctx, tx, head, replace, 11, known); err != nil {
		return err
	}
	if err := insert(ctx, tx, head, "", 11, fresh); err != nil {
		return err
	}
	return insert(ctx, tx, `INSERT INTO user_heads (app_id, user_id, first_seq, head_seq, epoch)`, "", 5, heads)
}

// newEpoch names a log that begins now.
func newEpoch() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return hex.EncodeToString(b[:])
}

// User implements [domain.UserStore].
func (s *Store) User(ctx context.Context, app domain.AppNum, id domain.UserID) (domain.User, error) {
	u, err := userByID(ctx, s.read, app, id, "")
	if err != nil && !errors.Is(err, domain.ErrUserNotFound) {
		return u, s.readError("read user", err)
	}
	return u, err
}

func userByID(ctx context.Context, q sqlx.QueryerContext, app domain.AppNum, id domain.UserID, lock string) (domain.User, error) {
	const query = `SELECT ` + userColumns + ` FROM users WHERE app_id = ? AND user_id = ? AND deleted_at = 0`
	u, err := scanUser(q.QueryRowxContext(ctx, query+lock, app, string(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return domain.User{}, domain.ErrUserNotFound
	}
	return u, err
}

// Users implements [domain.UserStore].
func (s *Store) Users(ctx context.Context, app domain.AppNum, p domain.Page) (domain.List[domain.User], error) {
	const query = `SELECT ` + userColumns + ` FROM users WHERE app_id = ? AND user_id > ? AND deleted_at = 0 ORDER BY user_id LIMIT ?`
	return list(ctx, s, p, func(u domain.User) string { return string(u.ID) },
		func(rows *sqlx.Rows) (domain.User, error) { return scanUser(rows) }, query, app, p.Cursor, p.Limit+1)
}

// list runs a query for one row more than p asks for and makes a page of it.
// position names a row for the cursor.
func list[T any](ctx context.Context, s *Store, p domain.Page, position func(T) string, scan func(*sqlx.Rows) (T, error), query string, args ...any) (domain.List[T], error) {
	page := domain.List[T]{Items: []T{}}
	err := each(ctx, s.read, func(rows *sqlx.Rows) error {
		if len(page.Items) == p.Limit {
			page.NextCursor = position(page.Items[p.Limit-1])
			return nil
		}
		item, err := scan(rows)
		page.Items = append(page.Items, item)
		return err
	}, query, args...)
	if err != nil {
		return domain.List[T]{}, s.readError("list", err)
	}
	return page, nil
}

// UpdateUser implements [domain.UserStore].
func (s *Store) UpdateUser(ctx context.Context, app domain.AppNum, id domain.UserID, change func(*domain.User) error) (domain.User, error) {
	var u domain.User
	err := s.inTx(ctx, func(tx *sqlx.Tx) (err error) {
		if u, err = userByID(ctx, tx, app, id, s.dialect.forUpdate); err != nil {
			return err
		}
		if err = change(&u); err != nil {
			return err
		}
		return s.writeUsers(ctx, tx, app, []domain.User{u}, []bool{false}, nil)
	})
	return u, err
}

// DeleteUser implements [domain.UserStore]. The user's row is locked first, so
// that nobody adds the user to a group meanwhile; a transaction that adds it to
// one and waits for the row the other way round runs again.
func (s *Store) DeleteUser(ctx context.Context, app domain.AppNum, id domain.UserID, at time.Time) error {
	return s.revoking(s.inTx(ctx, func(tx *sqlx.Tx) error {
		u, err := userByID(ctx, tx, app, id, s.dialect.forUpdate)
		if err != nil {
			return err
		}
		if err := s.leaveGroups(ctx, tx, app, u.Num); err != nil {
			return err
		}
		if err := s.endChats(ctx, tx, app, u.Num); err != nil {
			return err
		}
		deletedAt, err := freeMoment(ctx, tx, at, `SELECT COALESCE(MAX(deleted_at), 0) FROM users WHERE app_id = ? AND user_id = ?`, app, string(id))
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE users SET deleted_at = ? WHERE app_id = ? AND id = ?`, deletedAt, app, u.Num); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM blocks WHERE app_id = ? AND user_id = ?`, app, u.Num); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM contacts WHERE app_id = ? AND user_id = ?`, app, u.Num); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM devices WHERE app_id = ? AND user_id = ?`, app, u.Num); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM group_acks WHERE app_id = ? AND user_id = ?`, app, u.Num); err != nil {
			return err
		}
		return s.revoke(ctx, tx, domain.Revocation{Kind: domain.RevokedUser, App: app, User: u.Num, At: at})
	}))
}

// freeMoment returns at in milliseconds or, where query finds that something of
// the same name was deleted then or later, the moment after that: the moment of
// its deletion tells a row from others of its name.
func freeMoment(ctx context.Context, tx *sqlx.Tx, at time.Time, query string, args ...any) (int64, error) {
	var last int64
	err := tx.GetContext(ctx, &last, query, args...)
	return max(at.UnixMilli(), last+1), err
}

// leaveGroups ends the user's memberships of groups.
func (s *Store) leaveGroups(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, user domain.UserNum) error {
	var groups []domain.GroupID
	query := `SELECT g.group_id FROM ` + s.dialect.groupsOfUser() + `
		WHERE m.app_id = ? AND m.user_id = ? AND m.kind > 0 ORDER BY g.group_id`
	if err := sqlx.SelectContext(ctx, tx, &groups, query, app, user); err != nil {
		return err
	}
	keys := make([]string, len(groups))
	for i, g := range groups {
		keys[i] = groupKey(g)
	}
	locked, err := s.lockConversations(ctx, tx, app, keys)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := passOn(ctx, tx, app, locked[key].num, user); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM members WHERE app_id = ? AND conversation_id = ? AND user_id = ?`, app, locked[key].num, user); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE chat_groups SET member_count = member_count - 1 WHERE app_id = ? AND id = ?`, app, locked[key].num); err != nil {
			return err
		}
	}
	return nil
}

// endChats takes the chats with a user from the lists of the others.
func (s *Store) endChats(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, user domain.UserNum) error {
	var ended []stateOf
	err := each(ctx, tx, func(rows *sqlx.Rows) error {
		of := stateOf{state: noState}
		err := rows.Scan(&of.conv, &of.user)
		ended = append(ended, of)
		return err
	}, `SELECT o.conversation_id, o.user_id FROM members m`+s.dialect.index("members_by_user")+s.dialect.then("members o")+`
		ON o.app_id = m.app_id AND o.conversation_id = m.conversation_id
		WHERE m.app_id = ? AND m.user_id = ? AND m.kind = ? AND o.user_id <> m.user_id`, app, user, kindSingle)
	if err != nil || len(ended) == 0 {
		return err
	}
	for part := range slices.Chunk(ended, chunk) {
		args := []any{kindEnded, app}
		for _, of := range part {
			args = append(args, of.conv)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE members SET kind = ? WHERE app_id = ? AND conversation_id IN `+in(len(part)), args...); err != nil {
			return err
		}
	}
	return s.putStates(ctx, tx, app, ended...)
}

// passOn gives a group that user owns to the admin who has been there longest, or
// else to such a member.
func passOn(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, group domain.ConversationNum, user domain.UserNum) error {
	var role domain.Role
	err := tx.GetContext(ctx, &role, `SELECT role FROM members WHERE app_id = ? AND conversation_id = ? AND user_id = ?`, app, group, user)
	if err != nil || role != domain.RoleOwner {
		return err
	}
	heir, _, err := heirOf(ctx, tx, app, group, user)
	if err != nil || heir == 0 { // nobody is left
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE members SET role = 'owner' WHERE app_id = ? AND conversation_id = ? AND user_id = ?`, app, group, heir)
	return err
}

// heirOf finds who is next to own a group, 0 when there is nobody: by an
// index.
func heirOf(ctx context.Context, q sqlx.QueryerContext, app domain.AppNum, group domain.ConversationNum, owner domain.UserNum) (heir domain.UserNum, id domain.UserID, err error) {
	const query = `SELECT m.user_id, ` + userOfMember + ` FROM members m
		WHERE m.app_id = ? AND m.conversation_id = ? AND m.role = ? AND m.user_id <> ? ORDER BY m.joined_at, m.user_id LIMIT 1`
	for _, role := range []domain.Role{domain.RoleAdmin, domain.RoleMember} {
		err = q.QueryRowxContext(ctx, query, app, group, string(role), owner).Scan(&heir, &id)
		if !errors.Is(err, sql.ErrNoRows) {
			return heir, id, err
		}
	}
	return 0, "", nil
}
