package domain

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// Delivered tells that messages of a conversation, up to Seq, have come to a device of
// one of its members.
type Delivered struct {
	User UserID
	To   Target // the group, or the other user of a chat
	Seq  int64
	// Peers are told: those of its members who have sent these messages, but for who has
	// blocked the user; nobody in large groups and those of more than [MaxTellDelivered].
	Peers []UserNum
}

// MaxTellDelivered is how many members a group may have whose members are told up to
// where messages were delivered.
const MaxTellDelivered = 100

// DeliveryStore derives up to where messages were delivered from what devices have
// acknowledged of the logs of their users.
type DeliveryStore interface {
	// SettleAcks notes for users what their devices have acknowledged since it did so
	// last. It returns what is to be told of that, and those of the users with more to be
	// noted. What it has not noted readers of positions derive.
	SettleAcks(ctx context.Context, app AppNum, users []UserNum) (told []Delivered, more []UserNum, err error)
}

// AckListener learns that users have acknowledged entries of their logs.
type AckListener interface {
	// Acked must not wait.
	Acked(app AppNum, user UserNum)
}

const (
	// settlePause is between two rounds of noting: what is acknowledged meanwhile goes
	// together.
	settlePause = 50 * time.Millisecond
	// settleRetry is between rounds while the store fails.
	settleRetry = time.Second
	// settleUsers is how many users are noted by one call of the store.
	settleUsers = 64
	// maxAcked bounds the users that wait to be noted. One who finds no place is noted
	// with its next acknowledgement.
	maxAcked = 1 << 16
)

// userOf is a user of an app.
type userOf struct {
	app  AppNum
	user UserNum
}

// Deliveries tells senders up to where their messages were delivered, behind the
// acknowledgements of the devices that have them, which do not wait for it.
type Deliveries struct {
	store   DeliveryStore
	signals SignalPublisher
	clock   Clock
	log     *slog.Logger
	wake    chan struct{}

	mu    sync.Mutex
	acked map[userOf]struct{}
}

// NewDeliveries returns the use case, whose Run does the work; all arguments are needed.
func NewDeliveries(store DeliveryStore, signals SignalPublisher, clock Clock, log *slog.Logger) *Deliveries {
	return &Deliveries{store: store, signals: signals, clock: clock, log: log, wake: make(chan struct{}, 1), acked: make(map[userOf]struct{})}
}

// Acked implements [AckListener].
func (d *Deliveries) Acked(app AppNum, user UserNum) {
	d.mu.Lock()
	if len(d.acked) < maxAcked {
		d.acked[userOf{app, user}] = struct{}{}
	}
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default: // it is awake
	}
}

// Run works until ctx ends, and returns nil. What it leaves is told by nobody, and found
// by who reads positions.
func (d *Deliveries) Run(ctx context.Context) error {
	for {
		select {
		case <-d.wake:
		case <-ctx.Done():
			return nil
		}
		pause := settlePause
		if err := d.settle(ctx); err != nil && ctx.Err() == nil {
			d.log.WarnContext(ctx, "it cannot be noted what devices have acknowledged", slog.Any("err", err))
			pause = settleRetry
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// settle notes for all who have acknowledged, and tells of it.
func (d *Deliveries) settle(ctx context.Context) error {
	d.mu.Lock()
	acked := d.acked
	d.acked = make(map[userOf]struct{})
	d.mu.Unlock()
	byApp := make(map[AppNum][]UserNum)
	for of := range acked {
		byApp[of.app] = append(byApp[of.app], of.user)
	}
	var failed error
	for _, app := range slices.Sorted(maps.Keys(byApp)) {
		slices.Sort(byApp[app])
		for users := range slices.Chunk(byApp[app], settleUsers) {
			told, more, err := d.store.SettleAcks(ctx, app, users)
			if err != nil {
				failed, more = err, users
			}
			for _, one := range told {
				d.tell(app, one)
			}
			for _, user := range more {
				d.Acked(app, user)
			}
		}
	}
	return failed
}

func (d *Deliveries) tell(app AppNum, one Delivered) {
	if len(one.Peers) == 0 {
		return
	}
	data, _ := json.Marshal(positionData{one.Seq}) // numbers cannot fail
	d.signals.PublishSignal(&Signal{
		App: app, Sender: Sender{Type: SenderUser, User: one.User}, To: one.To, Receivers: one.Peers,
		Kind: SignalDelivered, Data: data, SentAt: Millis(d.clock.Now()),
	})
}
