package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/wire"
)

// world stands in for store, bus, credentials and use cases. Everything is of
// one app; a token is "USER" or "USER/DEVICE".
type world struct {
	hub *gateway.Hub

	mu        sync.Mutex
	users     map[domain.UserID]*user
	events    []*wire.Event // on the bus, not yet delivered
	instant   bool          // the bus delivers at once
	down      bool          // the bus loses everything and says so
	subs      map[wire.Topic]int
	published []*wire.Event
	reads     int
	readErr   error
	authErr   error
	expiry    time.Duration // of tokens; 0 never
	policy    domain.DevicePolicy
	ids       int
	// beforeSend and afterCommit, where set, are called around a commit; the
	// error of the first refuses the send, that of the second is the answer to it.
	beforeSend, afterCommit func(domain.SendParams) error
	onAuth, onRead          func()

	rooms       []*room // large groups
	roomReads   int
	onRoomRead  func()
	onHeads     func() // after the heads of groups were read
	onSubscribe func(wire.Topic)
	onLook      func() // before a group is looked at
	roomReadErr error
}

type user struct {
	num     domain.UserNum
	log     []domain.Entry
	first   int64 // lowest entry kept
	devices map[domain.DeviceID]*device
	sent    map[string]domain.Receipt
}

type device struct{ session, acked int64 }

func newWorld() *world {
	w := &world{users: make(map[domain.UserID]*user), subs: make(map[wire.Topic]int), instant: true}
	w.hub = gateway.NewHub(w)
	for i, id := range []domain.UserID{"alice", "bob"} {
		w.users[id] = &user{
			num: domain.UserNum(i + 1), first: 1, sent: make(map[string]domain.Receipt),
			devices: map[domain.DeviceID]*device{domain.DeviceID(id + "-phone"): {}, domain.DeviceID(id + "-web"): {}},
		}
	}
	return w
}

const app = domain.AppNum(1)

func (w *world) topic(id domain.UserID) wire.Topic {
	return wire.Topic{App: app, User: w.users[id].num}
}

func (w *world) byNum(num domain.UserNum) *user {
	for _, u := range w.users {
		if u.num == num {
			return u
		}
	}
	return nil
}

// commit appends a message to one user's log and puts its event on the bus.
func (w *world) commit(to domain.UserID, m domain.Message, isSender bool, origin string) int64 {
	w.mu.Lock()
	u := w.users[to]
	seq := int64(len(u.log)) + 1
	m.ConversationSeq, m.ID = seq, domain.MessageID(fmt.Sprintf("%s-%d", to, seq))
	m.Status, m.SentAt = domain.StatusNormal, time.UnixMilli(seq).UTC()
	u.log = append(u.log, domain.Entry{Seq: seq, Message: &m, IsSender: isSender})
	e := &wire.Event{
		Kind: wire.EventMessage, Topic: w.topic(to), Seq: seq, IsSender: isSender, Body: wire.NewBody(&m), Origin: origin,
	}
	w.mu.Unlock()
	w.PublishEvents([]*wire.Event{e})
	return seq
}

// receive is a message from somebody else.
func (w *world) receive(to domain.UserID, text string) int64 {
	return w.commit(to, domain.Message{
		Sender: domain.Sender{Type: domain.SenderUser, User: "carol", Device: "carol-phone"}, To: domain.Target{User: to},
		Type: domain.ContentText, Content: fmt.Appendf(nil, `{"text":%q}`, text),
	}, false, "")
}

// deliver takes the i-th event off the bus and gives it to the hub. Another
// publisher may have done so already.
func (w *world) deliver(i int, keep bool) {
	w.mu.Lock()
	if i >= len(w.events) {
		w.mu.Unlock()
		return
	}
	e := w.events[i]
	if !keep {
		w.events = slices.Delete(w.events, i, i+1)
	}
	w.mu.Unlock()
	w.hub.Handle(e)
}

// setOnRead is for while sessions read.
func (w *world) setOnRead(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.onRead = f
}

