package repo

import (
	"context"
	"database/sql"
	"errors"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// Receivers implements [domain.MessageStore].
func (s *Store) Receivers(ctx context.Context, out domain.Outgoing) (domain.Receivers, error) {
	it := &item{out: &out}
	ids := make([]domain.UserID, 0, 2)
	for _, id := range []domain.UserID{out.Message.Sender.User, out.Message.To.User} {
		if id != "" {
			ids = append(ids, id)
		}
	}
	users, err := userNums(ctx, s.read, out.App, ids, "")
	if err != nil {
		return domain.Receivers{}, s.readError("find recipients", err)
	}
	if it.resolve(users); it.err != nil {
		return domain.Receivers{}, it.err
	}
	if it.toUser == 0 {
		return s.groupReceivers(ctx, &out)
	}
	if p, ok := it.pair(); ok {
		b, err := s.readBarriers(ctx, s.read, out.App, []sendTo{p})
		if err == nil {
			err = s.readContacts(ctx, s.read, out.App, b)
		}
		if err != nil {
			return domain.Receivers{}, s.readError("find recipients", err)
		}
		if err := b.refusal(p); err != nil {
			return domain.Receivers{}, err
		}
	}
	return receiversOf(&out, it.members()), nil
}

func receiversOf(out *domain.Outgoing, users []domain.UserNum) domain.Receivers {
	to := make([]domain.Recipient, len(users))
	for i, user := range users {
		to[i] = domain.Recipient{User: user, IsSender: user == out.User}
	}
	return domain.Receivers{Each: to}
}

// groupReceivers are those of a group as it is now, if out may be sent to it.
func (s *Store) groupReceivers(ctx context.Context, out *domain.Outgoing) (domain.Receivers, error) {
	app := out.App
	var conv domain.ConversationNum
	err := s.read.GetContext(ctx, &conv, `SELECT id FROM conversations WHERE app_id = ? AND conv_key = ?`, app, []byte(groupKey(out.Message.To.Group)))
	if errors.Is(err, sql.ErrNoRows) {
		return domain.Receivers{}, domain.ErrGroupNotFound
	} else if err != nil {
		return domain.Receivers{}, s.readError("find group", err)
	}
	rules, err := readRules(ctx, s.read, app, []domain.ConversationNum{conv})
	if err != nil {
		return domain.Receivers{}, s.readError("find recipients", err)
	}
	sender := speaker{conv, out.User}
	voices, err := s.readVoices(ctx, s.read, app, []speaker{sender})
	if err != nil {
		return domain.Receivers{}, s.readError("find recipients", err)
	}
	if err := rules[conv].allow(out, voices[sender]); err != nil {
		return domain.Receivers{}, err
	}
	if rules[conv].large {
		return domain.Receivers{Group: conv}, nil
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
		return domain.Receivers{}, s.readError("read members", err)
	}
	return receiversOf(out, members), nil
}
