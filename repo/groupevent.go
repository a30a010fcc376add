package repo

import (
	"context"
	"slices"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// tellGroup writes events of a group, whose conversation is locked, to the logs of
// the conversation's members in the transaction that makes them true. The
// deliveries are to be published after its commit.
func (s *Store) tellGroup(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, conv *conversation, group domain.GroupID, at time.Time, events []domain.GroupEvent) ([]domain.Delivery, error) {
	if len(events) == 0 || len(conv.members) == 0 {
		return nil, nil
	}
	slices.Sort(conv.members)
	b := &batch{store: s}
	for _, e := range events {
		m, err := e.Message(group, at)
		if err != nil {
			return nil, err
		}
		out := &domain.Outgoing{App: app, Message: m, Request: domain.RequestOf(ctx)}
		b.items = append(b.items, &item{out: out, message: m, conv: conv})
	}
	a := &appBatch{store: s, tx: tx, app: app, items: b.items, conversations: map[string]*conversation{conv.key: conv}}
	for _, step := range []func(context.Context) error{a.lockHeads, a.number, a.raise, a.insertMessages, a.insertLogs} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return b.deliveries(), nil
}
