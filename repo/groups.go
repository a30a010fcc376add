package repo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

var _ domain.GroupStore = (*Store)(nil)

// CreateGroup implements [domain.GroupStore].
func (s *Store) CreateGroup(ctx context.Context, app domain.AppNum, g domain.Group, members []domain.UserID) (domain.Group, error) {
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		locked, err := s.lockConversations(ctx, tx, app, []string{groupKey(g.ID)})
		if err != nil {
			return err
		}
		if len(locked) > 0 {
			return domain.ErrGroupExists
		}
		nums, err := s.knownUsers(ctx, tx, app, members, "/members", g.Owner)
		if err != nil {
			return err
		}
		g.Num = domain.ConversationNum(s.nums.next(s.clock.Now()))
		if _, err := tx.ExecContext(ctx, `INSERT INTO conversations (app_id, id, conv_key, last_seq) VALUES (?, ?, ?, 0)`,
			app, g.Num, []byte(groupKey(g.ID))); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO chat_groups (app_id, id, group_id, type, name, introduction, avatar_url, extra, created_at, updated_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, app, g.Num, string(g.ID), string(g.Type), g.Name, g.Introduction, g.AvatarURL, []byte(g.Extra),
			g.CreatedAt.UnixMilli(), g.UpdatedAt.UnixMilli()); err != nil {
			return err
		}
		return insertMembers(ctx, tx, app, g.Num, nums, nums[slices.Index(members, g.Owner)], 0, g.CreatedAt)
	})
	g.MemberCount = len(members)
	return g, err
}

// knownUsers returns the numbers of users in their order, or ErrUserNotFound
// naming the entries of the list at pointer that are none; owner, which the
// caller names apart from the list, is pointed at as such.
func (s *Store) knownUsers(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, users []domain.UserID, pointer string, owner domain.UserID) ([]domain.UserNum, error) {
	byID, err := userNums(ctx, tx, app, users, s.dialect.forUpdate)
	if err != nil {
		return nil, err
	}
	nums := make([]domain.UserNum, len(users))
	unknown := domain.Failure(domain.CodeUserNotFound, "")
	for i, id := range users {
		if nums[i] = byID[id]; nums[i] != 0 {
			continue
		}
		at := fmt.Sprintf("%s/%d", pointer, i)
		if id == owner {
			at = "/owner"
		}
		unknown.Fields = append(unknown.Fields, domain.FieldError{Pointer: at, Detail: "names no user"})
	}
	if len(unknown.Fields) > 0 {
		return nil, unknown
	}
	return nums, nil
}

func insertMembers(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, conv domain.ConversationNum, users []domain.UserNum, owner domain.UserNum, joinedSeq int64, at time.Time) error {
	var rows []any
	for _, user := range users {
		role := domain.RoleMember
		if user == owner {
			role = domain.RoleOwner
		}
		rows = append(rows, app, conv, user, string(role), "", []byte("{}"), joinedSeq, at.UnixMilli(), joinedSeq)
	}
	return insert(ctx, tx, insertMember, "", 9, rows)
}

// Group implements [domain.GroupStore].
func (s *Store) Group(ctx context.Context, app domain.AppNum, id domain.GroupID, viewer domain.UserNum) (domain.Group, error) {
	const query = `SELECT g.id, g.group_id, g.type, g.name, g.introduction, g.avatar_url, g.extra, g.created_at, g.updated_at,
		(SELECT COUNT(*) FROM members c WHERE c.app_id = g.app_id AND c.conversation_id = g.id),
		COALESCE((SELECT u.user_id FROM members o JOIN users u ON u.app_id = o.app_id AND u.id = o.user_id
			WHERE o.app_id = g.app_id AND o.conversation_id = g.id AND o.role = 'owner'), ''),
		COALESCE((SELECT v.role FROM members v WHERE v.app_id = g.app_id AND v.conversation_id = g.id AND v.user_id = ?), '')
		FROM chat_groups g WHERE g.app_id = ? AND g.group_id = ?`
	var g domain.Group
	var extra []byte
	var created, updated int64
	err := s.read.QueryRowxContext(ctx, query, viewer, app, string(id)).Scan(&g.Num, &g.ID, &g.Type, &g.Name, &g.Introduction, &g.AvatarURL, &extra,
		&created, &updated, &g.MemberCount, &g.Owner, &g.MyRole)
	if errors.Is(err, sql.ErrNoRows) {
		return g, domain.ErrGroupNotFound
	} else if err != nil {
		return g, s.readError("read group", err)
	}
	g.Extra = extra
	g.CreatedAt, g.UpdatedAt = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
	return g, nil
}

