package repo

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// maxFiltered is how many messages one request looks at that leaves out some: no index
// leads to those of a type or a sender, and however few there are, the work is bounded.
const maxFiltered = 10_000

// History implements [domain.LogStore].
func (s *Store) History(ctx context.Context, app domain.AppNum, viewer domain.UserRef, target domain.Target, r domain.HistoryRange) (domain.HistoryPage, error) {
	conv, from, head, err := s.visible(ctx, app, viewer, target)
	if err != nil || conv == 0 {
		return domain.HistoryPage{}, err
	}
	h := &historyRead{store: s, app: app, viewer: viewer.Num, conv: conv, from: from, head: math.MaxInt64 - 1, bytes: domain.MaxPageBytes}
	h.page.Head = head
	if err = h.read(ctx, r); err != nil {
		return domain.HistoryPage{}, s.readError("read history", err)
	}
	return h.page, nil
}

// historyRead is the reading of a page of a conversation, from which behind from is
// visible.
type historyRead struct {
	store  *Store
	app    domain.AppNum
	viewer domain.UserNum
	conv   domain.ConversationNum
	from   int64
	head   int64 // the last message, or a number beyond it
	bytes  int   // of content that a part of the page may have

	filter string // a condition on messages m
	args   []any
	page   domain.HistoryPage
}

func (h *historyRead) read(ctx context.Context, r domain.HistoryRange) error {
	if r.IsFiltered() || !r.From.IsZero() {
		if err := sqlx.GetContext(ctx, h.store.read, &h.head, `SELECT last_seq FROM conversations WHERE app_id = ? AND id = ?`, h.app, h.conv); err != nil {
			return err
		}
	}
	h.leaveOut(r)
	switch {
	case r.After != nil:
		return h.after(ctx, *r.After, r.Limit)
	case r.Before != nil:
		return h.before(ctx, *r.Before, r.Limit)
	case !r.From.IsZero():
		first, err := h.since(ctx, r.From)
		if err != nil {
			return err
		}
		return h.after(ctx, first-1, r.Limit)
	case r.Around != nil:
		h.bytes /= 2
		if err := h.before(ctx, *r.Around, r.Limit/2); err != nil {
			return err
		}
		return h.after(ctx, *r.Around-1, r.Limit-r.Limit/2)
	}
	return h.before(ctx, math.MaxInt64, r.Limit)
}

// leaveOut makes the filter of a range.
func (h *historyRead) leaveOut(r domain.HistoryRange) {
	if len(r.Types) > 0 {
		h.filter += ` AND m.type IN ` + in(len(r.Types))
		for _, t := range r.Types {
			h.args = append(h.args, string(t))
		}
	}
	if r.Sender != "" {
		h.filter += ` AND m.sender_type = ? AND m.sender_id = ?`
		h.args = append(h.args, senderTypes.number(domain.SenderUser), string(r.Sender))
	}
}

// before adds up to limit messages before a number to the page, the last ones.
func (h *historyRead) before(ctx context.Context, seq int64, limit int) error {
	high := min(seq, h.head+1)
	low := h.from
	if h.filter != "" {
		low = max(low, high-1-maxFiltered)
	}
	messages, hasMore, err := h.messages(ctx, low, high, limit, ` ORDER BY m.seq DESC`)
	switch {
	case hasMore && limit == 0:
		h.page.NextBefore = &high
	case hasMore:
		h.page.NextBefore = &messages[len(messages)-1].ConversationSeq
	case low > h.from:
		h.page.NextBefore = new(low + 1)
	}
	slices.Reverse(messages)
	h.page.Messages = messages
	return err
}

// after adds up to limit messages after a number to the page, the first ones.
func (h *historyRead) after(ctx context.Context, seq int64, limit int) error {
	low := max(h.from, seq)
	high := h.head + 1
	if h.filter != "" && low < h.head {
		high = min(high, low+maxFiltered+1)
	}
	messages, hasMore, err := h.messages(ctx, low, high, limit, ` ORDER BY m.seq`)
	switch {
	case hasMore:
		h.page.NextAfter = &messages[len(messages)-1].ConversationSeq
	case high <= h.head:
		h.page.NextAfter = new(high - 1)
	}
	h.page.Messages = append(h.page.Messages, messages...)
	return err
}

// messages reads those between two numbers that are neither deleted nor left out.
func (h *historyRead) messages(ctx context.Context, low, high int64, limit int, order string) ([]*domain.Message, bool, error) {
	const query = `SELECT ` + messageColumns + ` FROM messages m WHERE m.app_id = ? AND m.conversation_id = ? AND m.seq > ? AND m.seq < ? AND ` + undeleted
	args := append([]any{h.app, h.conv, low, high, h.viewer}, h.args...)
	return h.store.readMessages(ctx, h.app, h.viewer, limit, h.bytes, query+h.filter+order+` LIMIT ?`, append(args, limit+1)...)
}

// since is the number of the first message that was sent at a time or later, or one
// beyond the last. Messages are numbered when they are committed and have their time
// from before, by the clocks of several nodes: the search is for what is too old by as
// much as that may differ, and what comes behind it is looked at one by one.
func (h *historyRead) since(ctx context.Context, at time.Time) (int64, error) {
	ms := at.Add(time.Millisecond - 1).UnixMilli()
	low, high := h.from, h.head+1 // low is too old, high is not
	for high-low > 1 {
		middle := low + (high-low)/2
		var seq, sent int64
		const query = `SELECT seq, sent_at FROM messages WHERE app_id = ? AND conversation_id = ? AND seq >= ? AND seq < ? ORDER BY seq LIMIT 1`
		err := h.store.read.QueryRowxContext(ctx, query, h.app, h.conv, middle, high).Scan(&seq, &sent)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			high = middle
		case err != nil:
			return 0, err
		case sent < ms-disorder.Milliseconds():
			low = seq
		default:
			high = middle
		}
	}
	const query = `SELECT seq FROM messages WHERE app_id = ? AND conversation_id = ? AND seq > ? AND sent_at >= ? ORDER BY seq LIMIT 1`
	var seq int64
	err := sqlx.GetContext(ctx, h.store.read, &seq, query, h.app, h.conv, low, ms)
	if errors.Is(err, sql.ErrNoRows) {
		return h.head + 1, nil
	}
	return seq, err
}

// readMessages runs a query for messageColumns and returns up to limit messages, cut
// at maxBytes of content but never empty when there is one, and whether the query
// has more. Reactions are as reader has them.
func (s *Store) readMessages(ctx context.Context, app domain.AppNum, reader domain.UserNum, limit, maxBytes int, query string, args ...any) (messages []*domain.Message, hasMore bool, err error) {
	bytes := 0
	err = each(ctx, s.read, func(rows *sqlx.Rows) error {
		m := &domain.Message{}
		if _, err := scanMessage(rows, m); err != nil {
			return err
		}
		bytes += len(m.Content)
		if len(messages) == limit || (bytes > maxBytes && len(messages) > 0) {
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
