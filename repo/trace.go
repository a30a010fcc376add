package repo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

var _ domain.TraceStore = (*Store)(nil)

// TracedMessage implements [domain.TraceStore].
func (s *Store) TracedMessage(ctx context.Context, app domain.AppNum, reader domain.UserNum, p domain.PlacedMessage) (domain.TracedMessage, error) {
	t := domain.TracedMessage{}
	err := each(ctx, s.read, func(rows *sqlx.Rows) (err error) {
		t.Message = &domain.Message{}
		t.Sender, err = scanMessage(rows, t.Message)
		return err
	}, `SELECT `+messageColumns+` FROM messages m WHERE m.app_id = ? AND m.conversation_id = ? AND m.seq = ? AND `+kept, app, p.Conversation, p.Seq, reader, reader)
	switch {
	case err != nil:
		return t, s.readError("read message", err)
	case t.Message == nil || !t.Message.SentAt.Equal(p.SentAt):
		return t, domain.ErrMessageNotFound
	case t.Message.To.Group != "":
		g, err := s.groupLogByNum(ctx, app, 0, p.Conversation)
		if err != nil {
			return t, err
		}
		t.InGroupLog = g.isLarge && p.Seq > g.largeSince
	}
	if t.InGroupLog {
		const count = `SELECT member_count FROM chat_groups WHERE app_id = ? AND id = ?`
		err = s.read.GetContext(ctx, &t.Receivers, count, app, p.Conversation)
	} else {
		const count = `SELECT COUNT(*) FROM members WHERE app_id = ? AND conversation_id = ? AND joined_seq < ?`
		err = s.read.GetContext(ctx, &t.Receivers, count, app, p.Conversation, p.Seq)
	}
	if err != nil {
		return t, s.readError("count receivers", err)
	}
	return t, nil
}

// TracedReceivers implements [domain.TraceStore], in the order of the key, as Members.
func (s *Store) TracedReceivers(ctx context.Context, app domain.AppNum, t domain.TracedMessage, p domain.Page) (domain.List[domain.TracedReceiver], error) {
	none := domain.List[domain.TracedReceiver]{}
	m, last := t.Message, domain.UserNum(0)
	if p.Cursor != "" {
		n, err := strconv.ParseInt(p.Cursor, 10, 64)
		if err != nil {
			return none, domain.Invalid("cursor", "is not a cursor that this list answered with")
		}
		last = domain.UserNum(n)
	}
	const query = `SELECT m.user_id, ` + userOfMember + `, m.read_seq,
		COALESCE((SELECT x.muted_until FROM mutes x WHERE x.app_id = m.app_id AND x.conversation_id = m.conversation_id AND x.user_id = m.user_id), 0),
		COALESCE((SELECT l.seen_at FROM last_seen l WHERE l.app_id = m.app_id AND l.user_id = m.user_id), 0),
		COALESCE((SELECT b.created_at FROM blocks b WHERE b.app_id = m.app_id AND b.user_id = m.user_id AND b.blocked_id = ?), 0)
		FROM members m WHERE m.app_id = ? AND m.conversation_id = ? AND m.user_id > ? AND m.joined_seq < ? ORDER BY m.user_id LIMIT ?`
	now := s.clock.Now()
	position := func(r domain.TracedReceiver) string { return strconv.FormatInt(int64(r.User.Num), 10) }
	page, err := list(ctx, s, p, position, func(rows *sqlx.Rows) (r domain.TracedReceiver, err error) {
		var read, muted, seen, blocked int64
		err = rows.Scan(&r.User.Num, &r.User.ID, &read, &muted, &seen, &blocked)
		r.Read, r.Blocked, r.Muted = read >= m.ConversationSeq, blocked != 0, momentOf(muted).After(now)
		r.LastSeen = momentOf(seen)
		return r, err
	}, query, t.Sender, app, m.Conversation, last, m.ConversationSeq, p.Limit+1)
	if err != nil || len(page.Items) == 0 {
		return page, err
	}
	users := make([]domain.UserNum, len(page.Items))
	for i, r := range page.Items {
		users[i] = r.User.Num
	}
	var seqs map[domain.UserNum]int64
	if !t.InGroupLog {
		if seqs, err = s.locate(ctx, app, m, users); err != nil {
			return none, err
		}
	}
	devices, err := s.tracedDevices(ctx, app, t, users, seqs)
	if err != nil {
		return none, err
	}
	for i := range page.Items {
		r := &page.Items[i]
		r.Seq = seqs[r.User.Num]
		for _, d := range devices[r.User.Num] {
			r.Devices = append(r.Devices, d.TracedDevice)
			if d.seen.After(r.LastSeen) {
				r.LastSeen = d.seen
			}
		}
	}
	return page, nil
}

