package gateway

import (
	"context"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// Bus is how a Hub hears of the topics that somebody here listens to.
type Bus interface {
	// Subscribe makes events of t arrive at Hub.Handle, counted: each call that
	// returns nil needs an Unsubscribe. It returns when the subscription is in
	// force, or soon after when the bus is down; a gap then tells when it is. The
	// only error is that of ctx.
	Subscribe(ctx context.Context, t wire.Topic) error
	// Unsubscribe takes back one Subscribe. It does not wait.
	Unsubscribe(t wire.Topic)
	// Healthy reports whether events arrive; while it is false they may be lost.
	Healthy() bool
	// PublishEvents hands events to the nodes that listen to their topics. It
	// does not wait for the network.
	PublishEvents(events []*wire.Event)
}

// Hub knows who on this node listens to which topic and hands each event to
// them. It does no I/O and never waits for a receiver.
type Hub struct {
	bus    Bus
	seed   maphash.Seed
	shards [64]shard
}

var _ domain.Notifier = (*Hub)(nil)

type shard struct {
	mu        sync.RWMutex // guards what follows
	receivers map[wire.Topic][]receiver
	crowds    map[wire.Topic]*crowd // large groups whose receivers are being told
}

// receiver is told about a topic. receive must not block. It may be called under the
// shard's lock, and once more after the receiver was detached.
type receiver interface {
	receive(e *wire.Event)
}

// NewHub returns a hub without receivers. Its Handle must get the events of bus.
func NewHub(bus Bus) *Hub {
	h := &Hub{bus: bus, seed: maphash.MakeSeed()}
	for i := range h.shards {
		h.shards[i].receivers = make(map[wire.Topic][]receiver)
		h.shards[i].crowds = make(map[wire.Topic]*crowd)
	}
	return h
}

// Handle gives e to the receivers of its topic, or to all when it is a gap of the
// zero topic. It does not block.
func (h *Hub) Handle(e *wire.Event) {
	if e.Topic == (wire.Topic{}) {
		for i := range h.shards {
			h.shards[i].tellAll(e)
		}
		return
	}
	sh := h.shard(e.Topic)
	if sh.tellCrowd(e) {
		return
	}
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	for _, r := range sh.receivers[e.Topic] {
		r.receive(e)
	}
}

// attach makes r receive what concerns t, and returns when the bus delivers it:
// what is published from then on is received. The error is that of ctx, and
// then r is not attached. Otherwise detach must be called.
func (h *Hub) attach(ctx context.Context, t wire.Topic, r receiver) error {
	sh := h.shard(t)
	sh.mu.Lock()
	sh.receivers[t] = append(sh.receivers[t], r)
	sh.mu.Unlock()
	// The bus counts subscriptions, so that nothing depends on the order in which
	// the first receiver comes and the last one goes.
	if err := h.bus.Subscribe(ctx, t); err != nil {
		sh.remove(t, r)
		return err
	}
	return nil
}

func (h *Hub) detach(t wire.Topic, r receiver) {
	h.shard(t).remove(t, r)
	h.bus.Unsubscribe(t)
}

// groups lists the large groups that somebody here follows.
func (h *Hub) groups() (all []subject[domain.ConversationNum, wire.Topic]) {
	for i := range h.shards {
		sh := &h.shards[i]
		sh.mu.RLock()
		for t := range sh.receivers {
			if t.Kind == wire.TopicGroup {
				all = append(all, subject[domain.ConversationNum, wire.Topic]{app: t.App, key: t.Group, of: t})
			}
		}
		sh.mu.RUnlock()
	}
	return all
}

// Connections implements [domain.Occupancy] for what this node serves.
func (h *Hub) Connections(_ context.Context, app domain.AppNum, group domain.ConversationNum) (n int, err error) {
	t := wire.GroupTopic(app, group)
	sh := h.shard(t)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	for _, r := range sh.receivers[t] {
		if _, is := r.(*Session); is { // others only wait
			n++
		}
	}
	return n, nil
}

// Rooms lists the large groups that connections of this node follow, and how many.
func (h *Hub) Rooms() map[domain.Room]int {
	rooms := make(map[domain.Room]int)
	for _, g := range h.groups() {
		if n, _ := h.Connections(context.Background(), g.app, g.key); n > 0 {
			rooms[domain.Room{App: g.app, Group: g.key}] = n
		}
	}
	return rooms
}

// tellHead tells those who follow a group how far its log goes.
func (h *Hub) tellHead(t wire.Topic, head int64, ok bool) {
	if ok {
		h.Handle(&wire.Event{Kind: wire.EventHead, Topic: t, Seq: head})
	}
}

func (h *Hub) shard(t wire.Topic) *shard {
	return &h.shards[maphash.Comparable(h.seed, t)%uint64(len(h.shards))]
}

func (sh *shard) tellAll(e *wire.Event) {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	for _, receivers := range sh.receivers {
		for _, r := range receivers {
			r.receive(e)
		}
	}
}

func (sh *shard) remove(t wire.Topic, r receiver) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	receivers := sh.receivers[t]
	i := slices.Index(receivers, r)
	if i < 0 {
		return
	}
	if len(receivers) == 1 {
		delete(sh.receivers, t)
		return
	}
	sh.receivers[t] = slices.Delete(receivers, i, i+1)
}
