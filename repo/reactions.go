package repo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// reactionsAt is the query for the reactions at n pairs, each of a conversation and a
// seq. Its first argument is the user whose own are marked.
func (d dialect) reactionsAt(n int) string {
	return `SELECT t.conversation_id, t.seq, t.reaction, t.total, EXISTS (SELECT 1 FROM message_reactors r
			WHERE r.app_id = t.app_id AND r.conversation_id = t.conversation_id AND r.seq = t.seq AND r.reaction = t.reaction AND r.user_id = ?)
		FROM ` + d.pairs(n) + ` p` + d.then("message_reactions t") + `
		ON t.app_id = ? AND t.conversation_id = p.a AND t.seq = p.b ORDER BY t.since`
}

// messagePlace is where a message is.
type messagePlace struct {
	conv domain.ConversationNum
	seq  int64
}

// readReactions reads the reactions of messages as reader has them: by one statement,
// and none where nobody has reacted (see scanMessage).
func (s *Store) readReactions(ctx context.Context, q sqlx.QueryerContext, app domain.AppNum, reader domain.UserNum, messages ...*domain.Message) error {
	at := make(map[messagePlace]*domain.Message)
	args := []any{reader}
	for _, m := range messages {
		if m.Reactions != nil {
			at[messagePlace{m.Conversation, m.ConversationSeq}] = m
			args = append(args, m.Conversation, m.ConversationSeq)
		}
	}
	if len(at) == 0 {
		return nil
	}
	err := each(ctx, q, func(rows *sqlx.Rows) error {
		var of messagePlace
		var r domain.Reaction
		err := rows.Scan(&of.conv, &of.seq, &r.Reaction, &r.Count, &r.Me)
		at[of].Reactions = append(at[of].Reactions, r)
		return err
	}, s.dialect.reactionsAt(len(at)), append(args, app)...)
	for _, m := range at {
		if len(m.Reactions) == 0 { // taken back since the message was read
			m.Reactions = nil
		}
	}
	return err
}

// writeReaction stores what an event tells of a reaction; entry is the event's number.
func (c *messageChange) writeReaction(ctx context.Context, tx *sqlx.Tx, state *domain.MessageState, entry, at int64) error {
	r := state.Event.Data
	statements := []struct {
		text string
		args []any
	}{{
		`INSERT INTO message_reactors (app_id, conversation_id, seq, reaction, user_id, reacted_at) VALUES (?, ?, ?, ?, ?, ?)`,
		c.place(r.Reaction, c.by.Num, at),
	}, {
		`INSERT INTO message_reactions (app_id, conversation_id, seq, reaction, total, since) VALUES (?, ?, ?, ?, ?, ?)` +
			c.store.dialect.upsert([]string{"app_id", "conversation_id", "seq", "reaction"}, []string{"total"}),
		c.place(r.Reaction, *r.Count, entry),
	}, {
		`UPDATE messages SET reactions = ? WHERE app_id = ? AND conversation_id = ? AND seq = ?`,
		append([]any{len(state.Message.Reactions)}, c.place()...),
	}}
	if state.Event.Code == domain.EventReactionRemoved {
		statements[0].text = `DELETE FROM message_reactors WHERE app_id = ? AND conversation_id = ? AND seq = ? AND reaction = ? AND user_id = ?`
		statements[0].args = c.place(r.Reaction, c.by.Num)
	}
	if *r.Count == 0 {
		statements[1].text = `DELETE FROM message_reactions WHERE app_id = ? AND conversation_id = ? AND seq = ? AND reaction = ?`
		statements[1].args = c.place(r.Reaction)
	}
	if len(state.Message.Reactions) == len(c.message.Reactions) {
		statements = statements[:2]
	}
	for _, st := range statements {
		if _, err := tx.ExecContext(ctx, st.text, st.args...); err != nil {
			return fmt.Errorf("%s: %w", st.text, err)
		}
	}
	return nil
}

