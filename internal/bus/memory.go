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
	pushed := &wire.PushedSignal{
		ConversationId: s.ConversationID(),
		Sender:         &wire.Sender{Type: string(s.Sender.Type), UserId: string(s.Sender.User), DeviceId: string(s.Sender.Device)},
		Kind:           s.Kind, Data: s.Data, SentAt: s.SentAt.UnixMilli(),
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
	for i := range d.To {
		t := wire.Topic{App: d.App, User: d.To[i].User}
		if m.topics[t] == 0 {
			continue
		}
		if body == nil {
			body = wire.NewBody(d.Message)
		}
		e := messageEvent(d, &d.To[i], body)
		events = append(events, &e)
	}
	return events
}

// messageEvent is what one recipient of a delivery is told.
func messageEvent(d *domain.Delivery, to *domain.Recipient, body *wire.Body) wire.Event {
	return wire.Event{
		Kind:     wire.EventMessage,
		Topic:    wire.Topic{App: d.App, User: to.User},
		Seq:      to.Seq,
		IsSender: to.IsSender,
		Body:     body,
		Origin:   d.Origin,
		Request:  d.Request,
	}
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
