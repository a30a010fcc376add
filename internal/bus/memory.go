package bus

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

var _ Bus = (*Memory)(nil)

// Memory is the bus of a single node: publishing calls the handler.
type Memory struct {
	handle Handler

	mu     sync.RWMutex
	topics map[wire.Topic]int // how often each is subscribed to
}

// NewMemory returns a bus that gives events to handle.
func NewMemory(handle Handler) *Memory {
	return &Memory{handle: handle, topics: make(map[wire.Topic]int)}
}

// Publish implements [Bus].
func (m *Memory) Publish(deliveries []domain.Delivery) {
	for i := range deliveries {
		m.deliver(&deliveries[i], nil)
	}
}

// PublishSignal implements [Bus].
func (m *Memory) PublishSignal(s *domain.Signal) { m.PublishEvents(signalEvents(s)) }

// signalEvents is what the receivers of a signal are told; all are told the same.
func signalEvents(s *domain.Signal) []*wire.Event {
	pushed := wire.NewSignal(&wire.PushedSignal{
		ConversationId: s.ConversationID(),
		Sender:         &wire.Sender{Type: string(s.Sender.Type), UserId: string(s.Sender.User), DeviceId: string(s.Sender.Device)},
		Kind:           s.Kind, Data: s.Data, SentAt: s.SentAt.UnixMilli(),
	})
	if s.Group != 0 {
		return []*wire.Event{{Kind: wire.EventSignal, Topic: wire.GroupTopic(s.App, s.Group), Signal: pushed}}
	}
	events := make([]*wire.Event, len(s.Receivers))
	for i, user := range s.Receivers {
		events[i] = &wire.Event{Kind: wire.EventSignal, Topic: wire.Topic{App: s.App, User: user}, Signal: pushed}
	}
	return events
}

// PublishEvents implements [Bus].
func (m *Memory) PublishEvents(events []*wire.Event) {
	for _, e := range events {
		if m.has(e.Topic) {
			m.handle(e)
		}
	}
}

// Subscribe implements [Bus]; it never waits.
func (m *Memory) Subscribe(ctx context.Context, t wire.Topic) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.add(t)
	return nil
}

// Unsubscribe implements [Bus].
func (m *Memory) Unsubscribe(t wire.Topic) { m.remove(t) }

// Healthy implements [Bus]: a function call is not lost.
func (m *Memory) Healthy() bool { return true }

// Run implements [Bus]. There is nothing to do.
func (m *Memory) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// deliver gives d to those of its recipients that are listened to here. body is
// that of d's message, or nil to make one if there is somebody.
func (m *Memory) deliver(d *domain.Delivery, body *wire.Body) {
	for _, e := range m.events(d, body) {
		m.handle(e)
	}
}

func (m *Memory) events(d *domain.Delivery, body *wire.Body) (events []*wire.Event) {
	m.mu.RLock() // once for all recipients, and not while the handler runs
	defer m.mu.RUnlock()
	for i := range receivers(d) {
		if m.topics[receiver(d, i)] == 0 {
			continue
		}
		if body == nil {
			body = wire.NewBody(d.Message)
		}
		e := messageEvent(d, i, body)
		events = append(events, &e)
	}
	return events
}

// receivers is how many topics a delivery goes to: one for each recipient, and
// one for a large group.
func receivers(d *domain.Delivery) int {
	if d.Group != 0 {
		return len(d.To) + 1
	}
	return len(d.To)
}

// receiver is the topic of the ith of them. A group comes last: whom a message
// makes a member is told so before it sees the group's log grow.
func receiver(d *domain.Delivery, i int) wire.Topic {
	if i == len(d.To) {
		return wire.GroupTopic(d.App, d.Group)
	}
	return wire.Topic{App: d.App, User: d.To[i].User}
}

// messageEvent is what the ith receiver of a delivery is told.
func messageEvent(d *domain.Delivery, i int, body *wire.Body) wire.Event {
	e := wire.Event{Kind: wire.EventMessage, Topic: receiver(d, i), Body: body, Origin: d.Origin, Request: d.Request}
	if i < len(d.To) {
		e.Seq, e.IsSender = d.To[i].Seq, d.To[i].IsSender
	}
	return e
}

func (m *Memory) has(t wire.Topic) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.topics[t] > 0
}

// add counts one more subscription and reports whether it is the first.
func (m *Memory) add(t wire.Topic) (first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.topics[t]++
	return m.topics[t] == 1
}

// remove counts one less and reports whether it was the last.
func (m *Memory) remove(t wire.Topic) (last bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch n := m.topics[t]; n {
	case 0:
		return false // more Unsubscribes than Subscribes
	case 1:
		delete(m.topics, t)
		return true
	default:
		m.topics[t] = n - 1
		return false
	}
}

// all lists the topics that are subscribed to.
func (m *Memory) all() []wire.Topic {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Collect(maps.Keys(m.topics))
}
