package repo

import (
	"bytes"
	"context"
	"slices"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// ChangeGroup implements [domain.GroupStore]. The group's conversation is locked,
// so that no message is numbered meanwhile; what is read and written depends on
// the users that the change is about and not on the size of the group.
func (s *Store) ChangeGroup(ctx context.Context, app domain.AppNum, id domain.GroupID, by domain.UserNum, users []domain.UserID, change func(*domain.GroupState) error) (domain.GroupState, error) {
	var state domain.GroupState
	var told []domain.Delivery
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		key := groupKey(id)
		locked, err := s.lockConversations(ctx, tx, app, []string{key})
		if err != nil {
			return err
		}
		if locked[key] == nil {
			return domain.ErrGroupNotFound
		}
		c := &groupChange{tx: tx, app: app, conv: locked[key], store: s}
		if err := c.read(ctx, by, users); err != nil {
			return err
		}
		state = c.before.clone()
		if err := change(&state); err != nil {
			return err
		}
		tellings, err := c.tellings(ctx, &state)
		if err != nil {
			return err
		}
		if err := c.write(ctx, &state); err != nil {
			return err
		}
		told, err = s.tellGroup(ctx, tx, app, c.conv, id, domain.Millis(s.clock.Now()), tellings)
		return err
	})
	if err == nil {
		s.publish(ctx, told)
	}
	return state, err
}

// tellings says where the events of the change are told. In a normal group that is
// in the logs of all who are members before or after the change; where it becomes
// large, in those of all who were, up to the event that says so.
func (c *groupChange) tellings(ctx context.Context, after *domain.GroupState) ([]telling, error) {
	normal := c.normalEvents(after)
	var members []domain.UserNum
	var err error
	if normal > 0 {
		if members, err = c.readMembers(ctx); err != nil {
			return nil, err
		}
	}
	ids, nums := make([]domain.UserID, len(after.Users)), make([]domain.UserNum, len(after.Users))
	for i, u := range after.Users {
		ids[i], nums[i] = u.ID, u.Num
		if c.before.Users[i].Member == nil && u.Member != nil && after.Group.Type != domain.GroupLarge {
			members = append(members, u.Num)
		}
	}
	all := make([]telling, len(after.Events))
	for i, e := range after.Events {
		all[i] = telling{e, members, false}
		if i >= normal {
			all[i] = telling{e, concerned(e, ids, nums), true}
		}
	}
	return all, nil
}

// normalEvents is how many events of the change, which come first, are those of a
// normal group.
func (c *groupChange) normalEvents(after *domain.GroupState) int {
	switch {
	case c.before.Group.Type == domain.GroupLarge:
		return 0
	case after.Group.Type == domain.GroupLarge:
		isConversion := func(e domain.GroupEvent) bool { return e.Code == domain.EventGroupConverted }
		return slices.IndexFunc(after.Events, isConversion) + 1
	}
	return len(after.Events)
}

// readMembers reads who is a member before the change.
func (c *groupChange) readMembers(ctx context.Context) ([]domain.UserNum, error) {
	var members []domain.UserNum
	err := sqlx.SelectContext(ctx, c.tx, &members, `SELECT user_id FROM members WHERE app_id = ? AND conversation_id = ?`, c.app, c.conv.num)
	return members, err
}

// groupChange is one change of a group in its transaction.
type groupChange struct {
	tx     *sqlx.Tx
	app    domain.AppNum
	conv   *conversation
	store  *Store
	before groupState
}

type groupState domain.GroupState

// clone copies what a change may write to.
func (g groupState) clone() domain.GroupState {
	g.Users = slices.Clone(g.Users)
	for i := range g.Users {
		g.Users[i] = cloneGroupUser(g.Users[i])
	}
	g.Owner = cloneGroupUser(g.Owner)
	return domain.GroupState(g)
}

func cloneGroupUser(u domain.GroupUser) domain.GroupUser {
	if u.Member != nil {
		m := *u.Member
		u.Member = &m
	}
	if u.Request != nil {
		r := *u.Request
		u.Request = &r
	}
	return u
}

