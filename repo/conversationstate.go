package repo

import (
	"context"
	"database/sql"
	"errors"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// conversationState is what a user has made of a conversation.
type conversationState struct {
	pinned, muted, marked bool
	hidden                int64 // up to here, as cleared; -1 for never
	cleared               int64 // deleted for the user
	clearedOthers         int64 // as read_others of members
	changed               int64 // when it became so
}

// noState is that of a conversation of which its user has made nothing.
var noState = conversationState{hidden: -1, cleared: -1, clearedOthers: -1}

const stateColumns = `pinned, muted, marked_unread, hidden_seq, cleared_seq, cleared_others, changed`

func (s *conversationState) fields() []any {
	return []any{&s.pinned, &s.muted, &s.marked, &s.hidden, &s.cleared, &s.clearedOthers, &s.changed}
}

// readStates reads what a user has made of conversations.
func readStates(ctx context.Context, q sqlx.QueryerContext, app domain.AppNum, user domain.UserNum) (map[domain.ConversationNum]conversationState, error) {
	all := make(map[domain.ConversationNum]conversationState)
	err := each(ctx, q, func(rows *sqlx.Rows) error {
		var conv domain.ConversationNum
		var state conversationState
		err := rows.Scan(append([]any{&conv}, state.fields()...)...)
		all[conv] = state
		return err
	}, `SELECT conversation_id, `+stateColumns+` FROM conversation_states WHERE app_id = ? AND user_id = ?`, app, user)
	return all, err
}

// readState reads what a user has made of one conversation.
func readState(ctx context.Context, q sqlx.QueryerContext, app domain.AppNum, user domain.UserNum, conv domain.ConversationNum) (state conversationState, err error) {
	const query = `SELECT ` + stateColumns + ` FROM conversation_states WHERE app_id = ? AND user_id = ? AND conversation_id = ?`
	err = q.QueryRowxContext(ctx, query, app, user, conv).Scan(state.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return noState, nil
	}
	return state, err
}

// stateOf is what a user has made of a conversation.
type stateOf struct {
	user  domain.UserNum
	conv  domain.ConversationNum
	state conversationState
}

// putStates writes states, which change by this.
func (s *Store) putStates(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, states ...stateOf) error {
	changed := s.nums.next(s.clock.Now())
	var rows []any
	for _, of := range states {
		st := of.state
		rows = append(rows, app, of.user, of.conv, st.pinned, st.muted, st.marked, st.hidden, st.cleared, st.clearedOthers, changed)
	}
	return insert(ctx, tx, `INSERT INTO conversation_states (app_id, user_id, conversation_id, `+stateColumns+`)`,
		s.dialect.upsert([]string{"app_id", "user_id", "conversation_id"},
			[]string{"pinned", "muted", "marked_unread", "hidden_seq", "cleared_seq", "cleared_others", "changed"}), 10, rows)
}

// changeMembership lets change do something to how a user stands to a conversation, in
// a transaction in which nobody else does, and writes the state if that is another.
func (s *Store) changeMembership(ctx context.Context, app domain.AppNum, user domain.UserNum, target domain.Target, change func(tx *sqlx.Tx, m *membership) error) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		conv, _, err := conversationOf(ctx, tx, app, user, target)
		if err != nil {
			return err
		}
		if err := s.lockMembership(ctx, tx, app, user, conv); err != nil {
			return err
		}
		m, err := readMembership(ctx, tx, app, user, target)
		if err != nil {
			return err
		}
		before := m.state
		if err := change(tx, &m); err != nil || m.state == before {
			return err
		}
		return s.putStates(ctx, tx, app, stateOf{user, m.conv, m.state})
	})
}

// lockMembership keeps others from changing how a user stands to a conversation.
func (s *Store) lockMembership(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, user domain.UserNum, conv domain.ConversationNum) error {
	var locked []int64
	const lock = `SELECT read_seq FROM members WHERE app_id = ? AND conversation_id = ? AND user_id = ?`
	return tx.SelectContext(ctx, &locked, lock+s.dialect.forUpdate, app, conv, user)
}

// ChangeConversation implements [domain.ConversationStore].
func (s *Store) ChangeConversation(ctx context.Context, app domain.AppNum, user domain.UserNum, target domain.Target, c domain.ConversationChange) error {
	return s.changeMembership(ctx, app, user, target, func(_ *sqlx.Tx, m *membership) error {
		for to, from := range map[*bool]*bool{&m.state.pinned: c.Pinned, &m.state.muted: c.Muted, &m.state.marked: c.MarkedUnread} {
			if from != nil {
				*to = *from
			}
		}
		switch {
		case c.Hidden == nil || *c.Hidden == m.isHidden():
		case *c.Hidden:
			m.state.hidden = m.lastSeq
		default:
			m.state.hidden = -1
		}
		return nil
	})
}

