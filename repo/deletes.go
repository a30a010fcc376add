package repo

import (
	"context"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

const (
	// undeleted is a condition on messages m: that a user, whose number is its argument,
	// has not deleted m by itself.
	undeleted = `NOT EXISTS (SELECT 1 FROM message_deletes d
		WHERE d.app_id = m.app_id AND d.user_id = ? AND d.conversation_id = m.conversation_id AND d.seq = m.seq)`
	// kept is a condition on messages m: that a user, whose number is both its arguments,
	// has deleted m neither by itself nor with its conversation. What a member of a group
	// may read besides, see memberFrom.
	kept = undeleted + ` AND m.seq > COALESCE((SELECT s.cleared_seq FROM conversation_states s
		WHERE s.app_id = m.app_id AND s.user_id = ? AND s.conversation_id = m.conversation_id), -1)`
)

// DeleteMessage implements [domain.StoredMessages]. The row of the user is locked, so
// that a message is deleted once, and its membership, so that the conversation is not
// deleted meanwhile.
func (s *Store) DeleteMessage(ctx context.Context, app domain.AppNum, user domain.UserRef, id domain.MessageID) error {
	var told []domain.Delivery
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		nums, err := userNums(ctx, tx, app, []domain.UserID{user.ID}, s.dialect.forUpdate)
		if err != nil {
			return err
		}
		if nums[user.ID] != user.Num {
			return domain.ErrUnauthorized
		}
		conv, seq := id.Place()
		if err := s.lockMembership(ctx, tx, app, user.Num, conv); err != nil {
			return err
		}
		c := &messageChange{store: s, q: tx, app: app, by: user, id: id}
		if err := c.read(ctx); err != nil {
			return err
		}
		counted := c.sender != user.Num
		if counted {
			var events int
			const query = `SELECT COUNT(*) FROM uncounted WHERE app_id = ? AND conversation_id = ? AND seq = ?`
			if err := tx.GetContext(ctx, &events, query, app, conv, seq); err != nil {
				return err
			}
			counted = events == 0
		}
		if err := insert(ctx, tx, `INSERT INTO message_deletes (app_id, user_id, conversation_id, seq, counted)`, "", 5,
			[]any{app, user.Num, conv, seq, counted}); err != nil {
			return err
		}
		state, err := readState(ctx, tx, app, user.Num, conv)
		if err != nil {
			return err
		}
		if err := s.putStates(ctx, tx, app, stateOf{user.Num, conv, state}); err != nil {
			return err
		}
		event, err := domain.MessageDeleted(user.ID, &c.message, domain.Millis(s.clock.Now()))
		if err != nil {
			return err
		}
		told, err = s.tellUsers(ctx, tx, app, nums, []domain.Message{event})
		return err
	})
	if err == nil {
		s.publisher.Publish(told)
	}
	return err
}

// lastKept finds, by one statement, the last messages of conversations that a user may
// read, has not deleted by itself, and that do not tell of changes of others, below the
// numbers of pairs, each of a conversation and a number; in conversations of which it has
// deleted all there is none.
func (s *Store) lastKept(ctx context.Context, app domain.AppNum, user domain.UserNum, pairs []any) (map[domain.ConversationNum]int64, error) {
	last := make(map[domain.ConversationNum]int64)
	err := each(ctx, s.read, func(rows *sqlx.Rows) error {
		var conv domain.ConversationNum
		var seq int64
		err := rows.Scan(&conv, &seq)
		last[conv] = seq
		return err
	}, s.dialect.lastKept(len(pairs)/2), append([]any{app, app, user, user}, pairs...)...)
	return last, err
}

func (d dialect) lastKept(n int) string {
	const from = `(SELECT CASE WHEN g.history = 'all' THEN 0 ELSE x.joined_seq END FROM members x
		LEFT JOIN chat_groups g ON g.app_id = x.app_id AND g.id = x.conversation_id
		WHERE x.app_id = ? AND x.conversation_id = p.a AND x.user_id = ?)`
	return `SELECT p.a, COALESCE((SELECT m.seq FROM messages m WHERE m.app_id = ? AND m.conversation_id = p.a AND m.seq < p.b AND m.seq > ` + from + `
		AND ` + undeleted + ` AND NOT EXISTS (SELECT 1 FROM uncounted u
			WHERE u.app_id = m.app_id AND u.conversation_id = m.conversation_id AND u.seq = m.seq AND u.quiet = 1)
		ORDER BY m.seq DESC LIMIT 1), 0) FROM ` + d.pairs(n) + ` p`
}
