package repo

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

var _ domain.StoredMessages = (*Store)(nil)

// Message implements [domain.StoredMessages].
func (s *Store) Message(ctx context.Context, app domain.AppNum, reader domain.UserRef, id domain.MessageID) (*domain.Message, error) {
	c := &messageChange{store: s, q: s.read, app: app, by: reader, id: id}
	if err := c.read(ctx); errors.Is(err, domain.ErrMessageNotFound) {
		return nil, err
	} else if err != nil {
		return nil, s.readError("read message", err)
	}
	return &c.message, nil
}

// ChangeMessage implements [domain.StoredMessages]. The conversation is locked as by a
// send to it, so that nothing else is numbered, joins or leaves meanwhile.
func (s *Store) ChangeMessage(ctx context.Context, app domain.AppNum, by domain.UserRef, id domain.MessageID, change func(*domain.MessageState) error) (*domain.Message, error) {
	var changed domain.Message
	var told []domain.Delivery
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		told = nil
		c := &messageChange{store: s, q: tx, app: app, by: by, id: id}
		conv, err := s.lockConversation(ctx, tx, app, id)
		if err != nil {
			return err
		}
		if err := c.read(ctx); err != nil {
			return err
		}
		state, err := c.state(ctx)
		if err != nil {
			return err
		}
		if err := change(state); err != nil {
			return err
		}
		if changed = state.Message; state.Event == nil {
			return nil
		}
		told, err = c.write(ctx, tx, conv, state)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.publish(ctx, told)
	return &changed, nil
}

// MessageEdits implements [domain.StoredMessages].
func (s *Store) MessageEdits(ctx context.Context, app domain.AppNum, id domain.MessageID, p domain.Page) (domain.List[domain.MessageEdit], error) {
	var after int64
	if p.Cursor != "" {
		var err error
		if after, err = strconv.ParseInt(p.Cursor, 10, 64); err != nil {
			return domain.List[domain.MessageEdit]{}, domain.Invalid("cursor", "is not a cursor that this list answered with")
		}
	}
	conv, seq := id.Place()
	const query = `SELECT edit_seq, content, replaced_at FROM message_edits
		WHERE app_id = ? AND conversation_id = ? AND seq = ? AND edit_seq > ? ORDER BY edit_seq LIMIT ?`
	return list(ctx, s, p, func(e domain.MessageEdit) string { return strconv.FormatInt(e.Seq, 10) }, func(rows *sqlx.Rows) (e domain.MessageEdit, err error) {
		var at int64
		var content []byte
		err = rows.Scan(&e.Seq, &content, &at)
		e.Content, e.ReplacedAt = content, momentOf(at)
		return e, err
	}, query, app, conv, seq, after, p.Limit+1)
}

// lockConversation locks the conversation of a message, or fails with
// ErrMessageNotFound.
func (s *Store) lockConversation(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, id domain.MessageID) (*conversation, error) {
	num, _ := id.Place()
	c := &conversation{num: num}
	query := `SELECT conv_key, last_seq FROM conversations WHERE app_id = ? AND id = ?` + s.dialect.forUpdate
	err := tx.QueryRowxContext(ctx, query, app, num).Scan(&c.key, &c.lastSeq)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, domain.ErrMessageNotFound
	}
	return c, err
}

// messageChange is a message and how a user stands to it, 0 being the business.
type messageChange struct {
	store *Store
	q     sqlx.QueryerContext
	app   domain.AppNum
	by    domain.UserRef
	id    domain.MessageID

	message domain.Message
	sender  domain.UserNum
	members []domain.UserNum // of a single chat
	isLarge bool             // of a group
}

// read reads the message, if by may read it.
func (c *messageChange) read(ctx context.Context) error {
	conv, seq := c.id.Place()
	found := false
	err := each(ctx, c.q, func(rows *sqlx.Rows) (err error) {
		c.sender, err = scanMessage(rows, &c.message)
		found = c.message.ID == c.id // with another time of sending it is another message's
		return err
	}, `SELECT `+messageColumns+` FROM messages m WHERE m.app_id = ? AND m.conversation_id = ? AND m.seq = ? AND `+kept, c.app, conv, seq, c.by.Num, c.by.Num)
	switch {
	case err != nil:
		return err
	case !found:
		return domain.ErrMessageNotFound
	case c.message.To.Group != "":
		err = c.readGroup(ctx)
	default:
		c.members, err = c.readMembers(ctx)
		if err == nil && c.by.Num != 0 && !slices.Contains(c.members, c.by.Num) {
			err = domain.ErrMessageNotFound
		}
	}
	if err != nil {
		return err
	}
	return c.store.readReactions(ctx, c.q, c.app, c.by.Num, &c.message)
}

func (c *messageChange) readGroup(ctx context.Context) error {
	l, err := readGroupLog(ctx, c.q, groupLogColumns+`g.id = ?`, c.by.Num, c.app, c.message.Conversation)
	c.isLarge = l.isLarge
	if err != nil || c.by.Num == 0 {
		return err
	}
	if from, err := l.memberFrom(); err != nil || c.message.ConversationSeq <= from {
		return domain.ErrMessageNotFound
	}
	return nil
}

func (c *messageChange) readMembers(ctx context.Context) ([]domain.UserNum, error) {
	var members []domain.UserNum
	const query = `SELECT user_id FROM members WHERE app_id = ? AND conversation_id = ? ORDER BY user_id`
	err := sqlx.SelectContext(ctx, c.q, &members, query, c.app, c.message.Conversation)
	return members, err
}

