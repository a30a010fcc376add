package repo

import (
	"context"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// readQuotes reads which of the messages are there that those of the batch answer; by
// no statement where none does.
func (a *appBatch) readQuotes(ctx context.Context) error {
	var args []any
	for _, it := range live(a.items) {
		if id := it.out.Message.ReplyTo; id != "" {
			conv, seq := id.Place()
			args = append(args, conv, seq)
		}
	}
	if len(args) == 0 {
		return nil
	}
	a.quotes = make(map[domain.MessageID]bool)
	query := `SELECT m.conversation_id, m.seq, m.sent_at FROM ` + a.store.dialect.pairs(len(args)/2) + ` p` + a.store.dialect.then("messages m") + `
		ON m.app_id = ? AND m.conversation_id = p.a AND m.seq = p.b`
	return each(ctx, a.r, func(rows *sqlx.Rows) error {
		var at messagePlace
		var sentAt int64
		err := rows.Scan(&at.conv, &at.seq, &sentAt)
		a.quotes[domain.NewMessageID(time.UnixMilli(sentAt), at.conv, at.seq)] = true
		return err
	}, query, append(args, a.app)...)
}

// refuseQuotes refuses messages to chats that answer what is not in them, before
// anything is made for them. Those to groups are refused when it is known who may read
// what there.
func (a *appBatch) refuseQuotes(context.Context) error {
	for _, it := range live(a.items) {
		if it.toUser == 0 {
			continue
		}
		var num domain.ConversationNum
		if conv := a.conversations[it.convKey()]; conv != nil {
			num = conv.num
		}
		it.err = a.checkQuote(it, num, 0)
	}
	return nil
}

// checkQuote refuses a message that answers none of a conversation behind from.
func (a *appBatch) checkQuote(it *item, conv domain.ConversationNum, from int64) error {
	id := it.out.Message.ReplyTo
	if id == "" {
		return nil
	}
	if at, seq := id.Place(); at != conv || seq <= from || !a.quotes[id] {
		return domain.ErrBadReply
	}
	return nil
}
