package repo

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

var _ domain.DeliveryStore = (*Store)(nil)

const (
	// maxSettle is how many entries of a user's log are settled at once.
	maxSettle = 200
	// fewUnsettled is how many entries need not be settled where nothing comes of them.
	fewUnsettled = 32
)

// acks are how far a user's log was acknowledged, by the device that is furthest, and
// up to where deliveries has what follows from it.
type acks struct {
	user           domain.UserRef
	acked, settled int64
}

// ackColumns are the best ack of all devices of t, of those that are gone, and what is
// settled; a joins it to t.
func (d dialect) ackColumns(t, user string) string {
	return `COALESCE((SELECT MAX(v.acked_seq) FROM devices v` + d.index("devices_by_user") + ` WHERE v.app_id = ` + t + `.app_id AND v.user_id = ` + t + `.` + user + `), 0),
		COALESCE(a.acked_seq, 0), COALESCE(a.settled_seq, 0)`
}

// settlement is up to where one user has got the messages of a conversation.
type settlement struct {
	seq     int64
	senders map[domain.UserNum]domain.UserID // of these messages, without the business
	member  *deliveredMember
}

// deliveredMember is what it depends on whom somebody's membership is told about.
type deliveredMember struct {
	kind    int
	key     string // of the conversation
	readSeq int64
	members int // of the group
}

// isTold reports whether others are told up to where the member has got messages.
func (m *deliveredMember) isTold() bool {
	return m.kind == kindSingle || m.kind == kindNormal && m.members <= domain.MaxTellDelivered
}

// SettleAcks implements [domain.DeliveryStore]. Nothing is read about who has nothing
// new, and the number of statements depends on that of the entries only.
func (s *Store) SettleAcks(ctx context.Context, app domain.AppNum, users []domain.UserNum) (told []domain.Delivered, more []domain.UserNum, err error) {
	all, err := s.unsettled(ctx, app, users)
	if err != nil || len(all) == 0 {
		return nil, nil, s.settleError(err)
	}
	ids := make(map[domain.UserNum]domain.UserID, len(all))
	var entries []any
	for i := range all {
		a := &all[i]
		ids[a.user.Num] = a.user.ID
		if a.acked > a.settled+maxSettle {
			a.acked = a.settled + maxSettle
			more = append(more, a.user.Num)
		}
		for seq := a.settled + 1; seq <= a.acked; seq++ {
			entries = append(entries, a.user.Num, seq)
		}
	}
	settlements, err := s.settlements(ctx, app, entries)
	if err != nil {
		return nil, nil, s.settleError(err)
	}
	if err := s.writeSettlements(ctx, app, all, settlements); err != nil {
		return nil, nil, err
	}
	told, err = s.tellings(ctx, app, ids, settlements)
	return told, more, s.settleError(err)
}

func (s *Store) settleError(err error) error {
	if err == nil {
		return nil
	}
	return s.readError("settle acks", err)
}

// unsettled returns those of users who have acknowledged more than is settled, when
// their logs are written.
func (s *Store) unsettled(ctx context.Context, app domain.AppNum, users []domain.UserNum) (all []acks, err error) {
	query := `SELECT u.id, u.user_id, ` + s.dialect.ackColumns("u", "id") + `
		FROM users u LEFT JOIN user_acks a ON a.app_id = u.app_id AND a.user_id = u.id WHERE u.app_id = ? AND u.id IN`
	err = selectIn(ctx, s.read, query, "", []any{app}, users, func(rows *sqlx.Rows) error {
		var a acks
		var gone int64
		err := rows.Scan(&a.user.Num, &a.user.ID, &a.acked, &gone, &a.settled)
		if a.acked = max(a.acked, gone); a.acked > a.settled {
			all = append(all, a)
		}
		return err
	})
	slices.SortFunc(all, func(a, b acks) int { return cmp.Compare(a.user.Num, b.user.Num) })
	for i := range all {
		if err == nil {
			err = s.appends.fanouts.wait(ctx, logKey{app, all[i].user.Num})
		}
	}
	return all, err
}