// state is what a change begins with.
func (c *messageChange) state(ctx context.Context) (*domain.MessageState, error) {
	state := &domain.MessageState{Message: c.message, Sender: c.sender}
	var err error
	if c.message.To.Group != "" {
		state.Role, state.Refusal, err = c.standing(ctx)
		return state, err
	}
	var pairs []sendTo
	for _, user := range c.members {
		if c.by.Num != 0 && user != c.by.Num {
			pairs = append(pairs, sendTo{c.by.Num, user})
		}
	}
	b, err := c.store.readBarriers(ctx, c.q, c.app, pairs)
	if err == nil {
		err = c.store.readContacts(ctx, c.q, c.app, b)
	}
	if err != nil {
		return nil, err
	}
	for _, p := range pairs {
		state.Refusal = b.refusal(p)
	}
	return state, nil
}

// standing is by's role in the group of the message, and why it may not send to it.
func (c *messageChange) standing(ctx context.Context) (role domain.Role, refusal, err error) {
	group := c.message.Conversation
	rules, err := readRules(ctx, c.q, c.app, []domain.ConversationNum{group})
	if err != nil {
		return "", nil, err
	}
	who := speaker{group, c.by.Num}
	voices, err := c.store.readVoices(ctx, c.q, c.app, []speaker{who})
	if err != nil {
		return "", nil, err
	}
	if v := voices[who]; v != nil {
		role = v.role
	}
	now := domain.Message{SentAt: c.store.clock.Now()}
	return role, rules[group].allow(&domain.Outgoing{User: c.by.Num, Message: now}, voices[who]), nil
}

// write stores the change and tells of it.
func (c *messageChange) write(ctx context.Context, tx *sqlx.Tx, conv *conversation, state *domain.MessageState) ([]domain.Delivery, error) {
	at := domain.Millis(c.store.clock.Now())
	entry, err := state.Event.Entry(&c.message, at)
	if err != nil {
		return nil, err
	}
	receivers := c.members
	if c.message.To.Group != "" && !c.isLarge {
		if receivers, err = c.readMembers(ctx); err != nil {
			return nil, err
		}
	}
	out := &domain.Outgoing{App: c.app, User: c.sender, Message: entry, Request: domain.RequestOf(ctx)}
	it := &item{out: out, message: entry, conv: conv, receivers: receivers, isLarge: c.isLarge}
	told, err := c.store.tell(ctx, tx, c.app, conv, []*item{it})
	if err != nil {
		return nil, err
	}
	write := c.writeMessage
	if state.Event.Data.Reaction != "" {
		write = c.writeReaction
	}
	return told, write(ctx, tx, state, it.message.ConversationSeq, at.UnixMilli())
}

// writeMessage changes the row of the message, and what else holds contents that it
// has no more; entry is the number of what tells of the change.
func (c *messageChange) writeMessage(ctx context.Context, tx *sqlx.Tx, state *domain.MessageState, entry, at int64) error {
	if err := c.stripEntry(ctx, tx); err != nil {
		return err
	}
	m := &state.Message
	if err := c.store.reindex(ctx, tx, c.app, &c.message, m); err != nil {
		return err
	}
	const where = ` WHERE app_id = ? AND conversation_id = ? AND seq = ?`
	if m.Status == domain.StatusRecalled {
		if err := c.forgetMentions(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM message_edits`+where, c.place()...); err != nil {
			return err
		}
		if err := c.deleteReactions(ctx, tx); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE messages SET content = ?, mentions = ?, status = ?, edit_seq = 0, reactions = 0, reply_to = '', forwarded = 0`+where,
			append([]any{[]byte(m.Content), []byte{}, statuses.number(m.Status)}, c.place()...)...)
		return err
	}
	if state.KeepEdit {
		if _, err := tx.ExecContext(ctx, `INSERT INTO message_edits (app_id, conversation_id, seq, edit_seq, content, replaced_at) VALUES (?, ?, ?, ?, ?, ?)`,
			c.place(entry, []byte(c.message.Content), at)...); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `UPDATE messages SET content = ?, status = ?, edited_at = ?, edit_seq = ?`+where,
		append([]any{[]byte(m.Content), statuses.number(m.Status), m.EditedAt.UnixMilli(), entry}, c.place()...)...)
	return err
}

// stripEntry takes the content out of the entry that told of the last edit.
func (c *messageChange) stripEntry(ctx context.Context, tx *sqlx.Tx) error {
	var entry int64
	var content []byte
	const query = `SELECT e.seq, e.content FROM messages m JOIN messages e ON e.app_id = m.app_id AND e.conversation_id = m.conversation_id AND e.seq = m.edit_seq
		WHERE m.app_id = ? AND m.conversation_id = ? AND m.seq = ? AND m.edit_seq > 0`
	err := tx.QueryRowxContext(ctx, query, c.app, c.message.Conversation, c.message.ConversationSeq).Scan(&entry, &content)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	} else if err != nil {
		return err
	}
	stripped, err := domain.WithoutContent(content)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE messages SET content = ? WHERE app_id = ? AND conversation_id = ? AND seq = ?`,
		[]byte(stripped), c.app, c.message.Conversation, entry)
	return err
}
