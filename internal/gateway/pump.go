package gateway

import (
	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// pump is the writing side of a session: it owns the cursor and is the only one
// that writes to the connection. Between two runs it holds its place.
type pump struct {
	s *Session

	started bool  // signed in: entries are delivered
	broken  bool  // a write failed
	here    bool  // it must not wait, see runHere
	stuck   bool  // the connection holds what it could not write without waiting
	again   bool  // there is more to do without anything new
	next    int64 // the cursor: the next entry that the client is to see

	pending []*wire.Event // taken from the mailbox, not yet delivered
	claims  map[int64]claim
	done    int // bytes dealt with since the last take
	// finished is how many own sends had settled at the last take.
	finished uint64
	hold     hold

	replay replay

	follows map[domain.ConversationNum]*follow // of large groups; nil before the first
	busy    []*follow                          // those with something to do
	covered int64                              // entries up to it are in the groups that the session began with
	strays  []settled                          // answers to sends to groups that are not followed, the latest
	// groupsMissed tells that groups had events before the session followed them.
	groupsMissed bool

	out *out // lent while the pump runs
}

// claim is the answer to an own send, waiting for its place.
type claim struct {
	payload []byte
	rounds  int // how often the store was read to the end without reaching it
}

// hold is an entry that may be an own message whose answer is still to come. It
// waits for the sends that were under way when it arrived.
type hold struct {
	seq   int64
	until uint64
}

// run works until there is nothing to do; over is true when the session has ended
// and its connection is closed.
func (p *pump) run() (over bool) {
	p.borrow()
	for {
		if p.stuck {
			p.stuck = false
			p.writeFrames(nil)
			p.noteWritten()
		}
		done := p.done
		p.done = 0
		b, ok := p.s.box.take(done, p.again, p.rest)
		if !ok {
			return false // the pump may be another goroutine's by now
		}
		if b.ending != nil {
			p.goodbye(b)
			return true
		}
		p.again = p.round(b)
	}
}

// runHere is run for one who tells many sessions, one after the other, and must not
// wait for any: neither for its network nor for the store. It reports whether the pump
// has come to rest; otherwise run has to go on.
func (p *pump) runHere() (rested bool) {
	p.borrow()
	p.here = true
	defer func() { p.here = false }()
	for !p.again && !p.stuck {
		done := p.done
		p.done = 0
		b, ok, plain := p.s.box.takePlain(done, p.rest)
		switch {
		case !plain:
			return false
		case !ok:
			return true
		}
		p.again = p.round(b)
	}
	return false
}

func (p *pump) borrow() {
	if p.out == nil {
		p.out = p.s.gw.outs.get()
	}
}

// rest gives back what an idle connection has no use for.
func (p *pump) rest() {
	p.s.gw.outs.put(p.out)
	p.out = nil
}

// round deals with what was taken. It reports whether there is more to do at once.
func (p *pump) round(b batch) (again bool) {
	for _, r := range b.replies {
		p.answer(r)
	}
	p.accept(b)
	again = p.deliver()
	if p.started {
		again = p.deliverGroups() || again
	}
	p.flush()
	p.publishCursor()
	if b.drained && len(p.claims) == 0 {
		p.s.end(ending{code: wire.CloseShutdown, reconnectAfter: p.s.gw.spread()})
	}
	return again
}

// accept sorts what was taken from the mailbox.
func (p *pump) accept(b batch) {
	p.finished = b.finished
	if b.retry {
		p.replay.waiting = false
		for _, f := range p.busy {
			f.waiting = false
		}
	}
	if b.opening != nil {
		p.started, p.next, p.covered = true, b.opening.next, b.opening.page.Head
		p.replay.start(*b.opening)
	}
	p.acceptFollows(&b)
	p.acceptGroupSends(b.settled)
	for _, st := range b.settled {
		if st.seq == 0 || st.seq < p.next || !p.started {
			p.answerSend(st.payload)
			continue
		}
		if p.claims == nil {
			p.claims = make(map[int64]claim)
		}
		if twin, ok := p.claims[st.seq]; ok { // one client_msg_id, sent twice
			p.answerSend(twin.payload)
		}
		p.claims[st.seq] = claim{payload: st.payload}
	}
	own := b.events[:0] // usually all of them
	for _, e := range b.events {
		if e.Topic.Kind == wire.TopicGroup {
			p.acceptGroupEvent(e)
		} else {
			own = append(own, e)
		}
	}
	if len(p.pending) == 0 {
		p.pending = own
	} else {
		p.pending = append(p.pending, own...)
	}
	p.acceptGroupNews(b.groupNews)
	if !b.live {
		p.dropEntries()
		p.replay.again()
	}
}

// dropEntries forgets pending entries: the store has them.
func (p *pump) dropEntries() {
	keep := p.pending[:0]
	for _, e := range p.pending {
		if e.Seq == 0 {
			keep = append(keep, e)
		} else {
			p.done += e.Body.Size()
		}
	}
	clear(p.pending[len(keep):])
	p.pending = keep
}

// deliver moves the cursor as far as it goes without waiting, or by one page of
// the store. It reports whether it should be called again at once.
func (p *pump) deliver() (again bool) {
	if !p.started {
		return false
	}
	if p.replay.on {
		p.pushUnnumbered()
		return p.here || p.catchUp()
	}
	for i, e := range p.pending {
		switch p.offer(e.Seq, wire.Item{Seq: e.Seq, IsSender: e.IsSender, Body: e.Body}, p.isOwnEvent(e)) {
		case held:
			p.pending = p.pending[i:]
			return false
		case gap:
			p.s.box.markBehind()
			p.pending = p.pending[i:]
			return true
		case passed:
			p.done += e.Body.Size()
		}
	}
	p.pending = nil
	p.answerNext()
	if len(p.claims) > 0 { // they lie ahead: something is missing in between
		p.s.box.markBehind()
		return true
	}
	return false
}

// pushUnnumbered pushes pending messages that are not stored; a replay does not
// concern them. Numbered ones, which there are at the end of it, wait.
func (p *pump) pushUnnumbered() {
	keep := p.pending[:0]
	for _, e := range p.pending {
		if e.Seq != 0 {
			keep = append(keep, e)
			continue
		}
		p.add(wire.Item{IsSender: e.IsSender, Body: e.Body})
		p.done += e.Body.Size()
	}
	clear(p.pending[len(keep):])
	p.pending = keep
}

// verdict is what became of an entry.
type verdict int

const (
	passed verdict = iota // pushed, answered, or seen before
	held                  // it waits for the answer of an own send
	gap                   // entries before it are missing
)

// offer is the only place where the cursor moves by a message. own tells that the
// message may be one that this session sent.
func (p *pump) offer(seq int64, it wire.Item, own bool) verdict {
	switch {
	case seq == 0:
		p.add(it)
		return passed
	case seq < p.next:
		return passed
	case seq > p.next:
		p.answerNext() // own messages before it may have been answered already
		if seq > p.next {
			return gap
		}
		if seq < p.next {
			return passed
		}
	}
	if p.answerOne() {
		return passed
	}
	if own && p.mayBeAnswered(&p.hold, seq) {
		return held
	}
	p.heed(seq, it.Body)
	p.add(it)
	p.next++
	return passed
}

// isOwnEvent goes by the connection, which events know.
func (p *pump) isOwnEvent(e *wire.Event) bool { return e.IsSender && e.Origin == p.s.id }

// isOwnEntry goes by the device: the store does not know the connection, and one
// device has one at a time.
func (p *pump) isOwnEntry(isSender bool, b *wire.Body) bool {
	return isSender && b.Message().Sender.Device == p.s.device()
}

// mayBeAnswered reports whether a send is under way whose answer could stand in
// the place of seq, in the log that h is of. Only sends count that were under way
// when seq was first looked at, so that a client that sends without pause holds
// nothing up.
func (p *pump) mayBeAnswered(h *hold, seq int64) bool {
	if h.seq != seq {
		*h = hold{seq: seq, until: p.s.box.ownSends()}
	}
	return p.finished < h.until
}

// answerNext answers own sends whose turn it is.
func (p *pump) answerNext() {
	for p.answerOne() {
	}
}

func (p *pump) answerOne() bool {
	c, ok := p.claims[p.next]
	if !ok {
		return false
	}
	delete(p.claims, p.next)
	p.gather()
	p.answerSend(c.payload)
	p.next++
	return true
}

// answer writes what has no place among the pushes.
func (p *pump) answer(r reply) {
	if r.written != nil {
		p.out.written = append(p.out.written, r.written)
	}
	p.done += r.counts()
	p.write(r.payload)
}

// answerSend also makes room for one more send, once the answer is written. There
// is no payload when the handling of a send broke down, which ends the session.
func (p *pump) answerSend(payload []byte) {
	p.out.answers++
	if payload != nil {
		p.write(payload)
	}
}

// publishCursor lets others compare the cursor with the log's head.
func (p *pump) publishCursor() {
	if p.started {
		p.s.cursor.Store(p.next)
	}
}

// goodbye answers what was asked before the end, says why, and closes.
func (p *pump) goodbye(b batch) {
	code := b.ending.code
	if code != 0 && code != wire.CloseSlowConsumer {
		for _, r := range b.replies {
			p.answer(r)
		}
		if b.ending.final != nil {
			p.write(b.ending.final)
		}
		p.writeOut()
	}
	p.s.conn.Close(code, b.ending.reconnectAfter)
}