// settlements puts together what follows from log entries, given as pairs of a user and
// a seq, for the conversations whose members see it.
func (s *Store) settlements(ctx context.Context, app domain.AppNum, entries []any) (map[speaker]*settlement, error) {
	all := make(map[speaker]*settlement)
	for part := range slices.Chunk(entries, 2*chunk) {
		err := each(ctx, s.read, func(rows *sqlx.Rows) error {
			var of speaker
			var seq int64
			var sender domain.UserNum
			var id domain.UserID
			if err := rows.Scan(&of.user, &of.group, &seq, &sender, &id); err != nil || sender == of.user {
				return err
			}
			if all[of] == nil {
				all[of] = &settlement{senders: make(map[domain.UserNum]domain.UserID)}
			}
			if all[of].seq = max(all[of].seq, seq); sender != 0 {
				all[of].senders[sender] = id
			}
			return nil
		}, s.dialect.sendersAt(len(part)/2), append(slices.Clone(part), app)...)
		if err != nil {
			return nil, err
		}
	}
	wanted := make(map[speaker]bool)
	for of, one := range all {
		wanted[of] = true
		for sender := range one.senders {
			wanted[speaker{of.group, sender}] = true
		}
	}
	members, err := s.deliveredMembers(ctx, app, slices.Collect(maps.Keys(wanted)))
	maps.DeleteFunc(all, func(of speaker, one *settlement) bool {
		one.member = members[of]
		maps.DeleteFunc(one.senders, func(sender domain.UserNum, _ domain.UserID) bool { return members[speaker{of.group, sender}] == nil })
		return one.member == nil
	})
	return all, err
}

// sendersAt is the query for whose messages the entries are at n pairs, each of a user and a seq.
func (d dialect) sendersAt(n int) string {
	return `SELECT l.user_id, l.conversation_id, l.conversation_seq, m.sender, m.sender_id FROM ` + d.pairs(n) + ` p
		` + d.then("user_log l") + ` ON l.app_id = ? AND l.user_id = p.a AND l.seq = p.b
		` + d.then("messages m") + ` ON m.app_id = l.app_id AND m.conversation_id = l.conversation_id AND m.seq = l.conversation_seq`
}

// deliveredMembers reads memberships, but of large groups and of chats that are over.
func (s *Store) deliveredMembers(ctx context.Context, app domain.AppNum, all []speaker) (map[speaker]*deliveredMember, error) {
	members := make(map[speaker]*deliveredMember, len(all))
	for part := range slices.Chunk(all, chunk) {
		args := make([]any, 0, 2*len(part)+1)
		for _, of := range part {
			args = append(args, of.group, of.user)
		}
		err := each(ctx, s.read, func(rows *sqlx.Rows) error {
			var of speaker
			m := &deliveredMember{}
			err := rows.Scan(&of.group, &of.user, &m.kind, &m.readSeq, &m.key, &m.members)
			if m.kind == kindSingle || m.kind == kindNormal {
				members[of] = m
			}
			return err
		}, s.dialect.deliveredMembers(len(part)), append(args, app)...)
		if err != nil {
			return nil, err
		}
	}
	return members, nil
}

// deliveredMembers is the query for n pairs, each of a conversation and a user.
func (d dialect) deliveredMembers(n int) string {
	return `SELECT m.conversation_id, m.user_id, m.kind, m.read_seq, c.conv_key,
		COALESCE((SELECT g.member_count FROM chat_groups g WHERE g.app_id = m.app_id AND g.id = m.conversation_id), 0) FROM ` + d.pairs(n) + ` p
		` + d.then("members m") + ` ON m.app_id = ? AND m.conversation_id = p.a AND m.user_id = p.b
		` + d.then("conversations c") + ` ON c.app_id = m.app_id AND c.id = m.conversation_id`
}

