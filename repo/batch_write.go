package repo

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gim-im/gim/domain"
)

// insertConversations writes the conversations of items that begin them, and their
// members. Another node may do the same at this moment: the unique key
// refuses the second, whose transaction runs again.
func (a *appBatch) insertConversations(ctx context.Context, fresh []*item) error {
	now := a.store.clock.Now().UnixMilli()
	var rows, members []any
	for _, it := range fresh {
		rows = append(rows, a.app, it.conv.num, []byte(it.conv.key), 0, it.conv.num)
		for _, user := range it.receivers {
			members = append(members, a.app, it.conv.num, user, string(domain.RoleMember), "", []byte("{}"), 0, now, 0, 0, kindSingle)
		}
	}
	if err := insert(ctx, a.tx, `INSERT INTO conversations (app_id, id, conv_key, last_seq, changed)`, "", 5, rows); err != nil {
		return err
	}
	return insert(ctx, a.tx, insertMember, "", 11, members)
}

const insertMember = `INSERT INTO members (app_id, conversation_id, user_id, role, label, extra, joined_seq, joined_at, read_seq, read_others, kind)`

// What a membership is of.
const (
	kindEnded = iota - 1 // chat with a user who was deleted
	kindSingle
	kindNormal // group
	kindLarge  // group
)

func kindOf(t domain.GroupType) int {
	if t == domain.GroupLarge {
		return kindLarge
	}
	return kindNormal
}

// raise moves the counters past the numbers that were given out.
func (a *appBatch) raise(ctx context.Context) error {
	added := make(map[domain.ConversationNum]int64)
	for _, c := range a.conversations {
		if c != nil && c.added > 0 {
			added[c.num] = c.added
		}
	}
	changed := a.store.nums.next(a.store.clock.Now()) // under the locks, so that it rises with every message of a conversation
	if err := addTo(ctx, a.w, "conversations", "last_seq", "id", a.app, added, ", changed = ?", changed); err != nil {
		return err
	}
	return addTo(ctx, a.w, "user_heads", "head_seq", "user_id", a.app, a.taken, "")
}

// countSent counts the messages of each user in each conversation: they are no news to
// their sender.
func (a *appBatch) countSent(ctx context.Context) error {
	sent := make(map[speaker]int64)
	for _, it := range live(a.items) {
		if it.out.User != 0 {
			sent[speaker{it.conv.num, it.out.User}]++
		}
	}
	rows := make([]any, 0, 4*len(sent))
	for of, n := range sent {
		rows = append(rows, a.app, of.group, of.user, n)
	}
	return insert(ctx, a.w, `INSERT INTO sent_counts (app_id, conversation_id, user_id, total)`,
		a.store.dialect.add([]string{"app_id", "conversation_id", "user_id"}, "total"), 4, rows)
}

func (a *appBatch) insertMessages(ctx context.Context) error {
	var rows, mentioned []any
	for _, it := range live(a.items) {
		m := &it.message
		mentions := []byte{}
		if len(m.Mentions) > 0 {
			var err error
			if mentions, err = json.Marshal(m.Mentions); err != nil {
				return fmt.Errorf("encode mentions: %w", err)
			}
			for _, user := range it.mentioned(a.users) {
				mentioned = append(mentioned, a.app, m.Conversation, user, m.ConversationSeq, it.out.User)
			}
		}
		toGroup, to := 0, string(m.To.User)
		if m.To.Group != "" {
			toGroup, to = 1, string(m.To.Group)
		}
		rows = append(rows,
			a.app, m.Conversation, m.ConversationSeq, senderTypes.number(m.Sender.Type), it.out.User, string(m.Sender.User), string(m.Sender.Device),
			toGroup, to, string(m.Type), []byte(m.Content), mentions, m.ClientMsgID, m.SentAt.UnixMilli(), statuses.number(m.Status),
			string(m.ReplyTo), m.Forwarded)
	}
	if err := insert(ctx, a.w, insertMention, "", 5, mentioned); err != nil {
		return err
	}
	return insert(ctx, a.w, `INSERT INTO messages (app_id, conversation_id, seq, sender_type, sender, sender_id, sender_device,
		to_group, to_id, type, content, mentions, client_msg_id, sent_at, status, reply_to, forwarded)`, "", 17, rows)
}

// insertLogs writes the entries of the logs. Where others may come between, those of
// messages to many are written last, and left as soon as somebody waits.
func (a *appBatch) insertLogs(ctx context.Context) error {
	var rows []any
	var large []*fanout
	for _, it := range live(a.items) {
		if a.isAwaited != nil && len(it.to) > fanoutPiece {
			large = append(large, &fanout{app: a.app, conv: it.message.Conversation, seq: it.message.ConversationSeq, to: it.to})
			continue
		}
		for _, to := range it.to {
			rows = append(rows, a.app, to.User, to.Seq, it.message.Conversation, it.message.ConversationSeq)
		}
	}
	if err := insert(ctx, a.w, insertLog, "", 5, rows); err != nil {
		return err
	}
	for _, f := range large {
		for len(f.to) > 0 && !a.isAwaited() {
			piece := f.to[:min(fanoutPiece, len(f.to))]
			if err := insertEntries(ctx, a.tx, f, piece); err != nil {
				return err
			}
			f.to = f.to[len(piece):]
		}
		if len(f.to) > 0 {
			a.left = append(a.left, f)
		}
	}
	return insertFanouts(ctx, a.tx, a.left)
}

const insertLog = `INSERT INTO user_log (app_id, user_id, seq, conversation_id, conversation_seq)`

func (a *appBatch) insertSends(ctx context.Context) error {
	var rows []any
	for _, it := range live(a.items) {
		if it.out.Digest != nil {
			rows = append(rows, a.app, it.sendKey[:], it.out.Digest, it.message.Conversation, it.message.ConversationSeq,
				it.receipt.Seq, it.message.SentAt.UnixMilli())
		}
	}
	return insert(ctx, a.w, `INSERT INTO sends (app_id, send_key, digest, conversation_id, conversation_seq, sender_seq, sent_at)`, "", 7, rows)
}

// numbering gives the values of a small closed set their numbers in the store.
// The position is the number: append only.
type numbering[T comparable] []T

func (n numbering[T]) number(v T) int {
	for i, x := range n {
		if x == v {
			return i
		}
	}
	return 0
}

func (n numbering[T]) value(i int) T {
	if i < 0 || i >= len(n) {
		i = 0
	}
	return n[i]
}

var (
	senderTypes = numbering[domain.SenderType]{domain.SenderUser, domain.SenderBusiness, domain.SenderSystem}
	statuses    = numbering[domain.Status]{domain.StatusNormal, domain.StatusRecalled, domain.StatusEdited}
)
