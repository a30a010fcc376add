package repo

import (
	"context"
	"errors"
	"strconv"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// MessageReads implements [domain.StoredMessages], in the order of the key, as Members.
func (s *Store) MessageReads(ctx context.Context, app domain.AppNum, reader domain.UserRef, id domain.MessageID, read *bool, p domain.Page) (domain.MessageReads, error) {
	c := &messageChange{store: s, q: s.read, app: app, by: reader, id: id}
	if err := c.read(ctx); errors.Is(err, domain.ErrMessageNotFound) {
		return domain.MessageReads{}, err
	} else if err != nil {
		return domain.MessageReads{}, s.readError("read message", err)
	}
	if c.isLarge {
		if err := domain.RefuseReads(reader.Num, c.sender); err != nil {
			return domain.MessageReads{}, err
		}
	}
	var out domain.MessageReads
	conv, seq := c.message.Conversation, c.message.ConversationSeq
	const those = ` FROM members m WHERE m.app_id = ? AND m.conversation_id = ? AND m.joined_seq < ? AND m.user_id <> ?`
	const count = `SELECT COUNT(*), COALESCE(SUM(CASE WHEN m.read_seq >= ? THEN 1 ELSE 0 END), 0)` + those
	if err := s.read.QueryRowxContext(ctx, count, seq, app, conv, seq, c.sender).Scan(&out.MemberCount, &out.ReadCount); err != nil {
		return out, s.readError("count who has read", err)
	}
	if c.isLarge {
		return out, nil
	}
	var last int64
	if p.Cursor != "" {
		var err error
		if last, err = strconv.ParseInt(p.Cursor, 10, 64); err != nil {
			return out, domain.Invalid("cursor", "is not a cursor that this list answered with")
		}
	}
	query := `SELECT m.user_id, ` + userOfMember + `, m.read_seq` + those + ` AND m.user_id > ?`
	args := []any{app, conv, seq, c.sender, last}
	if read != nil {
		query += ` AND (m.read_seq >= ?) = ?`
		args = append(args, seq, *read)
	}
	position := func(r domain.MessageRead) string { return strconv.FormatInt(int64(r.Num), 10) }
	var err error
	out.List, err = list(ctx, s, p, position, func(rows *sqlx.Rows) (r domain.MessageRead, err error) {
		var at int64
		err = rows.Scan(&r.Num, &r.User, &at)
		r.Read = at >= seq
		return r, err
	}, query+` ORDER BY m.user_id LIMIT ?`, append(args, p.Limit+1)...)
	return out, err
}