// writeSettlements notes settlements and up to where each user's log is settled.
func (s *Store) writeSettlements(ctx context.Context, app domain.AppNum, all []acks, settlements map[speaker]*settlement) error {
	users := make(map[domain.UserNum]bool)
	var rows, settled, changes []any
	conversations := make(map[domain.ConversationNum]bool)
	changed := s.nums.next(s.clock.Now())
	order := func(a, b speaker) int { return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.user, b.user)) }
	for _, of := range slices.SortedFunc(maps.Keys(settlements), order) {
		one := settlements[of]
		users[of.user] = true
		rows = append(rows, app, of.group, of.user, one.seq)
		if one.seq > one.member.readSeq && one.member.isTold() && !conversations[of.group] {
			conversations[of.group] = true
			changes = append(changes, app, of.group, changed)
		}
	}
	for _, a := range all {
		if users[a.user.Num] || a.acked-a.settled > fewUnsettled {
			settled = append(settled, app, a.user.Num, 0, a.acked)
		}
	}
	if len(settled) == 0 {
		return nil
	}
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := insert(ctx, tx, `INSERT INTO deliveries (app_id, conversation_id, user_id, seq)`,
			s.dialect.raise([]string{"app_id", "conversation_id", "user_id"}, "seq"), 4, rows); err != nil {
			return err
		}
		if err := insert(ctx, tx, insertConversationRead, s.dialect.raise([]string{"app_id", "conversation_id"}, "changed"), 3, changes); err != nil {
			return err
		}
		return insert(ctx, tx, insertUserAcks,
			s.dialect.raise([]string{"app_id", "user_id"}, "settled_seq"), 4, settled)
	})
}

const insertUserAcks = `INSERT INTO user_acks (app_id, user_id, acked_seq, settled_seq)`

// tellings are what is told of settlements to whom: nothing that a read position says.
func (s *Store) tellings(ctx context.Context, app domain.AppNum, ids map[domain.UserNum]domain.UserID, settlements map[speaker]*settlement) (told []domain.Delivered, err error) {
	var pairs, chats []sendTo // chats has one for each of told, zero for groups
	for of, one := range settlements {
		if one.seq <= one.member.readSeq || !one.member.isTold() || len(one.senders) == 0 {
			continue
		}
		d := domain.Delivered{User: ids[of.user], Seq: one.seq, Peers: slices.Sorted(maps.Keys(one.senders))}
		var chat sendTo
		if one.member.kind == kindSingle {
			d.To.User = one.senders[d.Peers[0]]
			chat = sendTo{from: of.user, to: d.Peers[0]}
			pairs = append(pairs, chat)
		} else {
			d.To.Group = domain.GroupID(one.member.key[1:])
		}
		told, chats = append(told, d), append(chats, chat)
	}
	b, err := s.readBarriers(ctx, s.read, app, pairs)
	if err != nil {
		return nil, err
	}
	kept := told[:0]
	for i, d := range told {
		if !b.blocked[chats[i]] {
			kept = append(kept, d)
		}
	}
	return kept, nil
}

// addUnsettled adds to positions of members what acks say that is not settled yet;
// members are in the order of all.
func (s *Store) addUnsettled(ctx context.Context, app domain.AppNum, conv domain.ConversationNum, all []acks, members []domain.ConversationMember) error {
	at := make(map[domain.UserNum]int, len(all))
	var open []acks
	for i, a := range all {
		if at[a.user.Num] = i; a.acked <= a.settled {
			continue
		}
		if err := s.appends.fanouts.wait(ctx, logKey{app, a.user.Num}); err != nil {
			return err
		}
		open = append(open, a)
	}
	for part := range slices.Chunk(open, maxUnions) {
		var args []any
		for _, a := range part {
			args = append(args, app, a.user.Num, a.settled, a.acked, conv, a.user.Num)
		}
		err := each(ctx, s.read, func(rows *sqlx.Rows) error {
			var user domain.UserNum
			var seq int64
			err := rows.Scan(&user, &seq)
			m := &members[at[user]]
			m.DeliveredSeq = max(m.DeliveredSeq, seq)
			return err
		}, s.dialect.lastOfOthers(len(part)), args...)
		if err != nil {
			return fmt.Errorf("derive from acks: %w", err)
		}
	}
	return nil
}

// maxUnions is how many queries are put together; SQLite takes 500.
const maxUnions = 100

// lastOfOthers is the query for the last message of a conversation, and of others, in
// each of n parts of logs.
func (d dialect) lastOfOthers(n int) string {
	one := `SELECT l.user_id, MAX(l.conversation_seq) FROM user_log l` + d.then("messages m") + `
		ON m.app_id = l.app_id AND m.conversation_id = l.conversation_id AND m.seq = l.conversation_seq
		WHERE l.app_id = ? AND l.user_id = ? AND l.seq > ? AND l.seq <= ? AND l.conversation_id = ? AND m.sender <> ? GROUP BY l.user_id`
	return one + strings.Repeat(` UNION ALL `+one, n-1)
}
