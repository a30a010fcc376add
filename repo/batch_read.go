package repo

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// findRepeats settles sends whose client_msg_id is known: with the first answer
// when it is the same send, with a conflict otherwise. It comes before every
// other rule, so that a send that was acknowledged stays so.
func (a *appBatch) findRepeats(ctx context.Context) error {
	byKey := make(map[[16]byte]*item)
	var keys [][]byte
	for _, it := range a.items {
		if it.out.Digest == nil {
			continue
		}
		first, seen := byKey[it.sendKey]
		switch {
		case !seen:
			byKey[it.sendKey] = it
			keys = append(keys, it.sendKey[:])
		case bytes.Equal(first.out.Digest, it.out.Digest):
			it.twin = first
		default:
			it.deferred = true // a conflict only if the first is stored, which the next batch sees
		}
	}
	const query = `SELECT send_key, digest, conversation_id, conversation_seq, sender_seq, sent_at FROM sends WHERE app_id = ? AND send_key IN`
	return selectIn(ctx, a.r, query, "", []any{a.app}, keys, func(rows *sqlx.Rows) error {
		var key, digest []byte
		var conv domain.ConversationNum
		var seq, senderSeq, sentAt int64
		if err := rows.Scan(&key, &digest, &conv, &seq, &senderSeq, &sentAt); err != nil {
			return err
		}
		it := byKey[[16]byte(key)]
		if !bytes.Equal(digest, it.out.Digest) {
			it.err = domain.ErrIdempotencyConflict
			return nil
		}
		at := time.UnixMilli(sentAt).UTC()
		it.receipt = domain.Receipt{
			MessageID: domain.NewMessageID(at, conv, seq), ConversationID: it.message.ConversationID(true),
			ConversationSeq: seq, Seq: senderSeq, SentAt: at, Durable: true, Repeated: true,
		}
		return nil
	})
}

// readUsers finds the numbers of receivers, senders and whom messages mention.
func (a *appBatch) readUsers(ctx context.Context) (err error) {
	want := make(map[domain.UserID]bool)
	for _, it := range live(a.items) {
		if id := it.out.Message.To.User; id != "" {
			want[id] = true
		}
		if id := it.out.Message.Sender.User; id != "" {
			want[id] = true
		}
		if len(it.out.Message.Mentions) > 0 && !it.out.Message.MentionsAll() {
			for _, id := range it.out.Message.Mentions {
				want[domain.UserID(id)] = true
			}
		}
	}
	a.users, err = userNums(ctx, a.r, a.app, slices.Sorted(maps.Keys(want)), "")
	return err
}

// resolveUsers gives receivers their numbers and makes sure that the senders are
// still there.
func (a *appBatch) resolveUsers(context.Context) error {
	for _, it := range live(a.items) {
		it.resolve(a.users)
	}
	return nil
}

func (it *item) resolve(users map[domain.UserID]domain.UserNum) {
	if it.err = it.out.Refusal; it.err != nil {
		return
	}
	if sender := it.out.Message.Sender.User; sender != "" && users[sender] != it.out.User {
		it.err = domain.ErrUnauthorized
		return
	}
	if to := it.out.Message.To.User; to != "" {
		if it.toUser = users[to]; it.toUser == 0 {
			it.err = domain.ErrUserNotFound
		}
	}
}

// readBarriers finds what keeps users from sending to each other.
func (a *appBatch) readBarriers(ctx context.Context) (err error) {
	pairs := make(map[sendTo]bool)
	for _, it := range live(a.items) {
		if p, ok := it.pair(); ok {
			pairs[p] = true
		}
	}
	a.barriers, err = a.store.readBarriers(ctx, a.r, a.app, slices.Collect(maps.Keys(pairs)))
	return err
}

// refuseBarred refuses their sends, before anything is made for them.
func (a *appBatch) refuseBarred(ctx context.Context) error {
	if err := a.store.readContacts(ctx, a.tx, a.app, a.barriers); err != nil {
		return err
	}
	for _, it := range live(a.items) {
		if p, ok := it.pair(); ok {
			it.err = a.barriers.refusal(p)
		}
	}
	return nil
}

