package bench

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gim-im/gim/wire"
)

// loop is one sender in a closed loop: it sends the next message when the last
// one has been acknowledged and has reached all its receivers.
type loop struct {
	run       *run
	sender    int     // its number in the round
	user      string  // who sends
	conn      *member // over which it sends; nil for REST
	toUser    string  // or
	toGroup   string
	passing   bool // messages are not stored
	receivers int32
	apart     bool // each receiver has a conversation of its own with the sender

	begun atomic.Int64   // number of the message under way, -1 before the first
	left  atomic.Int32   // receivers that lack it
	conv  atomic.Int64   // its place in the conversation, once known
	all   chan time.Time // capacity 1: when it had reached all

	settled int64 // messages that had to arrive everywhere; read when the loop is over
	Verdict       // what the loop itself saw
}

func (r *run) newLoop(sender int, user string, receivers int) *loop {
	l := &loop{run: r, sender: sender, user: user, receivers: int32(receivers), all: make(chan time.Time, 1)} //nolint:gosec // thousands
	l.begun.Store(-1)
	return l
}

// begin makes message n the one under way.
func (l *loop) begin(n int64) {
	l.left.Store(l.receivers)
	l.conv.Store(0)
	l.begun.Store(n)
}

// arrived notes that one receiver got message n. It is false when the message
// had another place in the conversation for somebody else.
func (l *loop) arrived(n, conv int64, at time.Time) (samePlace bool) {
	if n != l.begun.Load() {
		return true
	}
	samePlace = l.samePlace(conv)
	if l.left.Add(-1) == 0 {
		l.all <- at
	}
	return samePlace
}

func (l *loop) samePlace(conv int64) bool {
	return l.apart || conv == 0 || l.conv.CompareAndSwap(0, conv) || l.conv.Load() == conv
}

// errHang says that a loop gave up; its verdict says what it waited for.
var errHang = errors.New("a message hangs")

// play sends until p is over and something counts, which is what was sent after
// the warm-up. When ctx ends the message under way is left out of account.
func (l *loop) play(ctx context.Context, p *play) error {
	patience := time.NewTimer(l.run.o.Patience)
	defer patience.Stop()
	counted := false
	for n := int64(0); ; n++ {
		start := time.Now()
		if counted && start.After(p.end) || ctx.Err() != nil {
			return nil
		}
		l.begin(n)
		patience.Reset(l.run.o.Patience)
		conv, err := l.send(ctx, p.fleet, n, patience)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		acked := time.Now()
		l.settled = n // this one is judged below
		if !l.samePlace(conv) {
			l.Disorder++
			l.note("%s was told place %d of the conversation for its message %d, and others were not", l.user, conv, n)
		}
		patience.Reset(l.run.o.Patience)
		select {
		case at := <-l.all:
			if start.After(p.begin) {
				counted = true
				p.pushes.record(at.Sub(start))
				p.acks.record(acked.Sub(start))
			}
		case <-patience.C:
			l.settled = n + 1 // so that each witness says whether it lacks it
			return fmt.Errorf("%w: message %d of %s was acknowledged and did not reach all within %s", errHang, n, l.user, l.run.o.Patience)
		case <-p.fleet.broken.Done():
			return context.Cause(p.fleet.broken)
		case <-ctx.Done():
			return nil
		}
		l.settled = n + 1
	}
}

// send sends message n and waits for the acknowledgement.
func (l *loop) send(ctx context.Context, fl *fleet, n int64, patience *time.Timer) (conv int64, err error) {
	content := stamp{l.sender, n}.content()
	id := ""
	if !l.passing {
		id = fmt.Sprintf("%s-%d", l.user, n)
	}
	if l.conn == nil {
		return l.run.sender().send(ctx, l.user, outgoing{
			user: l.toUser, group: l.toGroup, content: content, id: id, passing: l.passing,
		})
	}
	f := l.frame(n, content, id)
	if err := l.conn.conn.Write(ctx, f); err != nil {
		return 0, fmt.Errorf("send as %s: %w", l.user, err)
	}
	for {
		select {
		case reply := <-l.conn.replies:
			if e := reply.GetError(); e != nil {
				return 0, fmt.Errorf("send as %s: %s: %s%s", l.user, e.GetCode(), e.GetMessage(), hint(e.GetCode()))
			}
			if reply.GetId() == f.GetId() {
				return reply.GetSent().GetConversationSeq(), nil
			}
			l.Disorder++
			l.note("%s got the reply to frame %d for its frame %d", l.user, reply.GetId(), f.GetId())
		case <-patience.C:
			l.Lost++
			l.note("%s waited in vain for the acknowledgement of its message %d", l.user, n)
			return 0, fmt.Errorf("%w: message %d of %s was not acknowledged within %s", errHang, n, l.user, l.run.o.Patience)
		case <-fl.broken.Done():
			return 0, context.Cause(fl.broken)
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

func (l *loop) frame(n int64, content []byte, id string) *wire.ClientFrame {
	send := &wire.Send{
		To: &wire.Target{UserId: l.toUser, GroupId: l.toGroup}, Type: "text", Content: content, ClientMsgId: id,
	}
	if l.passing {
		persist := false
		send.Persist = &persist
	}
	return &wire.ClientFrame{Id: firstSendID + uint64(n), Body: &wire.ClientFrame_Send{Send: send}} //nolint:gosec // counts up from 0
}
