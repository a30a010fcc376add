package repo

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

var _ domain.LogStore = (*Store)(nil)

// messageColumns are what scanMessage reads, and envelopeColumns the same without
// content and mentions.
const (
	messageColumns  = messageHead + `m.content, m.mentions, ` + messageTail
	envelopeColumns = messageHead + `'', '', ` + messageTail

	messageHead = `m.conversation_id, m.seq, m.sender_type, m.sender, m.sender_id, m.sender_device, m.to_group, m.to_id, m.type, `
	messageTail = `m.client_msg_id, m.sent_at, m.status, m.edited_at, m.reactions, m.reply_to, m.forwarded`
)

// ReadLog implements [domain.LogStore]. The head is read first and bounds what
// is read after it: entries up to a committed head are all there, so the two
// statements see one state. An entry that was put off when the
// head was read is waited for, which ErrUnavailable ends.
func (s *Store) ReadLog(ctx context.Context, app domain.AppNum, user domain.UserNum, after int64, limit int) (domain.LogPage, error) {
	head, err := s.logHead(ctx, app, user)
	page := domain.LogPage{LogHead: head}
	if err != nil {
		return page, err
	}
	after = max(after, page.First-1)
	if after >= page.Head {
		return page, nil
	}
	if err := s.appends.fanouts.wait(ctx, logKey{app, user}); err != nil {
		return page, err
	}
	entries := `SELECT l.seq, ` + messageColumns + ` FROM user_log l
		` + s.dialect.then("messages m") + ` ON m.app_id = l.app_id AND m.conversation_id = l.conversation_id AND m.seq = l.conversation_seq
		WHERE l.app_id = ? AND l.user_id = ? AND l.seq > ? AND l.seq <= ? ORDER BY l.seq LIMIT ?`
	bytes := 0
	err = each(ctx, s.read, func(rows *sqlx.Rows) error {
		e := domain.Entry{Message: &domain.Message{}}
		sender, err := scanMessage(rows, e.Message, &e.Seq)
		if err != nil {
			return err
		}
		if bytes += len(e.Message.Content); bytes > domain.MaxPageBytes && len(page.Entries) > 0 {
			return errPageFull
		}
		e.IsSender = sender == user
		page.Entries = append(page.Entries, e)
		return nil
	}, entries, app, user, after, page.Head, limit)
	if err != nil && !errors.Is(err, errPageFull) {
		return page, s.readError("read log", err)
	}
	page.HasMore = len(page.Entries) > 0 && page.Entries[len(page.Entries)-1].Seq < page.Head
	messages := make([]*domain.Message, len(page.Entries))
	for i, e := range page.Entries {
		messages[i] = e.Message
	}
	if err := s.readReactions(ctx, s.read, app, user, messages...); err != nil {
		return page, s.readError("read reactions", err)
	}
	return page, nil
}

func (s *Store) logHead(ctx context.Context, app domain.AppNum, user domain.UserNum) (h domain.LogHead, err error) {
	const query = `SELECT first_seq, head_seq, epoch FROM user_heads WHERE app_id = ? AND user_id = ?`
	err = s.read.QueryRowxContext(ctx, query, app, user).Scan(&h.First, &h.Head, &h.Epoch)
	if errors.Is(err, sql.ErrNoRows) {
		return h, domain.ErrUserNotFound
	} else if err != nil {
		return h, s.readError("read log head", err)
	}
	return h, nil
}

// errPageFull ends the reading of a page at its limit of bytes.
var errPageFull = errors.New("page is full")

// readError says what a failed read was doing, or that the database is away.
func (s *Store) readError(doing string, err error) error {
	if s.dialect.isUnavailable(err) || s.dialect.isConflict(err) {
		return fmt.Errorf("%s: %w", doing, domain.ErrUnavailable)
	}
	return domain.Trace(fmt.Errorf("%s: %w", doing, err))
}

// scanMessage reads messageColumns, and before them whatever first points at,
// and returns the sender's number. Of reactions it tells how many there are; what they
// are, readReactions reads.
func scanMessage(rows *sqlx.Rows, m *domain.Message, first ...any) (domain.UserNum, error) {
	var (
		sender              domain.UserNum
		senderType, toGroup int
		status, reactions   int
		sentAt, editedAt    int64
		to                  string
		content, mentions   []byte
	)
	err := rows.Scan(append(first, &m.Conversation, &m.ConversationSeq, &senderType, &sender, &m.Sender.User, &m.Sender.Device, &toGroup, &to,
		&m.Type, &content, &mentions, &m.ClientMsgID, &sentAt, &status, &editedAt, &reactions, &m.ReplyTo, &m.Forwarded)...)
	if err != nil {
		return 0, err
	}
	m.Sender.Type, m.Status = senderTypes.value(senderType), statuses.value(status)
	m.Content = content
	m.SentAt, m.EditedAt = time.UnixMilli(sentAt).UTC(), momentOf(editedAt)
	m.ID = domain.NewMessageID(m.SentAt, m.Conversation, m.ConversationSeq)
	if reactions > 0 {
		m.Reactions = make([]domain.Reaction, 0, reactions)
	}
	if toGroup == 1 {
		m.To.Group = domain.GroupID(to)
	} else {
		m.To.User = domain.UserID(to)
	}
	if len(mentions) > 0 {
		if err := json.Unmarshal(mentions, &m.Mentions); err != nil {
			return 0, fmt.Errorf("decode mentions: %w", err)
		}
	}
	return sender, nil
}

// Heads implements [domain.LogStore].
func (s *Store) Heads(ctx context.Context, app domain.AppNum, users []domain.UserNum) (map[domain.UserNum]int64, error) {
	heads := make(map[domain.UserNum]int64, len(users))
	const query = `SELECT user_id, head_seq FROM user_heads WHERE app_id = ? AND user_id IN`
	err := selectIn(ctx, s.read, query, "", []any{app}, users, func(rows *sqlx.Rows) error {
		var user domain.UserNum
		var head int64
		if err := rows.Scan(&user, &head); err != nil {
			return err
		}
		heads[user] = head
		return nil
	})
	if err != nil {
		return nil, s.readError("read log heads", err)
	}
	return heads, nil
}
