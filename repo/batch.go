package repo

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// batch is one transaction of sends. Its steps are sets: the number of
// statements depends on the number of apps in it, not on that of messages.
type batch struct {
	store *Store
	items []*item // in order of arrival
	// isAwaited, if there is one, reports that the transaction keeps others waiting,
	// who are to come before the log entries of messages to many: they are in left.
	isAwaited func() bool
	left      []*fanout
}

// item is a send on its way through a batch.
type item struct {
	send *send
	out  *domain.Outgoing

	err      error          // refused; nothing of it is written
	receipt  domain.Receipt // when neither refused nor deferred
	twin     *item          // an earlier item of the batch with the same client_msg_id
	deferred bool           // left to the next batch

	sendKey [16]byte       // of (sender, client_msg_id); zero without one
	toUser  domain.UserNum // 0 for a group
	conv    *conversation
	isLarge bool // in the log of a large group, whatever the receivers
	message domain.Message
	// receivers have the message in their logs: the members of a conversation, or
	// whom an event concerns.
	receivers []domain.UserNum
	to        []domain.Recipient // the receivers, with their numbers
}

// conversation is a row that the batch has locked.
type conversation struct {
	num     domain.ConversationNum
	key     string
	lastSeq int64
	added   int64 // messages of this batch
}

func newBatch(s *Store, sends []*send) *batch {
	b := &batch{store: s, items: make([]*item, len(sends))}
	for i, p := range sends {
		it := &item{send: p, out: &p.out, message: p.out.Message}
		if id := p.out.Message.ClientMsgID; id != "" {
			it.sendKey = sendKey(p.out.User, id)
		}
		b.items[i] = it
	}
	return b
}

// sendKey digests who sends under which client_msg_id to 128 bits.
func sendKey(sender domain.UserNum, clientMsgID string) (key [16]byte) {
	sum := sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, uint64(sender)), clientMsgID...)) //nolint:gosec // bits
	copy(key[:], sum[:])
	return key
}

// live returns the items that are neither settled nor put off.
func live(items []*item) []*item {
	return slices.DeleteFunc(slices.Clone(items), func(it *item) bool {
		return it.err != nil || it.twin != nil || it.deferred || it.receipt.Repeated
	})
}

// run writes the batch in tx, app by app.
func (b *batch) run(ctx context.Context, tx *sqlx.Tx) error {
	byApp := make(map[domain.AppNum][]*item)
	for _, it := range b.items {
		byApp[it.out.App] = append(byApp[it.out.App], it)
	}
	apps := make([]domain.AppNum, 0, len(byApp))
	for app := range byApp {
		apps = append(apps, app)
	}
	slices.Sort(apps) // locks are taken in one order on every node
	for _, app := range apps {
		a := &appBatch{store: b.store, tx: tx, w: tx, app: app, items: byApp[app], isAwaited: b.isAwaited}
		if a.r = (&reads{Tx: tx, atOnce: b.store.dialect.atOnce}); a.r.atOnce {
			a.w = &script{tx: tx}
		}
		if err := a.run(ctx); err != nil {
			return fmt.Errorf("append to app %d: %w", app, err)
		}
		b.left = append(b.left, a.left...)
	}
	return nil
}

// deliveries returns what is to be told to the nodes, in order of the numbers.
func (b *batch) deliveries() []domain.Delivery {
	var all []domain.Delivery
	for _, it := range live(b.items) {
		d := domain.Delivery{App: it.out.App, Message: &it.message, To: it.to, Origin: it.out.Origin, Request: it.out.Request}
		if it.isLarge {
			d.Group = it.conv.num
		}
		all = append(all, d)
	}
	return all
}

// appBatch is the part of a batch that concerns one app.
type appBatch struct {
	store *Store
	tx    *sqlx.Tx
	r     *reads
	w     execer // what is written at the end: tx, or a script of it
	app   domain.AppNum
	items []*item

	isAwaited func() bool // as in batch
	left      []*fanout

	users         map[domain.UserID]domain.UserNum
	quotes        map[quote]bool // that may be
	barriers      *barriers
	conversations map[string]*conversation
	heads         map[domain.UserNum]int64
	taken         map[domain.UserNum]int64 // numbers taken from each head
}

func (a *appBatch) run(ctx context.Context) error {
	steps := []func(context.Context) error{
		a.findRepeats, a.readUsers, a.runReads, a.resolveUsers,
		a.readBarriers, a.readConversations, a.readHeadsOfPairs, a.readQuotes, a.runReads, a.refuseBarred, a.refuseQuotes, a.begin,
		a.authorise, a.readMembers, a.putOff, a.lockHeads,
		a.number, a.raise, a.countSent, a.insertMessages, a.insertLogs, a.insertSends, a.runWrites,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	for _, it := range a.items {
		if it.twin != nil {
			it.settleAs(it.twin)
		}
	}
	return nil
}

func (a *appBatch) runReads(ctx context.Context) error { return a.r.run(ctx) }

func (a *appBatch) runWrites(ctx context.Context) error {
	if all, ok := a.w.(*script); ok {
		return all.run(ctx)
	}
	return nil
}

// settleAs gives a repeat the outcome of the first of its kind.
func (it *item) settleAs(first *item) {
	it.err, it.deferred = first.err, first.deferred
	it.receipt = first.receipt
	it.receipt.Repeated = true
}

// number gives each message its place in its conversation and in the log of
// each receiver.
func (a *appBatch) number(context.Context) error {
	a.taken = make(map[domain.UserNum]int64, len(a.heads))
	for _, it := range live(a.items) {
		c := it.conv
		c.added++
		it.message.Conversation = c.num
		it.message.ConversationSeq = c.lastSeq + c.added
		it.message.ID = domain.NewMessageID(it.message.SentAt, c.num, it.message.ConversationSeq)
		it.receipt = domain.Receipt{
			MessageID: it.message.ID, ConversationID: it.message.ConversationID(true),
			ConversationSeq: it.message.ConversationSeq, SentAt: it.message.SentAt, Durable: true,
		}
		it.to = make([]domain.Recipient, len(it.receivers))
		for i, user := range it.receivers {
			head, ok := a.heads[user]
			if !ok {
				return fmt.Errorf("user %d has no log", user)
			}
			a.taken[user]++
			it.to[i] = domain.Recipient{User: user, Seq: head + a.taken[user], IsSender: user == it.out.User}
			if it.to[i].IsSender {
				it.receipt.Seq = it.to[i].Seq
			}
		}
	}
	return nil
}