// deleteReactions takes all reactions from the message.
func (c *messageChange) deleteReactions(ctx context.Context, tx *sqlx.Tx) error {
	if len(c.message.Reactions) == 0 {
		return nil
	}
	for _, table := range []string{"message_reactors", "message_reactions"} {
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE app_id = ? AND conversation_id = ? AND seq = ?`, c.place()...); err != nil {
			return err
		}
	}
	return nil
}

// place are the key of the message's row and what follows it.
func (c *messageChange) place(more ...any) []any {
	return append([]any{c.app, c.message.Conversation, c.message.ConversationSeq}, more...)
}

// Reactors implements [domain.StoredMessages]. A reaction is read after another, so
// that a page costs what is on it, whatever comes before.
func (s *Store) Reactors(ctx context.Context, app domain.AppNum, id domain.MessageID, reaction string, p domain.Page) (domain.List[domain.Reactor], error) {
	from, err := parseReactorPlace(p.Cursor)
	if err != nil {
		return domain.List[domain.Reactor]{}, err
	}
	conv, seq := id.Place()
	type used struct {
		reaction string
		since    int64
	}
	var all []used
	err = each(ctx, s.read, func(rows *sqlx.Rows) error {
		var u used
		err := rows.Scan(&u.reaction, &u.since)
		if u.since >= from.since && (reaction == "" || reaction == u.reaction) {
			all = append(all, u)
		}
		return err
	}, `SELECT reaction, since FROM message_reactions WHERE app_id = ? AND conversation_id = ? AND seq = ?`, app, conv, seq)
	slices.SortFunc(all, func(a, b used) int { return cmp.Compare(a.since, b.since) })
	page := domain.List[domain.Reactor]{Items: []domain.Reactor{}}
	var last reactorPlace
	for _, u := range all {
		if err != nil || page.NextCursor != "" {
			break
		}
		var after domain.UserNum
		if u.since == from.since {
			after = from.user
		}
		err = each(ctx, s.read, func(rows *sqlx.Rows) error {
			if len(page.Items) == p.Limit {
				page.NextCursor = last.String()
				return nil
			}
			r := domain.Reactor{Reaction: u.reaction}
			var at int64
			err := rows.Scan(&last.user, &r.User, &at)
			last.since, r.At = u.since, momentOf(at)
			page.Items = append(page.Items, r)
			return err
		}, `SELECT m.user_id, `+userOfMember+`, m.reacted_at FROM message_reactors m
			WHERE m.app_id = ? AND m.conversation_id = ? AND m.seq = ? AND m.reaction = ? AND m.user_id > ? ORDER BY m.user_id LIMIT ?`,
			app, conv, seq, u.reaction, after, p.Limit+1-len(page.Items))
	}
	if err != nil {
		return domain.List[domain.Reactor]{}, s.readError("list reactions", err)
	}
	return page, nil
}

// reactorPlace is where a user is in the list of those who have reacted to a message:
// by the first use of the reaction, and by number.
type reactorPlace struct {
	since int64
	user  domain.UserNum
}

func (p reactorPlace) String() string {
	return strconv.FormatInt(p.since, 36) + "." + strconv.FormatInt(int64(p.user), 36)
}

// parseReactorPlace reads a cursor; the zero place is the start.
func parseReactorPlace(cursor string) (p reactorPlace, err error) {
	if cursor == "" {
		return p, nil
	}
	since, user, _ := strings.Cut(cursor, ".")
	var errs [2]error
	var num int64
	p.since, errs[0] = strconv.ParseInt(since, 36, 64)
	num, errs[1] = strconv.ParseInt(user, 36, 64)
	p.user = domain.UserNum(num)
	if p.String() != cursor || errs != [2]error{} {
		return reactorPlace{}, domain.Invalid("cursor", "is not a cursor that this list answered with")
	}
	return p, nil
}
