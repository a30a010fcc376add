package repo

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// telling is an event of a group and where it is told: in the logs of receivers
// and, if the group is large by then, in its own.
type telling struct {
	event     domain.GroupEvent
	receivers []domain.UserNum
	isLarge   bool
}

// concerned returns the receivers of an event of a large group among users whose
// ids are in the same order.
func concerned(e domain.GroupEvent, ids []domain.UserID, users []domain.UserNum) []domain.UserNum {
	var nums []domain.UserNum
	for i, id := range ids {
		if users[i] != 0 && e.TellsUser(id) {
			nums = append(nums, users[i])
		}
	}
	return nums
}

// tellGroup writes events of a group, whose conversation is locked, in the
// transaction that makes them true. The deliveries are to be published after its
// commit.
func (s *Store) tellGroup(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, conv *conversation, group domain.GroupID, at time.Time, tellings []telling) ([]domain.Delivery, error) {
	if len(tellings) == 0 {
		return nil, nil
	}
	items := make([]*item, 0, len(tellings))
	for _, t := range tellings {
		m, err := t.event.Message(group, at)
		if err != nil {
			return nil, err
		}
		out := &domain.Outgoing{App: app, Message: m, Request: domain.RequestOf(ctx)}
		slices.Sort(t.receivers)
		items = append(items, &item{out: out, message: m, conv: conv, receivers: t.receivers, isLarge: t.isLarge})
	}
	return s.tell(ctx, tx, app, conv, items)
}

// tell writes entries that do not count as unread, all of one conversation, which is
// locked.
func (s *Store) tell(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, conv *conversation, items []*item) ([]domain.Delivery, error) {
	b := &batch{store: s, items: items}
	a := &appBatch{store: s, tx: tx, w: tx, app: app, items: items, conversations: map[string]*conversation{conv.key: conv}}
	for _, step := range []func(context.Context) error{a.lockHeads, a.number, a.keepShown, a.raise, a.insertMessages, a.insertUncounted, a.insertLogs} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return b.deliveries(), nil
}

// publish hands over what a transaction has told, after its commit.
func (s *Store) publish(ctx context.Context, told []domain.Delivery) {
	if len(told) > 0 {
		domain.NoteMade(ctx, told)
		s.publisher.Publish(told)
	}
}

// insertUncounted notes that the messages are events.
func (a *appBatch) insertUncounted(ctx context.Context) error {
	totals := make(map[domain.ConversationNum]int64)
	var rows []any
	for _, it := range a.items {
		conv := it.conv.num
		total, known := totals[conv]
		if !known {
			var err error
			if total, err = eventsUpTo(ctx, a.tx, a.app, conv, math.MaxInt64); err != nil {
				return err
			}
		}
		totals[conv] = total + 1
		rows = append(rows, a.app, conv, it.message.ConversationSeq, totals[conv], it.message.IsMessageEvent())
	}
	return insert(ctx, a.tx, `INSERT INTO uncounted (app_id, conversation_id, seq, total, quiet)`, "", 5, rows)
}

// keepShown notes of conversations in which only what tells of other messages is added,
// before they are raised, what their last message was before that. MySQL sets columns in
// turn, by those that it has set.
func (a *appBatch) keepShown(ctx context.Context) error {
	added := make(map[domain.ConversationNum]int64)
	for _, it := range a.items {
		added[it.conv.num] = it.conv.added
	}
	for _, it := range a.items {
		if !it.message.IsMessageEvent() {
			delete(added, it.conv.num)
		}
	}
	for conv, n := range added {
		_, err := a.tx.ExecContext(ctx, `UPDATE conversations SET
			shown_seq = CASE WHEN quiet_seq = last_seq THEN shown_seq ELSE last_seq END,
			shown_changed = CASE WHEN quiet_seq = last_seq THEN shown_changed ELSE changed END,
			quiet_seq = last_seq + ? WHERE app_id = ? AND id = ?`, n, a.app, conv)
		if err != nil {
			return err
		}
	}
	return nil
}

// eventsUpTo is how many of the messages of a conversation up to seq are events.
func eventsUpTo(ctx context.Context, q sqlx.QueryerContext, app domain.AppNum, conv domain.ConversationNum, seq int64) (total int64, err error) {
	const query = `SELECT total FROM uncounted WHERE app_id = ? AND conversation_id = ? AND seq <= ? ORDER BY seq DESC LIMIT 1`
	err = sqlx.GetContext(ctx, q, &total, query, app, conv, seq)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return total, err
}
