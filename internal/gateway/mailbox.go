package gateway

import (
	"context"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// slowAfter is how long a frame may have been in the writing when the queue
// runs over, before that is held against the client. Until then the queue is
// emptied and the session reads the store instead, so that a burst closes nobody.
const slowAfter = time.Second

// mailbox is where the reader, the bus and the timers leave work for a session's
// pump, which runs only while there is some. Nothing in it blocks.
//
// Entries of the log are queued only while the mailbox is live. While it is not,
// the pump reads them from the store, and events are merely counted as missed:
// however long a replay takes, it cannot make the queue run over.
type mailbox struct {
	s *Session // whose pump is started when there is something to take and it rests

	mu       sync.Mutex // guards everything below
	run      func()     // runs the pump; kept, as making it takes an allocation for each start
	running  bool       // the pump
	pending  bool       // there is something to take
	retry    bool       // the time to read the store again has come
	isOpened bool       // the sign-in was answered
	opening  *opening
	replies  []reply
	settled  []settled
	events   []*wire.Event // messages
	about    *about        // what else there is about large groups, or nil
	bytes    int           // of replies that count and events, until the pump is done with them
	live     bool          // entries are queued
	missed   uint64        // entries and gaps that were not
	seen     int64         // highest entry that was told of; bogus if the bus was
	started  uint64        // own sends
	finished uint64        // own sends that are in settled, or were
	draining bool
	ending   *ending
	// following are the groups whose events arrive here; nil before the first.
	following map[domain.ConversationNum]*follow
	working   [workers]context.CancelFunc // what is done ends with the session
	writing   time.Time                   // when the write under way began; zero when there is none
}

// worker is one of those who do something for a session, one thing at a time.
type worker int

const (
	reader worker = iota
	writer
	workers int = iota
)

// reply is a frame whose place among the pushes does not matter.
type reply struct {
	payload []byte
	// written is closed when the frame is; may be nil. Whoever gives one waits for
	// it, so there is one such frame at a time. It may be larger than the whole
	// queue and does not count: a client is not slow because of what it asked for.
	written chan<- struct{}
}

// counts is how much of the queue r takes.
func (r reply) counts() int {
	if r.written != nil {
		return 0
	}
	return len(r.payload)
}

// settled is the answer to a send. seq is its place among the pushes, 0 for none;
// a message to a large group is known by its number there.
type settled struct {
	seq     int64
	payload []byte

	group    domain.ConversationNum
	groupSeq int64
}

// ending says why a session is over.
type ending struct {
	code           wire.CloseCode // 0: the other side is gone
	final          []byte         // a last frame, or nil
	reconnectAfter time.Duration  // how long the client should stay away; 0 says nothing
}

// opening is where delivery begins: the cursor, and what the store held there.
type opening struct {
	next int64
	page domain.LogPage // from next; or its head only, with no entries
	mark uint64         // as before the page was read

	follows []*follow // groups that are followed from the beginning
}

// batch is what the pump takes at once.
type batch struct {
	opening  *opening
	replies  []reply
	settled  []settled
	events   []*wire.Event
	finished uint64 // own sends settled up to now
	live     bool
	retry    bool // a read of the store that failed is to be tried again
	drained  bool // asked to drain, and no own send is under way
	ending   *ending

	about
}

// take empties the mailbox; done is the size of what the pump has dealt with
// since the last time. ok is false when there is nothing and the pump has nothing
// to do again by itself: it has been put to rest then, and returns.
func (m *mailbox) take(done int, again bool, rest func()) (b batch, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.takeAll(done, again, rest)
}

// takeAll is take with mu held.
func (m *mailbox) takeAll(done int, again bool, rest func()) (b batch, ok bool) {
	m.bytes -= done
	if !m.pending && !again {
		rest() // before another one can be started
		m.running = false
		return batch{}, false
	}
	b = batch{
		retry:   m.retry,
		opening: m.opening, replies: m.replies, settled: m.settled, events: m.events, finished: m.finished, live: m.live,
		drained: m.draining && m.started == m.finished, ending: m.ending,
	}
	if m.about != nil {
		b.about, m.about = *m.about, nil
	}
	m.opening, m.replies, m.settled, m.events = nil, nil, nil, nil
	m.pending, m.retry = false, false
	return b, true
}

// reply queues an answer. It reports false when the client does not take its
// answers; the session is to be closed then.
func (m *mailbox) reply(r reply) (ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.written == nil && m.bytes+r.counts() > m.s.gw.opts.QueueBytes {
		return m.ending != nil
	}
	m.replies = append(m.replies, r)
	m.bytes += r.counts()
	m.wakeUp()
	return true
}

// open begins delivery, right after the answer to the sign-in.
func (m *mailbox) open(answer []byte, o opening) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.replies = append(m.replies, reply{payload: answer})
	m.bytes += len(answer)
	m.opening, m.isOpened = &o, true
	if len(o.follows) > 0 {
		m.aboutGroups().follows = append(m.aboutGroups().follows, o.follows...)
	}
	m.wakeUp()
}

