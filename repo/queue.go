package repo

import (
	"slices"
	"sync"
	"time"

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
	maxGiveWay       = 20 * time.Millisecond
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
// A conversation that did not wait, and asks for little, has a lane of its own. A
// batch of those who wait takes long, and whoever comes meanwhile waits for its end;
// behind it the store belongs, for as long as it took, to that lane alone, if
// somebody uses it (as disks that anticipate the next read do). So neither side
// has less than half of the time.
//
// Two committers may take batches: then one of them commits for those who wait and
// the other for those who do not, at the same time. With more at once, batches would
// be smaller and cost more. The sends of one conversation are in one batch at a time.
type appendQueue struct {
	wake       chan struct{} // capacity 1
	committers int

	mu      sync.Mutex // guards what follows
	flows   map[flowKey]*flow
	fresh   lane // flows that have not had their first turn, and ask for little
	waiting lane
	lively  bool      // somebody came to fresh since those who wait had a batch
	giveWay time.Time // until when those who wait leave the store to fresh
	fast    bool      // a batch of fresh is being committed
	slow    bool      // and one of those who wait
	costs   costHints
	fanouts fanouts // log entries that were put off; has a lock of its own
	sends   int
	bytes   int
	closed  bool // Run has ended
}

// init makes a queue for so many committers.
func (q *appendQueue) init(committers int) {
	q.wake, q.committers = make(chan struct{}, 1), committers
}

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
		q.enter(f)
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
	f := &flow{key: key}
	q.flows[key] = f
	return f
}

// enter puts a flow that did not wait into its lane.
func (q *appendQueue) enter(f *flow) {
	f.credit = quantum
	if q.costs.of(f.key) > quantum {
		q.waiting.pushBack(f)
		return
	}
	q.fresh.pushBack(f)
	q.lively = true
}

// count notes that sends of f came, or went.
func (q *appendQueue) count(f *flow, sends, bytes int) {
	f.bytes += bytes
	q.sends += sends
	q.bytes += bytes
}

// load is a batch. Its flows are in no lane until it is done.
type load struct {
	taken          []*send
	flows          []*flow
	bytes, entries int
	limit          int     // of entries
	fast, slow     bool    // it has some of fresh, and of those who wait
	fanout         *fanout // log entries to write that were put off
}

// take removes the next batch, which has to be given to done. While those who wait
// give way there may be none, and it returns how long that lasts.
func (q *appendQueue) take(now time.Time) (*load, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := &load{limit: maxBatchPointers}
	putOff, left := q.fanouts.first(now)
	givesWay := (putOff != nil || !q.waiting.empty()) && q.lively
	if givesWay {
		left = max(left, q.giveWay.Sub(now))
	}
	mayBeSlow := left == 0 && !q.slow
	if mayBeSlow && givesWay {
		b.limit = maxGivingWay
	}
	switch {
	case !mayBeSlow:
	case putOff != nil: // what has begun is finished before more begins
		b.fanout, b.slow, mayBeSlow = putOff, true, false
	default:
		b.slow = q.serve(&q.waiting, b)
	}
	if !q.fast && (!b.slow || q.committers == 1) {
		b.fast = q.serve(&q.fresh, b)
	}
	if mayBeSlow { // who just had a first turn
		b.slow = q.serve(&q.waiting, b) || b.slow
	}
	if len(b.taken) == 0 && b.fanout == nil {
		return nil, left
	}
	if b.slow {
		q.lively = !q.fresh.empty()
	}
	q.slow, q.fast = q.slow || b.slow, q.fast || b.fast
	q.removeBusy(b)
	return b, 0
}

// board takes, before the end of the only transaction there is, those who came to
// fresh since it began.
func (q *appendQueue) board() *load {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := &load{limit: maxBatchPointers}
	q.serve(&q.fresh, b)
	q.removeBusy(b)
	return b
}

// isAwaited reports whether somebody waits in fresh.
func (q *appendQueue) isAwaited() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.fresh.empty()
}

// isBusy reports whether sends wait or are being committed.
func (q *appendQueue) isBusy() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.sends > 0 || q.fast || q.slow
}

// removeBusy takes the flows of a batch out of the lanes.
func (q *appendQueue) removeBusy(b *load) {
	for _, f := range b.flows {
		f.left = !f.sends.empty()
	}
	busy := func(f *flow) bool { return f.busy }
	q.fresh.drop(busy)
	q.waiting.drop(busy)
	q.signalIfAny()
}

// fits reports whether the batch may also take s. What is larger than a batch
// may be is one by itself.
func (b *load) fits(s *send) bool {
	return len(b.taken) == 0 ||
		len(b.taken) < maxBatchSends && b.entries < b.limit && b.bytes+s.size() <= maxBatchBytes
}

// serve moves sends of the flows in l to b, in turns, until b is full or all
// flows have had theirs, and reports whether there were any. A flow that still has
// some waits for its next turn.
func (q *appendQueue) serve(l *lane, b *load) bool {
	taken := len(b.taken)
	for !l.empty() {
		f := l.front()
		switch {
		case f.sends.empty():
			l.popFront()
		case f.credit <= 0:
			l.popFront()
			f.credit += quantum
			q.waiting.pushBack(f)
		case !b.fits(f.sends.front()):
			return len(b.taken) > taken
		default:
			q.move(f, b)
		}
	}
	return len(b.taken) > taken
}

// move takes the first send of f into b. The last send of a turn may cost more
// than is left of it; the flow owes that to its next turns.
func (q *appendQueue) move(f *flow, b *load) {
	s := f.sends.front()
	f.sends.popFront()
	s.cost = q.costs.of(f.key)
	f.credit -= s.cost
	q.count(f, -1, -s.size())
	if !f.busy {
		f.busy = true
		b.flows = append(b.flows, f)
	}
	b.taken = append(b.taken, s)
	b.bytes += s.size()
	b.entries += s.cost
}

// done gives the flows of the batches of a transaction free, which took so long. The
// sends in putBack were left out; they return, in the order in which they were
// taken, to the front of their flows.
func (q *appendQueue) done(batches []*load, putBack []*send, now time.Time, took time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, b := range batches {
		q.fast, q.slow = q.fast && !b.fast, q.slow && !b.slow
		if b.slow {
			q.giveWay = now.Add(min(took, maxGiveWay))
		}
	}
	if q.closed {
		return
	}
	waits := make(map[*flow]bool)
	for _, s := range slices.Backward(putBack) {
		f := q.flows[flowOf(&s.out)]
		f.sends.pushFront(s)
		f.credit += s.cost
		q.count(f, 1, s.size())
		waits[f] = true
	}
	for _, b := range batches {
		for _, f := range b.flows {
			switch f.busy = false; {
			case f.sends.empty():
				delete(q.flows, f.key)
			case waits[f]:
				q.waiting.pushFront(f)
			case f.left:
				q.waiting.pushBack(f)
			default:
				q.enter(f)
			}
		}
	}
	if len(q.flows) == 0 {
		q.flows = nil // a map keeps the size that it had in a storm
	}
	q.signalIfAny()
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

// signalIfAny wakes a committer if there is something to take, or to wait for.
func (q *appendQueue) signalIfAny() {
	if putOff, _ := q.fanouts.first(time.Time{}); putOff != nil || !q.fresh.empty() || !q.waiting.empty() {
		q.signal()
	}
}

func (q *appendQueue) signal() {
	select {
	case q.wake <- struct{}{}:
	default: // the committer has a wake-up pending already
	}
}