// tracedDevice is a device with its last sign of life.
type tracedDevice struct {
	domain.TracedDevice
	seen time.Time
}

// tracedDevices returns the devices of users, which hold the message when they have
// confirmed their log up to seqs, or that of the group up to it.
func (s *Store) tracedDevices(ctx context.Context, app domain.AppNum, t domain.TracedMessage, users []domain.UserNum, seqs map[domain.UserNum]int64) (map[domain.UserNum][]tracedDevice, error) {
	acked := make(map[string]bool)
	if t.InGroupLog {
		const acks = `SELECT device_id FROM group_acks WHERE app_id = ? AND conversation_id = ? AND acked_seq >= ? AND user_id IN`
		err := selectIn(ctx, s.read, acks, "", []any{app, t.Message.Conversation, t.Message.ConversationSeq}, users, func(rows *sqlx.Rows) error {
			var id string
			err := rows.Scan(&id)
			acked[id] = true
			return err
		})
		if err != nil {
			return nil, s.readError("read acks", err)
		}
	}
	devices := make(map[domain.UserNum][]tracedDevice, len(users))
	query := `SELECT user_id, device_id, type, last_seen_at, acked_seq FROM devices` + s.dialect.index("devices_by_user") + ` WHERE app_id = ? AND user_id IN`
	err := selectIn(ctx, s.read, query, ` ORDER BY user_id, device_id`, []any{app}, users, func(rows *sqlx.Rows) error {
		var user domain.UserNum
		var d tracedDevice
		var seen, ack int64
		err := rows.Scan(&user, &d.ID, &d.Type, &seen, &ack)
		seq := seqs[user]
		d.Acked = acked[string(d.ID)] || seq > 0 && ack >= seq
		d.seen = momentOf(seen)
		devices[user] = append(devices[user], d)
		return err
	})
	if err != nil {
		return nil, s.readError("read devices", err)
	}
	return devices, nil
}

const (
	// disorder bounds how much older than an entry the ones behind it in a log may be:
	// messages are given their time before they wait for their batch, by the clocks of
	// several nodes.
	disorder = time.Minute
	// probes is how many entries of each log are looked at in a round: one round
	// makes what is left of a log to search so many times smaller.
	probes = 8
)

// span is the part of a user's log that an entry may be in.
type span struct{ first, last int64 }

func (s span) len() int64 { return s.last - s.first + 1 }

// probe is an entry that was looked at.
type probe struct {
	user            domain.UserNum
	seq             int64
	conversation    domain.ConversationNum
	conversationSeq int64
	sentAt          int64
}