// AddMembers implements [domain.GroupStore].
func (s *Store) AddMembers(ctx context.Context, app domain.AppNum, id domain.GroupID, by domain.UserNum, users []domain.UserID, limit int, at time.Time) ([]domain.UserID, error) {
	var added []domain.UserID
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		g, err := s.lockGroup(ctx, tx, app, id)
		if err != nil {
			return err
		}
		if err := g.requireOwner(by); err != nil {
			return err
		}
		nums, err := s.knownUsers(ctx, tx, app, users, "/user_ids", "")
		if err != nil {
			return err
		}
		added = []domain.UserID{}
		var fresh []domain.UserNum
		for i, num := range nums {
			if _, member := g.roles[num]; !member {
				fresh, added = append(fresh, num), append(added, users[i])
			}
		}
		if len(fresh) > 0 && len(g.roles)+len(fresh) > limit {
			return domain.TooManyMembers("/user_ids", limit)
		}
		return insertMembers(ctx, tx, app, g.conv.num, fresh, 0, g.conv.lastSeq, at)
	})
	return added, err
}

// RemoveMember implements [domain.GroupStore].
func (s *Store) RemoveMember(ctx context.Context, app domain.AppNum, id domain.GroupID, by domain.UserNum, user domain.UserID) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		g, err := s.lockGroup(ctx, tx, app, id)
		if err != nil {
			return err
		}
		nums, err := userNums(ctx, tx, app, []domain.UserID{user}, "")
		if err != nil {
			return err
		}
		num := nums[user]
		if by != num || by == 0 {
			if err := g.requireOwner(by); err != nil {
				return err
			}
		}
		switch role, member := g.roles[num]; {
		case !member && by == num && by != 0:
			return domain.ErrNotInGroup
		case !member:
			return domain.ErrMemberNotFound
		case role == domain.RoleOwner:
			return domain.Failure(domain.CodeForbidden, "The owner cannot be removed from the group.")
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM members WHERE app_id = ? AND conversation_id = ? AND user_id = ?`, app, g.conv.num, num)
		return err
	})
}

// lockedGroup is a group whose members cannot change, and which gets no
// message, until the transaction ends.
type lockedGroup struct {
	conv  *conversation
	roles map[domain.UserNum]domain.Role
}

func (s *Store) lockGroup(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, id domain.GroupID) (*lockedGroup, error) {
	key := groupKey(id)
	locked, err := s.lockConversations(ctx, tx, app, []string{key})
	if err != nil {
		return nil, err
	}
	g := &lockedGroup{conv: locked[key], roles: map[domain.UserNum]domain.Role{}}
	if g.conv == nil {
		return nil, domain.ErrGroupNotFound
	}
	err = each(ctx, tx, func(rows *sqlx.Rows) error {
		var user domain.UserNum
		var role domain.Role
		if err := rows.Scan(&user, &role); err != nil {
			return err
		}
		g.roles[user] = role
		return nil
	}, `SELECT user_id, role FROM members WHERE app_id = ? AND conversation_id = ?`, app, g.conv.num)
	return g, err
}

// requireOwner lets the business (0) and the owner pass.
func (g *lockedGroup) requireOwner(by domain.UserNum) error {
	role, member := g.roles[by]
	switch {
	case by == 0 || role == domain.RoleOwner:
		return nil
	case !member:
		return domain.ErrNotInGroup
	}
	return domain.Failure(domain.CodeForbidden, "Only the owner of the group may do this.")
}

// Members implements [domain.GroupStore].
func (s *Store) Members(ctx context.Context, app domain.AppNum, id domain.GroupID, by domain.UserNum, p domain.Page) (domain.List[domain.Member], error) {
	g, err := s.Group(ctx, app, id, by)
	if err != nil {
		return domain.List[domain.Member]{}, err
	}
	if by != 0 && g.MyRole == "" {
		return domain.List[domain.Member]{}, domain.ErrNotInGroup
	}
	const query = `SELECT u.user_id, m.role, m.label, m.extra, m.joined_at, m.read_seq FROM members m
		JOIN users u ON u.app_id = m.app_id AND u.id = m.user_id
		WHERE m.app_id = ? AND m.conversation_id = ? AND u.user_id > ? ORDER BY u.user_id LIMIT ?`
	return list(ctx, s, p, func(m domain.Member) string { return string(m.User) }, func(rows *sqlx.Rows) (domain.Member, error) {
		var m domain.Member
		var extra []byte
		var joined int64
		err := rows.Scan(&m.User, &m.Role, &m.Label, &extra, &joined, &m.ReadSeq)
		m.Extra, m.JoinedAt = extra, time.UnixMilli(joined).UTC()
		return m, err
	}, query, app, g.Num, p.Cursor, p.Limit+1)
}
