package repo

import (
	"context"
	"database/sql"
	"errors"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// Recipients implements [domain.MessageStore].
func (s *Store) Recipients(ctx context.Context, out domain.Outgoing) ([]domain.Recipient, error) {
	it := &item{out: &out}
	ids := make([]domain.UserID, 0, 2)
	for _, id := range []domain.UserID{out.Message.Sender.User, out.Message.To.User} {
		if id != "" {
			ids = append(ids, id)
		}
	}
	users, err := userNums(ctx, s.read, out.App, ids, "")
	if err != nil {
		return nil, s.readError("find recipients", err)
	}
	if it.resolve(users); it.err != nil {
		return nil, it.err
	}
	if p, ok := it.pair(); ok {
		blocked, err := s.blockedAmong(ctx, s.read, out.App, []sendTo{p})
		if err != nil {
			return nil, s.readError("find recipients", err)
		}
		if blocked[p] {
			return nil, domain.ErrBlocked
		}
	}
	members := membersOf(out.User, it.toUser)
	if it.toUser == 0 {
		if members, err = s.groupMembers(ctx, out.App, out.Message.To.Group); err != nil {
			return nil, err
		}
	}
	isMember := out.User == 0 || it.toUser != 0
	to := make([]domain.Recipient, len(members))
	for i, user := range members {
		to[i] = domain.Recipient{User: user, IsSender: user == out.User}
		isMember = isMember || to[i].IsSender
	}
	if !isMember {
		return nil, domain.ErrNotInGroup
	}
	return to, nil
}

// groupMembers reads the members of a group as they are now, or ErrGroupNotFound.
func (s *Store) groupMembers(ctx context.Context, app domain.AppNum, group domain.GroupID) ([]domain.UserNum, error) {
	var conv domain.ConversationNum
	err := s.read.GetContext(ctx, &conv, `SELECT id FROM conversations WHERE app_id = ? AND conv_key = ?`, app, []byte(groupKey(group)))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, domain.ErrGroupNotFound
	} else if err != nil {
		return nil, s.readError("find group", err)
	}
	var members []domain.UserNum
	err = each(ctx, s.read, func(rows *sqlx.Rows) error {
		var user domain.UserNum
		if err := rows.Scan(&user); err != nil {
			return err
		}
		members = append(members, user)
		return nil
	}, `SELECT user_id FROM members WHERE app_id = ? AND conversation_id = ? ORDER BY user_id`, app, conv)
	if err != nil {
		return nil, s.readError("read members", err)
	}
	return members, nil
}