func (w *world) Subscribe(ctx context.Context, t wire.Topic) error {
	w.mu.Lock()
	w.subs[t]++
	onSubscribe := w.onSubscribe
	w.mu.Unlock()
	if onSubscribe != nil {
		onSubscribe(t)
	}
	return ctx.Err()
}

func (w *world) Unsubscribe(t wire.Topic) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.subs[t]--; w.subs[t] == 0 {
		delete(w.subs, t)
	}
}

func (w *world) Healthy() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.down
}

func (w *world) PublishEvents(events []*wire.Event) {
	w.mu.Lock()
	w.published = append(w.published, events...)
	if !w.down {
		w.events = append(w.events, events...)
	}
	now := w.instant
	w.mu.Unlock()
	for now && w.pending() > 0 {
		w.deliver(0, false)
	}
}

func (w *world) pending() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.events)
}

func (w *world) User(_ context.Context, token string) (domain.Principal, error) {
	w.mu.Lock()
	onAuth, authErr, expiry := w.onAuth, w.authErr, w.expiry
	var id, dev string
	if n, _ := fmt.Sscanf(token, "%s %s", &id, &dev); n == 0 {
		authErr = domain.ErrUnauthorized
	}
	u := w.users[domain.UserID(id)]
	w.mu.Unlock()
	if onAuth != nil {
		onAuth()
	}
	if authErr != nil {
		return domain.Principal{}, authErr
	}
	if u == nil {
		return domain.Principal{}, domain.ErrUnauthorized
	}
	p := domain.Principal{
		Kind: domain.PrincipalUser, App: domain.AppRef{Num: app, ID: "demo"}, User: domain.UserRef{Num: u.num, ID: domain.UserID(id)},
		Device: domain.DeviceID(dev), KeyID: "k1",
	}
	if expiry != 0 {
		p.ExpiresAt = time.Now().Add(expiry)
	}
	return p, nil
}

func (w *world) Send(_ context.Context, by domain.Principal, p domain.SendParams) (domain.Receipt, error) {
	if w.beforeSend != nil {
		if err := w.beforeSend(p); err != nil {
			return domain.Receipt{}, err
		}
	}
	m := domain.Message{
		Sender: domain.Sender{Type: domain.SenderUser, User: by.User.ID, Device: by.Device}, To: p.To,
		Type: p.Type, Content: slices.Clone(p.Content), ClientMsgID: p.ClientMsgID, Mentions: p.Mentions,
	}
	if r := w.room(p.To.Group); r != nil {
		return w.sendToRoom(r, &m, p)
	}
	if p.Ephemeral {
		m.ID = "ephemeral"
		for _, id := range []domain.UserID{by.User.ID, p.To.User} {
			w.PublishEvents([]*wire.Event{{
				Kind: wire.EventMessage, Topic: w.topic(id), IsSender: id == by.User.ID, Body: wire.NewBody(&m), Origin: p.Origin,
			}})
		}
		return domain.Receipt{MessageID: m.ID, ConversationID: m.ConversationID(true)}, nil
	}
	u := w.users[by.User.ID]
	w.mu.Lock()
	r, twice := u.sent[p.ClientMsgID]
	w.mu.Unlock()
	if twice {
		r.Repeated = true
		return r, nil
	}
	seq := w.commit(by.User.ID, m, true, p.Origin)
	if p.To.User != "" && p.To.User != by.User.ID {
		w.commit(p.To.User, m, false, p.Origin)
	}
	r = domain.Receipt{
		MessageID: domain.MessageID(fmt.Sprintf("%s-%d", by.User.ID, seq)), ConversationID: m.ConversationID(true),
		ConversationSeq: seq, Seq: seq, SentAt: time.UnixMilli(seq).UTC(), Durable: true,
	}
	if p.ClientMsgID != "" {
		w.mu.Lock()
		u.sent[p.ClientMsgID] = r
		w.mu.Unlock()
	}
	if w.afterCommit != nil {
		if err := w.afterCommit(p); err != nil {
			return domain.Receipt{}, err
		}
	}
	return r, nil
}