func (c *groupChange) read(ctx context.Context, by domain.UserNum, users []domain.UserID) error {
	query := `SELECT ` + c.store.dialect.groupColumns() + ` FROM chat_groups g WHERE g.app_id = ? AND g.id = ?`
	var err error
	if c.before.Group, err = scanGroup(c.tx.QueryRowxContext(ctx, query, by, c.app, c.conv.num)); err != nil {
		return err
	}
	owner := c.before.Group.Owner
	ids := users
	if owner != "" && !slices.Contains(users, owner) {
		ids = append(slices.Clone(users), owner)
	}
	nums, err := userNums(ctx, c.tx, c.app, ids, c.store.dialect.forUpdate)
	if err != nil {
		return err
	}
	all := make(map[domain.UserNum]*domain.GroupUser, len(ids))
	c.before.Users = make([]domain.GroupUser, len(users))
	for i, id := range users {
		c.before.Users[i] = domain.GroupUser{ID: id, Num: nums[id]}
		all[nums[id]] = &c.before.Users[i]
	}
	if owner != "" && !slices.Contains(users, owner) {
		c.before.Owner = domain.GroupUser{ID: owner, Num: nums[owner]}
		all[nums[owner]] = &c.before.Owner
	}
	delete(all, 0)
	return c.readUsers(ctx, all, by)
}

// readUsers reads memberships, requests and who has blocked by.
func (c *groupChange) readUsers(ctx context.Context, all map[domain.UserNum]*domain.GroupUser, by domain.UserNum) error {
	nums := make([]domain.UserNum, 0, len(all))
	for num := range all {
		nums = append(nums, num)
	}
	slices.Sort(nums)
	const members = `SELECT m.user_id, ` + memberColumns + ` FROM members m WHERE m.app_id = ? AND m.conversation_id = ? AND m.user_id IN`
	err := selectIn(ctx, c.tx, members, "", []any{c.app, c.conv.num}, nums, func(rows *sqlx.Rows) error {
		var num domain.UserNum
		m, err := scanMember(rows, &num)
		if err != nil {
			return err
		}
		m.User = all[num].ID
		all[num].Member = &m
		return nil
	})
	if err != nil {
		return err
	}
	const requests = `SELECT user_id, message, created_at FROM join_requests WHERE app_id = ? AND conversation_id = ? AND user_id IN`
	err = selectIn(ctx, c.tx, requests, "", []any{c.app, c.conv.num}, nums, func(rows *sqlx.Rows) error {
		var num domain.UserNum
		r := &domain.JoinRequest{}
		var created int64
		if err := rows.Scan(&num, &r.Message, &created); err != nil {
			return err
		}
		r.User, r.CreatedAt = all[num].ID, momentOf(created)
		all[num].Request = r
		return nil
	})
	if err != nil || by == 0 {
		return err
	}
	const blocks = `SELECT user_id FROM blocks WHERE app_id = ? AND blocked_id = ? AND user_id IN`
	return selectIn(ctx, c.tx, blocks, "", []any{c.app, by}, nums, func(rows *sqlx.Rows) error {
		var num domain.UserNum
		err := rows.Scan(&num)
		all[num].Blocks = err == nil
		return err
	})
}

// write stores what differs between before and after.
func (c *groupChange) write(ctx context.Context, after *domain.GroupState) error {
	was, is := append(slices.Clone(c.before.Users), c.before.Owner), append(slices.Clone(after.Users), after.Owner)
	var joined []domain.UserNum
	count := c.before.Group.MemberCount
	for i := range is {
		before, now := &was[i], &is[i]
		switch {
		case before.Member == nil && now.Member != nil:
			joined = append(joined, now.Num)
			count++
		case before.Member != nil && now.Member == nil:
			count--
			if err := c.remove(ctx, now.Num); err != nil {
				return err
			}
		case now.Member != nil:
			if err := c.writeMember(ctx, now.Num, before.Member, now.Member); err != nil {
				return err
			}
		}
		if err := c.writeRequest(ctx, now.Num, before.Request, now.Request); err != nil {
			return err
		}
	}
	after.Group.MemberCount = count
	if err := c.writeGroup(ctx, after); err != nil || len(joined) == 0 {
		return err
	}
	// All of one change join at one time, as plain members.
	at := is[slices.IndexFunc(is, func(u domain.GroupUser) bool { return u.Num == joined[0] })].Member.JoinedAt
	events, err := eventsUpTo(ctx, c.tx, c.app, c.conv.num, c.conv.lastSeq)
	if err != nil {
		return err
	}
	return insertMembers(ctx, c.tx, c.app, c.conv.num, after.Group.Type, joined, 0, c.conv.joinedSeq(after.Group.Type, len(after.Events)), c.conv.lastSeq-events, at)
}

// joinedSeq is what a membership that begins by a change with so many events begins
// behind: in a large group behind the events, which its own log tells; in a normal one
// before them.
func (c *conversation) joinedSeq(t domain.GroupType, events int) int64 {
	if t == domain.GroupLarge {
		return c.lastSeq + int64(events)
	}
	return c.lastSeq
}

