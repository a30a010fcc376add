package repo

import (
	"context"
	"slices"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// everybody stands for all users in the table of mentions.
const everybody domain.UserNum = 0

// mentioned are whom a message mentions: users that there are, but the sender, and of
// those whom it does not go to only what a large group has, whose members are not read.
func (it *item) mentioned(users map[domain.UserID]domain.UserNum) []domain.UserNum {
	m := &it.out.Message
	if m.MentionsAll() {
		return []domain.UserNum{everybody}
	}
	nums := make([]domain.UserNum, 0, len(m.Mentions))
	for _, id := range m.Mentions {
		num := users[domain.UserID(id)]
		if num != 0 && num != it.out.User && (it.isLarge || slices.Contains(it.receivers, num)) {
			nums = append(nums, num)
		}
	}
	return nums
}

const insertMention = `INSERT INTO mentions (app_id, conversation_id, user_id, seq, sender)`

// addMentions reads which messages mention the user that it has not read: of each
// conversation the first, by one statement, or by none where nothing is unread.
func (s *Store) addMentions(ctx context.Context, app domain.AppNum, user domain.UserNum, all []membership, items []domain.Conversation) error {
	var args []any
	at := make(map[domain.ConversationNum]int)
	for i := range all {
		m := &all[i]
		if from := max(m.readSeq, m.state.cleared); m.kind != kindEnded && m.lastSeq > from {
			at[m.conv] = i
			args = append(args, m.conv, from)
		}
	}
	if len(args) == 0 {
		return nil
	}
	query := s.dialect.firstMentions(len(args) / 2)
	args = append([]any{app, user, user, user, app, everybody, user, user}, args...)
	return each(ctx, s.read, func(rows *sqlx.Rows) error {
		var conv domain.ConversationNum
		var own, all int64
		err := rows.Scan(&conv, &own, &all)
		c := &items[at[conv]]
		for _, seq := range []int64{own, all} {
			if seq > 0 && seq <= c.LastSeq && (c.MentionSeq == 0 || seq < c.MentionSeq) {
				c.MentionSeq = seq
			}
		}
		return err
	}, query, args...)
}

// firstMentions is the query for n pairs, each of a conversation and a number behind
// which the first message is looked for that mentions a user, and that mentions
// everybody. The user's own and those that it has deleted are left out.
func (d dialect) firstMentions(n int) string {
	const first = `COALESCE((SELECT m.seq FROM mentions m WHERE m.app_id = ? AND m.conversation_id = p.a AND m.user_id = ? AND m.seq > p.b AND m.sender <> ?
		AND ` + undeleted + ` ORDER BY m.seq LIMIT 1), 0)`
	return `SELECT p.a, ` + first + `, ` + first + ` FROM ` + d.pairs(n) + ` p`
}

// forgetMentions removes those of a message that is recalled.
func (c *messageChange) forgetMentions(ctx context.Context, tx *sqlx.Tx) error {
	m := &c.message
	if len(m.Mentions) == 0 {
		return nil
	}
	nums := []domain.UserNum{everybody}
	if !m.MentionsAll() {
		ids := make([]domain.UserID, len(m.Mentions))
		for i, id := range m.Mentions {
			ids[i] = domain.UserID(id)
		}
		byID, err := userNums(ctx, tx, c.app, ids, "")
		if err != nil {
			return err
		}
		for _, num := range byID {
			nums = append(nums, num)
		}
	}
	args := []any{c.app, m.Conversation, m.ConversationSeq}
	for _, num := range nums {
		args = append(args, num)
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM mentions WHERE app_id = ? AND conversation_id = ? AND seq = ? AND user_id IN `+in(len(nums)), args...)
	return err
}
