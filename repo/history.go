package repo

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// History implements [domain.LogStore].
func (s *Store) History(ctx context.Context, app domain.AppNum, viewer domain.UserRef, target domain.Target, r domain.HistoryRange) (domain.HistoryPage, error) {
	conv, from, head, err := s.visible(ctx, app, viewer, target)
	if err != nil || conv == 0 {
		return domain.HistoryPage{}, err
	}
	low, high, order := from, int64(math.MaxInt64), "DESC"
	switch {
	case r.After != nil:
		low, order = max(from, *r.After), "ASC"
	case r.Before != nil:
		high = *r.Before
	}
	const query = `SELECT ` + messageColumns + ` FROM messages m
		WHERE m.app_id = ? AND m.conversation_id = ? AND m.seq > ? AND m.seq < ? ORDER BY m.seq `
	page := domain.HistoryPage{Head: head}
	page.Messages, page.HasMore, err = s.readMessages(ctx, app, viewer.Num, r.Limit, query+order+` LIMIT ?`, app, conv, low, high, r.Limit+1)
	if err != nil {
		return domain.HistoryPage{}, s.readError("read history", err)
	}
	if order == "DESC" {
		slices.Reverse(page.Messages)
	}
	return page, nil
}

// readMessages runs a query for messageColumns and returns up to limit messages, cut
// at MaxPageBytes of content but never empty when there is one, and whether the query
// has more. Reactions are as reader has them.
func (s *Store) readMessages(ctx context.Context, app domain.AppNum, reader domain.UserNum, limit int, query string, args ...any) (messages []*domain.Message, hasMore bool, err error) {
	bytes := 0
	err = each(ctx, s.read, func(rows *sqlx.Rows) error {
		m := &domain.Message{}
		if _, err := scanMessage(rows, m); err != nil {
			return err
		}
		bytes += len(m.Content)
		if len(messages) == limit || (bytes > domain.MaxPageBytes && len(messages) > 0) {
			hasMore = true
			return errPageFull
		}
		messages = append(messages, m)
		return nil
	}, query, args...)
	if err == nil || errors.Is(err, errPageFull) {
		err = s.readReactions(ctx, s.read, app, reader, messages...)
	}
	return messages, hasMore, err
}

// visible resolves the conversation that viewer names target, the number behind which
// viewer may read it, and that of its last message; conversation 0 has no messages yet.
func (s *Store) visible(ctx context.Context, app domain.AppNum, viewer domain.UserRef, target domain.Target) (conv domain.ConversationNum, from, head int64, err error) {
	if target.Group != "" {
		l, err := s.groupLogByID(ctx, app, viewer.Num, target.Group)
		if err != nil || viewer.Num == 0 {
			return l.num, 0, l.head, err
		}
		conv, head = l.num, l.head
		if from, err = l.memberFrom(); err != nil {
			return 0, 0, 0, err
		}
	} else if conv, head, err = conversationOf(ctx, s.read, app, viewer.Num, target); err != nil {
		return 0, 0, 0, s.readError("find conversation", err)
	} else if conv == 0 || viewer.Num == 0 {
		return conv, 0, head, nil
	}
	state, err := readState(ctx, s.read, app, viewer.Num, conv)
	if err != nil {
		return 0, 0, 0, s.readError("find conversation", err)
	}
	return conv, max(from, state.cleared), head, nil
}

// conversationOf is the conversation that a user, or the business for user 0, names
// target, and the number of its last message; 0 for one without messages.
// ErrUserNotFound, ErrGroupNotFound.
func conversationOf(ctx context.Context, q sqlx.QueryerContext, app domain.AppNum, user domain.UserNum, target domain.Target) (conv domain.ConversationNum, head int64, err error) {
	var key string
	switch {
	case target.Group != "":
		key = groupKey(target.Group)
	case target.User == "":
		key = businessKey(user)
	default:
		nums, err := userNums(ctx, q, app, []domain.UserID{target.User}, "")
		if err != nil {
			return 0, 0, err
		}
		other := nums[target.User]
		if other == 0 {
			return 0, 0, domain.ErrUserNotFound
		}
		if key = singleKey(user, other); user == 0 {
			key = businessKey(other)
		}
	}
	const query = `SELECT id, last_seq FROM conversations WHERE app_id = ? AND conv_key = ?`
	err = q.QueryRowxContext(ctx, query, app, []byte(key)).Scan(&conv, &head)
	switch {
	case !errors.Is(err, sql.ErrNoRows):
		return conv, head, err
	case target.Group != "":
		return 0, 0, domain.ErrGroupNotFound
	}
	return 0, 0, nil
}
