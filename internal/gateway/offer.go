package gateway

import (
	"time"

	"github.com/gim-im/gim/wire"
)

// offer takes messages. It reports false when they ran the queue over because the
// client does not read; the session is to be closed then.
func (m *mailbox) offer(events ...*wire.Event) (ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ok, more := m.put(events)
	if more {
		m.wakeUp()
	}
	return ok
}

// offerHere is offer for who can run the pump: here says that it is to do so.
func (m *mailbox) offerHere(events []*wire.Event) (ok, here bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ok, more := m.put(events)
	if more {
		m.pending = true
		here, m.running = !m.running, true
	}
	return ok, here
}

// put is offer with mu held; more says that there is something for the pump.
func (m *mailbox) put(events []*wire.Event) (ok, more bool) {
	for _, e := range events {
		m.seen = max(m.seen, e.Seq)
		switch {
		case m.ending != nil:
			return true, more
		case e.Seq > 0 && !m.live:
			m.missed++
			continue // whoever made it so has woken the pump
		case m.bytes+sizeOf(e) <= m.s.gw.opts.QueueBytes:
			m.events = append(m.events, e)
			m.bytes += sizeOf(e)
		case !m.writing.IsZero() && time.Since(m.writing) >= slowAfter:
			return false, more
		case e.Seq > 0:
			m.stopLive()
		case e.Topic.Kind == wire.TopicGroup && isStored(e):
			m.aboutGroups().groupsMissed = true
		default:
			continue // what is not stored may be lost
		}
		more = true
	}
	return true, more
}

// isPlain reports whether the pump can do what there is without waiting. mu is held.
func (m *mailbox) isPlain() bool {
	return m.live && m.ending == nil && !m.draining && !m.retry && m.opening == nil && m.about == nil
}

// takePlain is take for a pump that must not wait. plain is false when there is
// something that may take long: nothing is taken then, and the pump runs on.
func (m *mailbox) takePlain(done int, rest func()) (b batch, ok, plain bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.isPlain() {
		m.bytes -= done
		return batch{}, false, false
	}
	b, ok = m.takeAll(done, false, rest)
	return b, ok, true
}
