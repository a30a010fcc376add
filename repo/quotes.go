package repo

import (
	"context"
	"strings"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// quote is a message and who answers it, 0 being the business.
type quote struct {
	by domain.UserNum
	id domain.MessageID
}

// readQuotes reads which messages are there for those who answer them in the batch, by
// one statement, or by none where nobody does. Entries that gim has made are none, nor
// is what the sender has deleted. Who is in a conversation is looked at elsewhere.
func (a *appBatch) readQuotes(ctx context.Context) error {
	var args []any
	for _, it := range live(a.items) {
		if id := it.out.Message.ReplyTo; id != "" {
			conv, seq := id.Place()
			args = append(args, conv, seq, it.out.User)
		}
	}
	if len(args) == 0 {
		return nil
	}
	a.quotes = make(map[quote]bool)
	return each(ctx, a.r, func(rows *sqlx.Rows) error {
		var q quote
		var conv domain.ConversationNum
		var seq, sentAt int64
		err := rows.Scan(&q.by, &conv, &seq, &sentAt)
		q.id = domain.NewMessageID(time.UnixMilli(sentAt), conv, seq)
		a.quotes[q] = true
		return err
	}, a.store.dialect.quotes(len(args)/3), append(args, a.app)...)
}

// quotes is the query for n triples, each of a conversation, a seq and a user.
func (d dialect) quotes(n int) string {
	return `SELECT p.c, m.conversation_id, m.seq, m.sent_at FROM ` + d.triples(n) + ` p` + d.then("messages m") + `
		ON m.app_id = ? AND m.conversation_id = p.a AND m.seq = p.b
		WHERE NOT EXISTS (SELECT 1 FROM uncounted x WHERE x.app_id = m.app_id AND x.conversation_id = m.conversation_id AND x.seq = m.seq)
		AND ` + strings.ReplaceAll(kept, "?", "p.c")
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
	if at, seq := id.Place(); at != conv || seq <= from || !a.quotes[quote{it.out.User, id}] {
		return domain.ErrBadReply
	}
	return nil
}