// isOpen reports whether something may be pushed.
func (m *mailbox) isOpen() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.isOpened
}

// pass queues what nobody misses: it is dropped when there is no room.
func (m *mailbox) pass(payload []byte) {
	_ = m.reply(reply{payload: payload})
}

// begin notes that an own send is under way, settle that it no longer is.
func (m *mailbox) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.started++
}

func (m *mailbox) settle(s settled) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.finished++
	m.settled = append(m.settled, s)
	m.wakeUp()
}

// ownSends returns how many sends were started so far.
func (m *mailbox) ownSends() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.started
}

// markBehind makes the pump read the store: something may have been lost.
func (m *mailbox) markBehind() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopLive()
	m.wakeUp()
}

// stopLive drops queued entries, which are in the store. mu is held.
func (m *mailbox) stopLive() {
	m.live = false
	m.missed++
	keep := m.events[:0]
	for _, e := range m.events {
		if e.Seq == 0 {
			keep = append(keep, e)
		} else {
			m.bytes -= e.Body.Size()
		}
	}
	clear(m.events[len(keep):])
	m.events = keep
}

// readAgain lets the pump try a read that failed once more.
func (m *mailbox) readAgain() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.retry = true
	m.wakeUp()
}

// mark returns a value for goLive, to be called before the store is read.
func (m *mailbox) mark() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.missed
}

// goLive queues entries from now on. It reports whether none were missed since
// mark; otherwise the store has to be read once more.
func (m *mailbox) goLive(mark uint64) (complete bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.live = true
	return m.missed == mark
}

// highestSeen is the highest entry anybody told of.
func (m *mailbox) highestSeen() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen
}

// drain ends the session with a goodbye as soon as no own send is under way.
func (m *mailbox) drain() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.draining = true
	m.wakeUp()
}

// leaving reports whether frames from the client are no longer taken.
func (m *mailbox) leaving() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.draining || m.ending != nil
}

// setWriting notes that a write begins at t, or with zero that it is over.
func (m *mailbox) setWriting(t time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writing = t
}

// works notes what ends the work that is begun, nil when it is done. After the end
// work ends at once.
func (m *mailbox) works(by worker, cancel context.CancelFunc) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.working[by] = cancel
	if m.ending != nil && cancel != nil {
		cancel()
	}
}

// isOver reports whether the session has ended.
func (m *mailbox) isOver() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ending != nil
}

// end is where every session ends; the first reason counts. It reports whether
// this was the first.
func (m *mailbox) end(e ending) (first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ending != nil {
		return false
	}
	m.ending = &e
	m.events, m.about = nil, nil
	for _, cancel := range m.working {
		if cancel != nil {
			cancel()
		}
	}
	m.wakeUp()
	return true
}

// borrowPump keeps the pump from running until returnPump: whoever has it may
// write to the connection, and has to be quick about it. ok is false when the pump
// is needed for something.
func (m *mailbox) borrowPump() (ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.running || m.pending || !m.isOpened || m.draining || m.ending != nil {
		return false
	}
	m.running = true
	return true
}

func (m *mailbox) returnPump() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.running = false
	if m.pending {
		m.wakeUp()
	}
}

// wakeUp is called with mu held.
func (m *mailbox) wakeUp() {
	m.pending = true
	if !m.running {
		m.running = true
		m.startPump()
	}
}

// startPump is for whoever has set running.
func (m *mailbox) startPump() {
	if m.run == nil {
		m.run = m.s.runPump
	}
	go m.run() // ends when there is nothing to take
}