// pair returns who sends to whom, once that is resolved. It is not ok where nobody
// can bar the sender.
func (it *item) pair() (p sendTo, ok bool) {
	return sendTo{it.out.User, it.toUser}, it.out.User != 0 && it.toUser != 0 && it.out.User != it.toUser
}

// userNums returns the numbers of the live users among ids; lock, the dialect's
// forUpdate or nothing, keeps them from being deleted.
func userNums(ctx context.Context, q sqlx.QueryerContext, app domain.AppNum, ids []domain.UserID, lock string) (map[domain.UserID]domain.UserNum, error) {
	nums := make(map[domain.UserID]domain.UserNum, len(ids))
	const query = `SELECT user_id, id FROM users WHERE app_id = ? AND deleted_at = 0 AND user_id IN`
	err := selectIn(ctx, q, query, lock, []any{app}, ids, func(rows *sqlx.Rows) error {
		var id domain.UserID
		var num domain.UserNum
		if err := rows.Scan(&id, &num); err != nil {
			return err
		}
		nums[id] = num
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("resolve users: %w", err)
	}
	return nums, nil
}

// Conversations are named by what they are.

func singleKey(a, b domain.UserNum) string {
	key := binary.BigEndian.AppendUint64([]byte("s"), uint64(min(a, b))) //nolint:gosec // bits
	return string(binary.BigEndian.AppendUint64(key, uint64(max(a, b)))) //nolint:gosec // bits
}

func businessKey(user domain.UserNum) string {
	return string(binary.BigEndian.AppendUint64([]byte("b"), uint64(user))) //nolint:gosec // bits
}

func groupKey(group domain.GroupID) string { return "g" + string(group) }

func (it *item) convKey() string {
	switch {
	case it.toUser == 0:
		return groupKey(it.out.Message.To.Group)
	case it.out.User == 0:
		return businessKey(it.toUser)
	}
	return singleKey(it.out.User, it.toUser)
}

// readConversations locks the conversations of the batch in the order of their keys.
func (a *appBatch) readConversations(ctx context.Context) (err error) {
	keys := make(map[string]bool)
	for _, it := range live(a.items) {
		keys[it.convKey()] = true
	}
	a.conversations, err = a.store.lockConversations(ctx, a.r, a.app, slices.Sorted(maps.Keys(keys)))
	return err
}

// begin makes the conversations that do not exist yet.
func (a *appBatch) begin(ctx context.Context) error {
	items := live(a.items)
	var fresh []*item // the first of each conversation that begins
	for _, it := range items {
		key := it.convKey()
		isGroup := it.toUser == 0
		if a.conversations[key] == nil && isGroup {
			it.err = domain.ErrGroupNotFound
			continue
		}
		if a.conversations[key] == nil {
			a.conversations[key] = &conversation{num: domain.ConversationNum(a.store.nums.next(a.store.clock.Now())), key: key}
			fresh = append(fresh, it)
		}
		if it.conv = a.conversations[key]; !isGroup {
			it.receivers = it.members()
		}
	}
	return a.insertConversations(ctx, fresh)
}

// members returns the users of a single conversation, ascending. The business is none.
func (it *item) members() []domain.UserNum {
	switch sender, to := it.out.User, it.toUser; {
	case sender == 0 || sender == to:
		return []domain.UserNum{to}
	default:
		return []domain.UserNum{min(sender, to), max(sender, to)}
	}
}

// lockConversations locks the rows that exist among keys, ascending.
func (s *Store) lockConversations(ctx context.Context, tx sqlx.QueryerContext, app domain.AppNum, keys []string) (map[string]*conversation, error) {
	raw := make([][]byte, len(keys))
	for i, k := range keys {
		raw[i] = []byte(k)
	}
	all := make(map[string]*conversation, len(keys))
	const query = `SELECT id, conv_key, last_seq FROM conversations WHERE app_id = ? AND conv_key IN`
	err := selectIn(ctx, tx, query, " ORDER BY conv_key"+s.dialect.forUpdate, []any{app}, raw, func(rows *sqlx.Rows) error {
		c := &conversation{}
		if err := rows.Scan(&c.num, &c.key, &c.lastSeq); err != nil {
			return err
		}
		all[c.key] = c
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("lock conversations: %w", err)
	}
	return all, nil
}

// authorise refuses users who may not speak in a group. The groups are locked, and
// rules and members change under the same lock, so what is read here is true until
// the commit. It depends on the senders and not on the sizes of the groups.
func (a *appBatch) authorise(ctx context.Context) error {
	groups := make(map[domain.ConversationNum]bool)
	speakers := make(map[speaker]bool)
	for _, it := range live(a.items) {
		if it.toUser != 0 {
			continue
		}
		groups[it.conv.num] = true
		if it.out.User != 0 {
			speakers[it.speaker()] = true
		}
	}
	rules, err := readRules(ctx, a.r, a.app, slices.Sorted(maps.Keys(groups)))
	if err != nil {
		return err
	}
	voices, err := a.store.readVoices(ctx, a.r, a.app, slices.Collect(maps.Keys(speakers)))
	if err != nil {
		return err
	}
	if err := a.r.run(ctx); err != nil {
		return err
	}
	for _, it := range live(a.items) {
		if it.toUser == 0 {
			r := rules[it.conv.num]
			it.isLarge = r.large
			v := voices[it.speaker()]
			if it.err = r.allow(it.out, v); it.err == nil {
				it.err = a.checkQuote(it, it.conv.num, r.readableFrom(v))
			}
		}
	}
	return nil
}

// speaker is who sends to which group.
func (it *item) speaker() speaker { return speaker{it.conv.num, it.out.User} }

// readMembers makes the members of normal groups the receivers of what is sent to
// them. Those of large groups read the log of the group.
func (a *appBatch) readMembers(ctx context.Context) error {
	members := make(map[domain.ConversationNum][]domain.UserNum)
	for _, it := range live(a.items) {
		if it.toUser == 0 && !it.isLarge {
			members[it.conv.num] = nil
		}
	}
	const query = `SELECT conversation_id, user_id FROM members WHERE app_id = ? AND conversation_id IN`
	err := selectIn(ctx, a.tx, query, " ORDER BY conversation_id, user_id", []any{a.app}, slices.Sorted(maps.Keys(members)), func(rows *sqlx.Rows) error {
		var conv domain.ConversationNum
		var user domain.UserNum
		if err := rows.Scan(&conv, &user); err != nil {
			return err
		}
		members[conv] = append(members[conv], user)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read members: %w", err)
	}
	for _, it := range live(a.items) {
		if it.toUser == 0 {
			it.receivers = members[it.conv.num]
		}
	}
	return nil
}

// putOff leaves to the next batch what would make the transaction too large.
func (a *appBatch) putOff(context.Context) error {
	pointers := 0
	for _, it := range live(a.items) {
		if pointers >= maxBatchPointers {
			it.deferred = true // and everything behind it: order is kept
			continue
		}
		pointers += len(it.receivers)
	}
	return nil
}

// readHeadsOfPairs locks the logs of all receivers where these are known already.
func (a *appBatch) readHeadsOfPairs(ctx context.Context) error {
	want := make(map[domain.UserNum]bool)
	for _, it := range live(a.items) {
		if it.toUser == 0 {
			return nil
		}
		for _, user := range it.members() {
			want[user] = true
		}
	}
	return a.readHeads(ctx, a.r, want)
}

// lockHeads locks the logs of all receivers.
func (a *appBatch) lockHeads(ctx context.Context) error {
	if a.heads != nil {
		return nil
	}
	want := make(map[domain.UserNum]bool)
	for _, it := range live(a.items) {
		for _, user := range it.receivers {
			want[user] = true
		}
	}
	return a.readHeads(ctx, a.tx, want)
}

// readHeads locks the logs of users, ascending.
func (a *appBatch) readHeads(ctx context.Context, q sqlx.QueryerContext, want map[domain.UserNum]bool) error {
	a.heads = make(map[domain.UserNum]int64, len(want))
	const query = `SELECT user_id, head_seq FROM user_heads WHERE app_id = ? AND user_id IN`
	err := selectIn(ctx, q, query, " ORDER BY user_id"+a.store.dialect.forUpdate, []any{a.app}, slices.Sorted(maps.Keys(want)), func(rows *sqlx.Rows) error {
		var user domain.UserNum
		var head int64
		if err := rows.Scan(&user, &head); err != nil {
			return err
		}
		a.heads[user] = head
		return nil
	})
	if err != nil {
		return fmt.Errorf("lock logs: %w", err)
	}
	return nil
}
