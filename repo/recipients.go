package repo

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// Receivers implements [domain.MessageStore].
func (s *Store) Receivers(ctx context.Context, out domain.Outgoing) (domain.Receivers, error) {
	to, err := s.receivers(ctx, out)
	return domain.Receivers{Each: to}, err
}

func (s *Store) receivers(ctx context.Context, out domain.Outgoing) ([]domain.Recipient, error) {
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
		if members, err = s.groupReceivers(ctx, &out); err != nil {
			return nil, err
		}
	}
	to := make([]domain.Recipient, len(members))
	for i, user := range members {
		to[i] = domain.Recipient{User: user, IsSender: user == out.User}
	}
	return to, nil
}

// groupReceivers reads the members of a group as they are now, if out may be sent
// to it.
func (s *Store) groupReceivers(ctx context.Context, out *domain.Outgoing) ([]domain.UserNum, error) {
	app := out.App
	var conv domain.ConversationNum
	err := s.read.GetContext(ctx, &conv, `SELECT id FROM conversations WHERE app_id = ? AND conv_key = ?`, app, []byte(groupKey(out.Message.To.Group)))
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
	var v voice
	if err := readVoices(ctx, s.read, app, map[domain.ConversationNum]*voice{conv: &v}); err != nil {
		return nil, s.readError("read who may speak", err)
	}
	_, member := slices.BinarySearch(members, out.User)
	return members, v.allow(out, member)
}