// locate finds the entries of a message in the logs of users. No index leads from a
// message to them, but entries ascend by the message's number within a conversation,
// and nearly so by time over all: a few entries of all logs at once say where to go on.
func (s *Store) locate(ctx context.Context, app domain.AppNum, m *domain.Message, users []domain.UserNum) (map[domain.UserNum]int64, error) {
	spans, err := s.spans(ctx, app, users)
	if err != nil {
		return nil, err
	}
	found := make(map[domain.UserNum]int64, len(users))
	for len(spans) > 0 {
		before := make(map[domain.UserNum]int64, len(spans))
		var pairs []any
		for user, sp := range spans {
			before[user] = sp.len()
			for i := range min(probes, sp.len()) {
				pairs = append(pairs, user, sp.first+i*sp.len()/min(probes, sp.len()))
			}
		}
		err := s.probe(ctx, app, pairs, func(p probe) {
			if p.conversation == m.Conversation && p.conversationSeq == m.ConversationSeq {
				found[p.user] = p.seq
			}
			spans[p.user] = spans[p.user].narrow(p, m)
		})
		if err != nil {
			return nil, s.readError("find log entries", err)
		}
		for user, sp := range spans {
			switch {
			case found[user] > 0, before[user] <= probes, sp.len() <= 0:
				delete(spans, user)
			case sp.len() > before[user]/2: // about the same time all of it
				if found[user], err = s.scanLog(ctx, app, user, sp, m); err != nil {
					return nil, err
				}
				delete(spans, user)
			}
		}
	}
	return found, nil
}

// narrow takes off what p says that m is not in.
func (s span) narrow(p probe, m *domain.Message) span {
	behind, ahead := p.sentAt < m.SentAt.Add(-disorder).UnixMilli(), p.sentAt > m.SentAt.Add(disorder).UnixMilli()
	if p.conversation == m.Conversation {
		behind, ahead = p.conversationSeq < m.ConversationSeq, p.conversationSeq > m.ConversationSeq
	}
	if behind {
		s.first = max(s.first, p.seq+1)
	}
	if ahead {
		s.last = min(s.last, p.seq-1)
	}
	return s
}

// spans returns the whole logs of users, when they are written.
func (s *Store) spans(ctx context.Context, app domain.AppNum, users []domain.UserNum) (map[domain.UserNum]span, error) {
	spans := make(map[domain.UserNum]span, len(users))
	const query = `SELECT user_id, first_seq, head_seq FROM user_heads WHERE app_id = ? AND user_id IN`
	err := selectIn(ctx, s.read, query, "", []any{app}, users, func(rows *sqlx.Rows) error {
		var user domain.UserNum
		var sp span
		err := rows.Scan(&user, &sp.first, &sp.last)
		if sp.len() > 0 {
			spans[user] = sp
		}
		return err
	})
	if err != nil {
		return nil, s.readError("read log heads", err)
	}
	for user := range spans {
		if err := s.appends.fanouts.wait(ctx, logKey{app, user}); err != nil {
			return nil, err
		}
	}
	return spans, nil
}

// probe looks at entries, given as pairs of a user and a seq.
func (s *Store) probe(ctx context.Context, app domain.AppNum, pairs []any, look func(probe)) error {
	for part := range slices.Chunk(pairs, 2*chunk) {
		query := `SELECT l.user_id, l.seq, l.conversation_id, l.conversation_seq, m.sent_at FROM ` + s.dialect.pairs(len(part)/2) + ` p
			` + s.dialect.then("user_log l") + ` ON l.app_id = ? AND l.user_id = p.a AND l.seq = p.b
			` + s.dialect.then("messages m") + ` ON m.app_id = l.app_id AND m.conversation_id = l.conversation_id AND m.seq = l.conversation_seq`
		err := each(ctx, s.read, func(rows *sqlx.Rows) error {
			var p probe
			err := rows.Scan(&p.user, &p.seq, &p.conversation, &p.conversationSeq, &p.sentAt)
			look(p)
			return err
		}, query, append(slices.Clone(part), app)...)
		if err != nil {
			return err
		}
	}
	return nil
}

// scanLog finds the entry of a message in a part of a log, 0 when it is not there.
func (s *Store) scanLog(ctx context.Context, app domain.AppNum, user domain.UserNum, sp span, m *domain.Message) (int64, error) {
	var seq int64
	const query = `SELECT seq FROM user_log WHERE app_id = ? AND user_id = ? AND seq >= ? AND seq <= ? AND conversation_id = ? AND conversation_seq = ?`
	err := s.read.GetContext(ctx, &seq, query, app, user, sp.first, sp.last, m.Conversation, m.ConversationSeq)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, s.readError(fmt.Sprintf("find log entry of user %d", user), err)
	}
	return seq, nil
}
