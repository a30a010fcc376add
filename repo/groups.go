package repo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

var _ domain.GroupStore = (*Store)(nil)

// CreateGroup implements [domain.GroupStore].
func (s *Store) CreateGroup(ctx context.Context, app domain.AppNum, g domain.Group, members []domain.UserID, events ...domain.GroupEvent) (domain.Group, error) {
	var told []domain.Delivery
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
		if _, err := tx.ExecContext(ctx, `INSERT INTO conversations (app_id, id, conv_key, last_seq, changed) VALUES (?, ?, ?, 0, ?)`,
			app, g.Num, []byte(groupKey(g.ID)), g.Num); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO chat_groups (app_id, id, group_id, type, name, introduction, avatar_url, extra,
			join_policy, invite_by, mute_all, mention_all_by, history, live_audience, member_count, dismissed_at, created_at, updated_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)`,
			app, g.Num, string(g.ID), string(g.Type), g.Name, g.Introduction, g.AvatarURL, []byte(g.Extra),
			string(g.Settings.Join), string(g.Settings.InviteBy), g.Settings.MuteAll, string(g.Settings.MentionAllBy), string(g.Settings.History), g.Settings.LiveAudience,
			len(members), g.CreatedAt.UnixMilli(), g.UpdatedAt.UnixMilli()); err != nil {
			return err
		}
		conv := &conversation{num: g.Num, key: groupKey(g.ID)}
		if err := insertMembers(ctx, tx, app, g.Num, g.Type, nums, nums[slices.Index(members, g.Owner)], conv.joinedSeq(g.Type, len(events)), 0, g.CreatedAt); err != nil {
			return err
		}
		tellings := make([]telling, len(events))
		for i, e := range events {
			tellings[i] = telling{e, nums, false}
			if g.Type == domain.GroupLarge {
				tellings[i] = telling{e, concerned(e, members, nums), true}
			}
		}
		told, err = s.tellGroup(ctx, tx, app, conv, g.ID, g.CreatedAt, tellings)
		return err
	})
	if err == nil {
		s.publish(ctx, told)
	}
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

// insertMembers makes users members, who have read what came before joinedSeq, of which
// so many messages count as unread.
func insertMembers(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, conv domain.ConversationNum, t domain.GroupType, users []domain.UserNum, owner domain.UserNum, joinedSeq, counted int64, at time.Time) error {
	var rows []any
	for _, user := range users {
		role := domain.RoleMember
		if user == owner {
			role = domain.RoleOwner
		}
		rows = append(rows, app, conv, user, string(role), "", []byte("{}"), joinedSeq, at.UnixMilli(), joinedSeq, counted, kindOf(t))
	}
	return insert(ctx, tx, insertMember, "", 11, rows)
}

// groupColumns are what scanGroup reads; the first argument is the viewer's number.
func (d dialect) groupColumns() string {
	return `g.id, g.group_id, g.type, g.name, g.introduction, g.avatar_url, g.extra, g.join_policy, g.invite_by, g.mute_all,
	g.mention_all_by, g.history, g.live_audience, g.created_at, g.updated_at, g.dismissed_at, g.member_count,
	COALESCE((SELECT (SELECT u.user_id FROM users u WHERE u.app_id = o.app_id AND u.id = o.user_id) FROM members o` + d.index("members_by_role") + `
		WHERE o.app_id = g.app_id AND o.conversation_id = g.id AND o.role = 'owner'), ''),
	COALESCE((SELECT v.role FROM members v WHERE v.app_id = g.app_id AND v.conversation_id = g.id AND v.user_id = ?), '')`
}

func scanGroup(row interface{ Scan(dest ...any) error }) (g domain.Group, err error) {
	var extra []byte
	var created, updated, dismissed int64
	err = row.Scan(&g.Num, &g.ID, &g.Type, &g.Name, &g.Introduction, &g.AvatarURL, &extra, &g.Settings.Join, &g.Settings.InviteBy, &g.Settings.MuteAll,
		&g.Settings.MentionAllBy, &g.Settings.History, &g.Settings.LiveAudience, &created, &updated, &dismissed, &g.MemberCount, &g.Owner, &g.MyRole)
	g.Extra = extra
	g.CreatedAt, g.UpdatedAt = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
	g.DismissedAt = momentOf(dismissed)
	return g, err
}

// momentOf reads a time that may never have been.
func momentOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// Group implements [domain.GroupStore].
func (s *Store) Group(ctx context.Context, app domain.AppNum, id domain.GroupID, viewer domain.UserNum) (domain.Group, error) {
	query := `SELECT ` + s.dialect.groupColumns() + ` FROM chat_groups g WHERE g.app_id = ? AND g.group_id = ?`
	g, err := scanGroup(s.read.QueryRowxContext(ctx, query, viewer, app, string(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return domain.Group{}, domain.ErrGroupNotFound
	} else if err != nil {
		return domain.Group{}, s.readError("read group", err)
	}
	return g, nil
}

// groupsOfUser are tables m and g: from the memberships of a user to the groups among
// them, in this order.
func (d dialect) groupsOfUser() string {
	return `members m` + d.index("members_by_user") + d.then("chat_groups g") + ` ON g.app_id = m.app_id AND g.id = m.conversation_id`
}

// Groups implements [domain.GroupStore]. Those of a user are put in order before
// anything else is read about them: who is in thousands gets a page at a time.
func (s *Store) Groups(ctx context.Context, app domain.AppNum, member domain.UserNum, p domain.Page) (domain.List[domain.Group], error) {
	query, args := `SELECT `+s.dialect.groupColumns()+` FROM chat_groups g
		WHERE g.app_id = ? AND g.dismissed_at = 0 AND g.group_id > ? ORDER BY g.group_id LIMIT ?`, []any{member, app, p.Cursor, p.Limit + 1}
	if member != 0 {
		query, args = `SELECT `+s.dialect.groupColumns()+` FROM (SELECT g.app_id, g.id FROM `+s.dialect.groupsOfUser()+`
			WHERE m.app_id = ? AND m.user_id = ? AND m.kind > 0 AND g.dismissed_at = 0 AND g.group_id > ? ORDER BY g.group_id LIMIT ?) page
			`+s.dialect.then("chat_groups g")+` ON g.app_id = page.app_id AND g.id = page.id ORDER BY g.group_id`,
			[]any{member, app, member, p.Cursor, p.Limit + 1}
	}
	return list(ctx, s, p, func(g domain.Group) string { return string(g.ID) }, func(rows *sqlx.Rows) (domain.Group, error) {
		return scanGroup(rows)
	}, query, args...)
}

// userOfMember is the id of a member's user. It is no join, so that members are read first.
const userOfMember = `COALESCE((SELECT u.user_id FROM users u WHERE u.app_id = m.app_id AND u.id = m.user_id), '')`

// memberColumns are what scanMember reads.
const memberColumns = `m.role, m.label, m.extra, m.joined_at, m.read_seq,
	COALESCE((SELECT x.muted_until FROM mutes x WHERE x.app_id = m.app_id AND x.conversation_id = m.conversation_id AND x.user_id = m.user_id), 0)`

// scanMember reads what first points at and then a member, all but whose membership it is.
func scanMember(row interface{ Scan(dest ...any) error }, first ...any) (m domain.Member, err error) {
	var extra []byte
	var joined, muted int64
	err = row.Scan(append(first, &m.Role, &m.Label, &extra, &joined, &m.ReadSeq, &muted)...)
	m.Extra, m.JoinedAt, m.MutedUntil = extra, time.UnixMilli(joined).UTC(), momentOf(muted)
	return m, err
}

// Members implements [domain.GroupStore], in the order of the key, so that a page
// costs the same wherever it is.
func (s *Store) Members(ctx context.Context, app domain.AppNum, group domain.ConversationNum, p domain.Page) (domain.List[domain.Member], error) {
	var last domain.UserNum
	if p.Cursor != "" {
		n, err := strconv.ParseInt(p.Cursor, 10, 64)
		if err != nil {
			return domain.List[domain.Member]{}, domain.Invalid("cursor", "is not a cursor that this list answered with")
		}
		last = domain.UserNum(n)
	}
	const query = `SELECT m.user_id, ` + userOfMember + `, ` + memberColumns + ` FROM members m
		WHERE m.app_id = ? AND m.conversation_id = ? AND m.user_id > ? ORDER BY m.user_id LIMIT ?`
	position := func(domain.Member) string { return strconv.FormatInt(int64(last), 10) }
	return list(ctx, s, p, position, func(rows *sqlx.Rows) (domain.Member, error) {
		var id domain.UserID
		m, err := scanMember(rows, &last, &id)
		m.User = id
		return m, err
	}, query, app, group, last, p.Limit+1)
}

// Member implements [domain.GroupStore].
func (s *Store) Member(ctx context.Context, app domain.AppNum, group domain.ConversationNum, user domain.UserID) (domain.Member, error) {
	var id domain.UserID
	const query = `SELECT u.user_id, ` + memberColumns + ` FROM members m JOIN users u ON u.app_id = m.app_id AND u.id = m.user_id
		WHERE m.app_id = ? AND m.conversation_id = ? AND u.user_id = ? AND u.deleted_at = 0`
	m, err := scanMember(s.read.QueryRowxContext(ctx, query, app, group, string(user)), &id)
	if errors.Is(err, sql.ErrNoRows) {
		return domain.Member{}, domain.ErrMemberNotFound
	} else if err != nil {
		return domain.Member{}, s.readError("read member", err)
	}
	m.User = id
	return m, nil
}

// Heir implements [domain.GroupStore].
func (s *Store) Heir(ctx context.Context, app domain.AppNum, group domain.ConversationNum, owner domain.UserNum) (domain.UserID, error) {
	_, id, err := heirOf(ctx, s.read, app, group, owner)
	if err != nil {
		return "", s.readError("find who is next to own the group", err)
	}
	return id, nil
}

const selectJoinRequests = `SELECT u.user_id, r.message, r.created_at FROM join_requests r JOIN users u ON u.app_id = r.app_id AND u.id = r.user_id
	WHERE r.app_id = ? AND r.conversation_id = ? AND u.deleted_at = 0 AND `

func scanJoinRequest(row interface{ Scan(dest ...any) error }) (r domain.JoinRequest, err error) {
	var created int64
	err = row.Scan(&r.User, &r.Message, &created)
	r.CreatedAt = time.UnixMilli(created).UTC()
	return r, err
}

// JoinRequests implements [domain.GroupStore].
func (s *Store) JoinRequests(ctx context.Context, app domain.AppNum, group domain.ConversationNum, p domain.Page) (domain.List[domain.JoinRequest], error) {
	return list(ctx, s, p, func(r domain.JoinRequest) string { return string(r.User) }, func(rows *sqlx.Rows) (domain.JoinRequest, error) {
		return scanJoinRequest(rows)
	}, selectJoinRequests+`u.user_id > ? ORDER BY u.user_id LIMIT ?`, app, group, p.Cursor, p.Limit+1)
}

// JoinRequest implements [domain.GroupStore].
func (s *Store) JoinRequest(ctx context.Context, app domain.AppNum, group domain.ConversationNum, user domain.UserID) (domain.JoinRequest, error) {
	r, err := scanJoinRequest(s.read.QueryRowxContext(ctx, selectJoinRequests+`u.user_id = ?`, app, group, string(user)))
	if errors.Is(err, sql.ErrNoRows) {
		return domain.JoinRequest{}, domain.ErrJoinRequestNotFound
	} else if err != nil {
		return domain.JoinRequest{}, s.readError("read join request", err)
	}
	return r, nil
}