// Signal tells the target's sessions.
func (w *world) Signal(_ context.Context, by domain.Principal, p domain.SignalParams) error {
	if p.Kind == "" {
		return domain.Invalid("/kind", "must have 1 to 32 characters")
	}
	var topic wire.Topic
	if r := w.room(p.To.Group); r != nil {
		topic = r.topic()
	} else {
		topic = w.topic(p.To.User)
	}
	w.PublishEvents([]*wire.Event{{Kind: wire.EventSignal, Topic: topic, Signal: wire.NewSignal(&wire.PushedSignal{
		ConversationId: "user:" + string(by.User.ID), Sender: &wire.Sender{Type: "user", UserId: string(by.User.ID)},
		Kind: p.Kind, Data: []byte("{}"),
	})}})
	return nil
}

func (w *world) Sync(ctx context.Context, by domain.Principal, p domain.SyncParams) (domain.SyncPage, error) {
	page, err := w.ReadLog(ctx, by.App.Num, by.User.Num, p.After, p.Limit)
	if err != nil {
		return domain.SyncPage{}, err
	}
	return domain.SyncPage{LogPage: page}, page.CheckCursor(p.After, p.Epoch)
}

func (w *world) ReadLog(ctx context.Context, _ domain.AppNum, num domain.UserNum, after int64, limit int) (domain.LogPage, error) {
	page, onRead, err := w.readLog(num, after, limit)
	if err == nil && onRead != nil { // what happens right after the snapshot
		onRead()
	}
	if err == nil {
		err = ctx.Err()
	}
	return page, err
}

func (w *world) readLog(num domain.UserNum, after int64, limit int) (domain.LogPage, func(), error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads++
	if w.readErr != nil {
		return domain.LogPage{}, nil, w.readErr
	}
	u := w.byNum(num)
	head := int64(len(u.log))
	page := domain.LogPage{LogHead: domain.LogHead{First: u.first, Head: head, Epoch: "e1"}}
	from := max(after+1, u.first)
	for seq := from; seq <= head && len(page.Entries) < limit; seq++ {
		page.Entries = append(page.Entries, u.log[seq-1])
	}
	page.HasMore = from+int64(len(page.Entries)) <= head
	return page, w.onRead, nil
}

func (w *world) Heads(_ context.Context, _ domain.AppNum, users []domain.UserNum) (map[domain.UserNum]int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	heads := make(map[domain.UserNum]int64)
	for _, num := range users {
		heads[num] = int64(len(w.byNum(num).log))
	}
	return heads, nil
}

func (w *world) Sessions(_ context.Context, _ domain.AppNum, devices []domain.DeviceID) (map[domain.DeviceID]int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	numbers := make(map[domain.DeviceID]int64)
	for _, u := range w.users {
		for id, d := range u.devices {
			if slices.Contains(devices, id) {
				numbers[id] = d.session
			}
		}
	}
	return numbers, nil
}

func (w *world) Ack(_ context.Context, by domain.Principal, id domain.DeviceID, seq int64) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.byNum(by.User.Num)
	if seq > int64(len(u.log)) {
		return 0, domain.ErrBadAck
	}
	d := u.devices[id]
	d.acked = max(d.acked, seq)
	return d.acked, nil
}

func (w *world) OpenSession(_ context.Context, by domain.Principal, id domain.DeviceID) (domain.DeviceSession, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.byNum(by.User.Num).devices[id]
	if d == nil {
		return domain.DeviceSession{}, domain.ErrDeviceNotFound
	}
	d.session++
	return domain.DeviceSession{Number: d.session, Type: "ios", Policy: w.policy}, nil
}

func (w *world) NewID() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ids++
	return fmt.Sprintf("id%d", w.ids)
}

var errStore = domain.Trace(errors.New("the disk is on fire"))
