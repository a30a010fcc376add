package bus

import (
	"sync"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// outgoing is what waits to be written to Redis: the recipients of one delivery,
// or one event.
type outgoing struct {
	delivery domain.Delivery
	body     *wire.Body
	event    *wire.Event // instead of the delivery
	next     int         // the first receiver that is not written
}

// Rough sizes of what an entry keeps in memory apart from the message.
const (
	entryBytes     = 256
	recipientBytes = 32
)

// bytes is about what o keeps in memory. Recipients share the message, which is
// held twice once it is encoded.
func (o *outgoing) bytes() int {
	n := entryBytes + recipientBytes*len(o.delivery.To)
	body := o.body
	if o.event != nil {
		body = o.event.Body
		n += len(o.event.Signal.Message().GetData())
	}
	if body != nil {
		n += 2 * body.Size()
	}
	return n
}

// topics lists whom o is for.
func (o *outgoing) topics() []wire.Topic {
	if o.event != nil {
		return []wire.Topic{o.event.Topic}
	}
	topics := make([]wire.Topic, receivers(&o.delivery))
	for i := range topics {
		topics[i] = receiver(&o.delivery, i)
	}
	return topics
}

// take gives the next event of o, or reports that there is none left.
func (o *outgoing) take() (e wire.Event, ok bool) {
	switch {
	case o.event != nil && o.next == 0:
		e = *o.event
	case o.event == nil && o.next < receivers(&o.delivery):
		e = messageEvent(&o.delivery, o.next, o.body)
	default:
		return e, false
	}
	o.next++
	return e, true
}

// queue holds what the publisher has not begun with, in order.
type queue struct {
	limit int // bytes

	mu    sync.Mutex
	items []*outgoing
	bytes int
}

// put appends o, or reports that there is no room.
func (q *queue) put(o *outgoing) bool {
	size := o.bytes()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes+size > q.limit {
		return false
	}
	q.items = append(q.items, o)
	q.bytes += size
	return true
}

// pop takes out the oldest, or nil.
func (q *queue) pop() *outgoing {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		q.items = nil // let go of the array, which a burst may have made large
		return nil
	}
	o := q.items[0]
	q.items[0] = nil
	q.items = q.items[1:]
	q.bytes -= o.bytes()
	return o
}

// maxLostTopics bounds what is remembered about events that were not published.
const maxLostTopics = 10_000

// lostTopics are the topics that other nodes must be told a gap of.
type lostTopics struct {
	mu     sync.Mutex
	topics map[wire.Topic]struct{}
	all    bool // more than maxLostTopics
}

func (l *lostTopics) add(topics ...wire.Topic) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range topics {
		switch {
		case l.all:
			return
		case t == wire.Topic{} || len(l.topics) >= maxLostTopics:
			l.all, l.topics = true, nil
			return
		case l.topics == nil:
			l.topics = make(map[wire.Topic]struct{})
		}
		l.topics[t] = struct{}{}
	}
}

// take empties l. The zero topic stands for all.
func (l *lostTopics) take() []wire.Topic {
	l.mu.Lock()
	defer l.mu.Unlock()
	var topics []wire.Topic
	if l.all {
		topics = []wire.Topic{{}}
	}
	for t := range l.topics {
		topics = append(topics, t)
	}
	l.topics, l.all = nil, false
	return topics
}
