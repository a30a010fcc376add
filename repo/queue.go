package repo

import (
	"slices"
	"sync"

	"github.com/gim-im/gim/domain"
)

// maxQueuedBytes bounds the sends that wait for a commit, and maxFlowBytes those
// of one conversation, so that it cannot shut out all others. Beyond it a send is
// refused as unavailable: the database is far behind, and more would not help.
const (
	maxQueuedBytes = 64 << 20
	maxFlowBytes   = maxQueuedBytes / 2
)

// A batch takes what waits, but not more than this. How many log entries a send
// makes is only known in the transaction, which puts off what is too much.
const (
	maxBatchSends    = 512
	maxBatchBytes    = 4 << 20
	maxBatchPointers = 4_000 // log entries; the last send may go beyond
	maxGivingWay     = 100   // the same, while conversations that do not wait come in between
	maxExpress       = 3     // batches in a row that leave out those who wait
)

// send is one Append under way.
type send struct {
	out  domain.Outgoing
	done chan outcome // capacity 1
	cost int          // log entries that its flow was charged for it
}

type outcome struct {
	receipt domain.Receipt
	err     error
}

// size estimates the memory that s holds, in bytes.
func (s *send) size() int {
	return 512 + len(s.out.Message.Content) + len(s.out.Message.Mentions)*(16+domain.MaxIDLength)
}

// appendQueue holds sends until they are committed. It is fair between
// conversations: each has a flow of its own, in the order of arrival, and flows
// that wait take turns in which they may make a quantum of log entries, so that
// a group in a storm takes its share and not the queue (deficit round robin).
//
// A conversation that did not wait, and asks for little, has a lane of its own:
// while others wait, up to maxExpress batches in a row are of that lane alone, and
// one that is not is small, so that neither side waits for more than a little of
// the other.
type appendQueue struct {
	wake chan struct{} // capacity 1

	mu      sync.Mutex // guards what follows
	flows   map[flowKey]*flow
	fresh   lane // flows that have not had their first turn, and ask for little
	waiting lane
	express int // how many batches in a row left out those who wait, up to the last
	costs   costHints
	sends   int
	bytes   int
	closed  bool // Run has ended
}

func (q *appendQueue) init() { q.wake = make(chan struct{}, 1) }

// push adds s, or reports false when the queue is full, for its conversation or
// for all, or closed.
func (q *appendQueue) push(s *send) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	key := flowOf(&s.out)
	f := q.flows[key]
	if q.closed || q.bytes+s.size() > maxQueuedBytes || f != nil && f.bytes+s.size() > maxFlowBytes {
		return false
	}
	if f == nil {
		f = q.open(key)
		if q.costs.of(key) <= quantum {
			q.fresh.pushBack(f)
		} else {
			q.waiting.pushBack(f)
		}
	}
	f.sends.pushBack(s)
	q.count(f, 1, s.size())
	q.signal()
	return true
}

// open makes the flow of a conversation of which nothing waits.
func (q *appendQueue) open(key flowKey) *flow {
	if q.flows == nil {
		q.flows = make(map[flowKey]*flow)
	}
	f := &flow{key: key, credit: quantum}
	q.flows[key] = f
	return f
}

// count notes that sends of f came, or went.
func (q *appendQueue) count(f *flow, sends, bytes int) {
	f.bytes += bytes
	q.sends += sends
	q.bytes += bytes
}

// take removes the next batch.
func (q *appendQueue) take() []*send {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := load{limit: maxBatchPointers}
	express := q.express < maxExpress && !q.fresh.empty() && !q.waiting.empty()
	if !express {
		if q.express > 0 { // whoever was in the last one is likely to be back, and waits for this one
			b.limit = maxGivingWay
		}
		q.serve(&q.waiting, &b)
	}
	q.serve(&q.fresh, &b)
	if q.express++; !express {
		q.express = 0
		q.serve(&q.waiting, &b) // who just had a first turn
	}
	if q.sends > 0 {
		q.signal()
	} else {
		q.flows = nil // a map keeps the size that it had in a storm
	}
	return b.taken
}

// load is a batch that is being taken.
type load struct {
	taken          []*send
	bytes, entries int
	limit          int // of entries
}

// fits reports whether the batch may also take s. What is larger than a batch
// may be is one by itself.
func (b *load) fits(s *send) bool {
	return len(b.taken) == 0 ||
		len(b.taken) < maxBatchSends && b.entries < b.limit && b.bytes+s.size() <= maxBatchBytes
}

// serve moves sends of the flows in l to b, in turns, until b is full or all
// flows have had theirs. A flow that still has some waits for its next turn.
func (q *appendQueue) serve(l *lane, b *load) {
	for !l.empty() {
		f := l.front()
		s := f.sends.front()
		switch {
		case f.credit <= 0:
			l.popFront()
			f.credit += quantum
			q.waiting.pushBack(f)
		case !b.fits(s):
			return
		default:
			q.move(f, s, b)
			if f.sends.empty() {
				l.popFront()
				delete(q.flows, f.key)
			}
		}
	}
}

// move takes s, the first of f, into b. The last send of a turn may cost more
// than is left of it; the flow owes that to its next turns.
func (q *appendQueue) move(f *flow, s *send, b *load) {
	f.sends.popFront()
	s.cost = q.costs.of(f.key)
	f.credit -= s.cost
	q.count(f, -1, -s.size())
	b.taken = append(b.taken, s)
	b.bytes += s.size()
	b.entries += s.cost
}

// putBack returns sends, in the order in which they were taken, to the front of
// their flows.
func (q *appendQueue) putBack(sends []*send) {
	if len(sends) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, s := range slices.Backward(sends) {
		key := flowOf(&s.out)
		f := q.flows[key]
		if f == nil {
			f = q.open(key)
			q.waiting.pushFront(f)
		} else {
			f.credit += s.cost
		}
		f.sends.pushFront(s)
		q.count(f, 1, s.size())
	}
	q.signal()
}

// learn notes how many log entries the sends of a batch have made.
func (q *appendQueue) learn(key flowKey, entries int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.costs.learn(key, entries)
}

// close refuses what comes from now on and returns what was waiting.
func (q *appendQueue) close() []*send {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	var waiting []*send
	for _, f := range q.flows {
		for ; !f.sends.empty(); f.sends.popFront() {
			waiting = append(waiting, f.sends.front())
		}
	}
	q.flows, q.fresh, q.waiting, q.sends, q.bytes = nil, lane{}, lane{}, 0, 0
	return waiting
}

func (q *appendQueue) signal() {
	select {
	case q.wake <- struct{}{}:
	default: // the committer has a wake-up pending already
	}
}