// DeleteConversation implements [domain.ConversationStore].
func (s *Store) DeleteConversation(ctx context.Context, app domain.AppNum, user domain.UserNum, target domain.Target) error {
	return s.changeMembership(ctx, app, user, target, func(tx *sqlx.Tx, m *membership) error {
		others, err := othersUpTo(ctx, tx, app, user, m, m.lastSeq)
		if err != nil {
			return err
		}
		m.state = noState
		m.state.cleared, m.state.clearedOthers = m.lastSeq, others
		// What was deleted before is deleted with the rest, and must not be taken off twice.
		_, err = tx.ExecContext(ctx, `DELETE FROM message_deletes WHERE app_id = ? AND user_id = ? AND conversation_id = ?`, app, user, m.conv)
		return err
	})
}

// ReadConversation implements [domain.ConversationStore].
func (s *Store) ReadConversation(ctx context.Context, app domain.AppNum, user domain.UserNum, target domain.Target, seq int64) (domain.ReadResult, error) {
	var result domain.ReadResult
	err := s.changeMembership(ctx, app, user, target, func(tx *sqlx.Tx, m *membership) error {
		result = domain.ReadResult{ReadSeq: m.readSeq}
		if seq > m.lastSeq {
			return domain.ReadBeyondHead(m.lastSeq)
		}
		m.state.marked = false
		if seq <= m.readSeq {
			return nil
		}
		others, err := othersUpTo(ctx, tx, app, user, m, seq)
		if err != nil {
			return err
		}
		changed := s.nums.next(s.clock.Now())
		if _, err := tx.ExecContext(ctx, `UPDATE members SET read_seq = ?, read_others = ?, read_changed = ?
			WHERE app_id = ? AND conversation_id = ? AND user_id = ?`, seq, others, changed, app, m.conv, user); err != nil {
			return err
		}
		result.Advanced, result.ReadSeq = true, seq
		if m.kind == kindLarge {
			return nil // whose members do not see how far others are
		}
		if err := insert(ctx, tx, insertConversationRead,
			s.dialect.raise([]string{"app_id", "conversation_id"}, "changed"), 3, []any{app, m.conv, changed}); err != nil {
			return err
		}
		result.Peers, err = readersOf(ctx, tx, app, user, m)
		return err
	})
	return result, err
}

const insertConversationRead = `INSERT INTO conversation_reads (app_id, conversation_id, changed)`

// readersOf are the others of a conversation who are told how far the user has read.
func readersOf(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, user domain.UserNum, m *membership) (others []domain.UserNum, err error) {
	query, args := `SELECT user_id FROM members WHERE app_id = ? AND conversation_id = ? AND user_id <> ?`, []any{app, m.conv, user}
	if m.kind == kindSingle { // signals of who is blocked do not arrive
		query += ` AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.app_id = ? AND b.user_id = members.user_id AND b.blocked_id = ?)`
		args = append(args, app, user)
	}
	err = sqlx.SelectContext(ctx, tx, &others, query, args...)
	return others, err
}

// othersUpTo is how many messages up to seq, which is beyond what was read, are of
// others and count as unread. At the head it is known; elsewhere the user's own
// messages since what was read are counted, if there are any.
func othersUpTo(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, user domain.UserNum, m *membership, seq int64) (int64, error) {
	if m.lastSeq <= m.readSeq {
		return m.readOthers, nil
	}
	if seq == m.lastSeq {
		return m.lastSeq - m.events - m.sent, nil
	}
	was, err := eventsUpTo(ctx, tx, app, m.conv, m.readSeq)
	if err != nil {
		return 0, err
	}
	is, err := eventsUpTo(ctx, tx, app, m.conv, seq)
	if err != nil {
		return 0, err
	}
	var own int64
	if m.sent > 0 {
		const query = `SELECT COUNT(*) FROM messages WHERE app_id = ? AND conversation_id = ? AND seq > ? AND seq <= ? AND sender = ?
			AND NOT EXISTS (SELECT 1 FROM uncounted x WHERE x.app_id = messages.app_id AND x.conversation_id = messages.conversation_id AND x.seq = messages.seq)`
		if err := tx.GetContext(ctx, &own, query, app, m.conv, m.readSeq, seq, user); err != nil {
			return 0, err
		}
	}
	return m.readOthers + (seq - m.readSeq) - (is - was) - own, nil
}