// remove ends a membership, and tells so in the user's list of conversations.
func (c *groupChange) remove(ctx context.Context, user domain.UserNum) error {
	for _, statement := range []string{`DELETE FROM members`, `DELETE FROM sent_counts`} {
		if err := c.exec(ctx, statement, user); err != nil {
			return err
		}
	}
	return c.store.putStates(ctx, c.tx, c.app, stateOf{user, c.conv.num, noState})
}

// exec runs a statement about one user in the group.
func (c *groupChange) exec(ctx context.Context, statement string, user domain.UserNum, args ...any) error {
	_, err := c.tx.ExecContext(ctx, statement+` WHERE app_id = ? AND conversation_id = ? AND user_id = ?`, append(args, c.app, c.conv.num, user)...)
	return err
}

func (c *groupChange) writeGroup(ctx context.Context, after *domain.GroupState) error {
	was, g := &c.before.Group, &after.Group
	if was.Type != g.Type {
		largeSince := c.conv.lastSeq + int64(c.normalEvents(after))
		if _, err := c.tx.ExecContext(ctx, `UPDATE chat_groups SET type = ?, large_since = ? WHERE app_id = ? AND id = ?`,
			string(g.Type), largeSince, c.app, c.conv.num); err != nil {
			return err
		}
		if _, err := c.tx.ExecContext(ctx, `UPDATE members SET kind = ? WHERE app_id = ? AND conversation_id = ?`, kindOf(g.Type), c.app, c.conv.num); err != nil {
			return err
		}
	}
	if g.Name == was.Name && g.Introduction == was.Introduction && g.AvatarURL == was.AvatarURL && bytes.Equal(g.Extra, was.Extra) &&
		g.Settings == was.Settings && g.MemberCount == was.MemberCount && g.DismissedAt.Equal(was.DismissedAt) && g.UpdatedAt.Equal(was.UpdatedAt) {
		return nil
	}
	dismissed := int64(0)
	if !g.DismissedAt.IsZero() {
		dismissed = g.DismissedAt.UnixMilli()
	}
	_, err := c.tx.ExecContext(ctx, `UPDATE chat_groups SET name = ?, introduction = ?, avatar_url = ?, extra = ?, join_policy = ?, invite_by = ?,
		mute_all = ?, mention_all_by = ?, history = ?, live_audience = ?, member_count = ?, dismissed_at = ?, updated_at = ? WHERE app_id = ? AND id = ?`,
		g.Name, g.Introduction, g.AvatarURL, []byte(g.Extra), string(g.Settings.Join), string(g.Settings.InviteBy),
		g.Settings.MuteAll, string(g.Settings.MentionAllBy), string(g.Settings.History), g.Settings.LiveAudience, g.MemberCount, dismissed, g.UpdatedAt.UnixMilli(), c.app, c.conv.num)
	return err
}

func (c *groupChange) writeMember(ctx context.Context, user domain.UserNum, was, is *domain.Member) error {
	if was.Role != is.Role || was.Label != is.Label || !bytes.Equal(was.Extra, is.Extra) {
		if err := c.exec(ctx, `UPDATE members SET role = ?, label = ?, extra = ?`, user, string(is.Role), is.Label, []byte(is.Extra)); err != nil {
			return err
		}
	}
	if was.MutedUntil.Equal(is.MutedUntil) {
		return nil
	}
	_, err := c.tx.ExecContext(ctx, `INSERT INTO mutes (app_id, conversation_id, user_id, muted_until) VALUES (?, ?, ?, ?)`+
		c.store.dialect.upsert([]string{"app_id", "conversation_id", "user_id"}, []string{"muted_until"}), c.app, c.conv.num, user, is.MutedUntil.UnixMilli())
	return err
}

func (c *groupChange) writeRequest(ctx context.Context, user domain.UserNum, was, is *domain.JoinRequest) error {
	switch {
	case is == nil && was != nil:
		return c.exec(ctx, `DELETE FROM join_requests`, user)
	case is == nil, was != nil && *was == *is:
		return nil
	}
	_, err := c.tx.ExecContext(ctx, `INSERT INTO join_requests (app_id, conversation_id, user_id, message, created_at) VALUES (?, ?, ?, ?, ?)`+
		c.store.dialect.upsert([]string{"app_id", "conversation_id", "user_id"}, []string{"message"}), c.app, c.conv.num, user, is.Message, is.CreatedAt.UnixMilli())
	return err
}
