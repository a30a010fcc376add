package client

import (
	"cmp"
	"slices"
	"time"

	"github.com/gim-im/gim/wire"
)

const (
	// window is how many sends may be unanswered: as many as the server takes
	// before it stops reading.
	window = 64
	// maxInternal is how often a send is tried that makes the server fail.
	maxInternal = 5
)

// outgoing is a send that is not settled.
type outgoing struct {
	order uint64 // of the calls of Send
	send  *wire.Send
	done  chan struct{} // closed when it is settled
	sent  *wire.Sent    // the outcome, with err
	err   error

	settled   bool
	withdrawn bool   // nobody waits for the outcome
	written   bool   // once at least
	device    string // that wrote it first
	internal  int    // how often the server failed at it
}

func (o *outgoing) isEphemeral() bool { return o.send.Persist != nil && !o.send.GetPersist() }

// outbox holds the sends that are not settled, in their order. It is guarded by
// Stream.mu. Each belongs to a caller that waits, so there are as many as the
// program makes.
type outbox struct {
	last     uint64
	queue    []*outgoing          // not written on this connection, by order
	inFlight map[uint64]*outgoing // written on this connection, by frame id
	resume   time.Time            // nothing is written before; zero when nothing is put off
	pause    backoff
}

// add appends a send.
func (b *outbox) add(o *outgoing) {
	b.last++
	o.order = b.last
	b.queue = append(b.queue, o)
}

// putBack queues a send again, at its place.
func (b *outbox) putBack(o *outgoing) {
	i, _ := b.find(o)
	b.queue = slices.Insert(b.queue, i, o)
}

func (b *outbox) find(o *outgoing) (i int, found bool) {
	return slices.BinarySearchFunc(b.queue, o, func(a, b *outgoing) int { return cmp.Compare(a.order, b.order) })
}

// next returns the send whose turn it is, or nil, and when to ask again because
// of a pause.
func (b *outbox) next(now time.Time) (o *outgoing, due time.Time) {
	if len(b.queue) == 0 || len(b.inFlight) >= window {
		return nil, time.Time{}
	}
	if now.Before(b.resume) {
		return nil, b.resume
	}
	o = b.queue[0]
	b.queue[0] = nil
	b.queue = b.queue[1:]
	return o, time.Time{}
}

// putOff makes the outbox wait for as long as the server says, or for a while. A
// window full of refusals counts once.
func (b *outbox) putOff(now time.Time, after time.Duration) {
	switch {
	case after > 0 && now.Add(after).After(b.resume):
		b.resume = now.Add(after)
	case after == 0 && !now.Before(b.resume):
		b.resume = now.Add(b.pause.next())
	}
}

// settle ends a send. The first outcome counts.
func (o *outgoing) settle(sent *wire.Sent, err error) {
	if o.settled {
		return
	}
	o.settled, o.sent, o.err = true, sent, err
	close(o.done)
}

// withdraw gives a send up and reports whether it was not settled. One that is
// under way stays known, so that its entry finds its place.
func (b *outbox) withdraw(o *outgoing) bool {
	if o.settled {
		return false
	}
	o.withdrawn = true
	if i, found := b.find(o); found {
		b.queue = slices.Delete(b.queue, i, i+1)
	}
	return true
}

// disconnect queues what was under way again. What is stored nowhere cannot be
// recognised by the server when it comes twice, so it is not sent again.
func (b *outbox) disconnect() {
	for _, o := range b.inFlight {
		switch {
		case o.withdrawn:
		case o.isEphemeral():
			o.settle(nil, o.unsettled(ErrNotConnected))
		default:
			b.putBack(o)
		}
	}
	clear(b.inFlight)
}

// end fails everything that is left.
func (b *outbox) end() {
	b.disconnect()
	for _, o := range b.queue {
		o.settle(nil, o.unsettled(ErrEnded))
	}
	b.queue = nil
}

func (o *outgoing) unsettled(why error) error {
	return &UnsettledError{ClientMsgID: o.send.GetClientMsgId(), Err: why}
}

// refuse decides what becomes of a send that the server answered with an error.
// It reports whether it is to be sent again.
func (b *outbox) refuse(o *outgoing, e *Error, now time.Time) (again bool) {
	const internal = "internal"
	if e.Code == internal {
		o.internal++
	}
	switch {
	case o.withdrawn:
		return false
	case !e.Retryable:
		o.settle(nil, e)
		return false
	case e.Code == internal && (o.internal >= maxInternal || o.isEphemeral()):
		o.settle(nil, o.unsettled(e))
		return false
	}
	b.putOff(now, e.RetryAfter)
	b.putBack(o)
	return true
}
