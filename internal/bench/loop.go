package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gim-im/gim/wire"
)

// loop is one sender in a closed loop: it sends the next message when the last
// one has been acknowledged and has reached all its receivers. It is woken once for
// each, by whatever comes last.
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

	begun   atomic.Int64 // number of the message under way, -1 before the first
	left    atomic.Int32 // receivers that lack it
	unacked atomic.Bool  // it was not acknowledged yet
	parts   atomic.Int32 // what it lacks: the acknowledgement, or some receiver
	conv    atomic.Int64 // its place in the conversation, once known

	all  chan time.Time // capacity 1: when it had reached all; it is acknowledged too
	last time.Time      // the same, before that
	// told is the place that the acknowledgement names, and acked when that came.
	told  int64
	acked time.Time

	refused atomic.Pointer[wire.Error] // the answer to a send, where it is none
	upset   chan struct{}              // capacity 1: something is wrong, or it is over
	frames  sendFrames

	settled int64 // messages that had to arrive everywhere; read when the loop is over
	Verdict       // what the loop itself saw
}

func (r *run) newLoop(sender int, user string, receivers int) *loop {
	l := &loop{
		run: r, sender: sender, user: user, receivers: int32(receivers), //nolint:gosec // thousands
		all: make(chan time.Time, 1), upset: make(chan struct{}, 1),
	}
	l.begun.Store(-1)
	return l
}

// begin makes message n the one under way.
func (l *loop) begin(n int64) {
	l.left.Store(l.receivers)
	l.conv.Store(0)
	l.parts.Store(2)
	l.unacked.Store(true)
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
		l.last = at
		l.part()
	}
	return samePlace
}

// acknowledged notes that message n was, with its place in the conversation. It is
// false when nobody waits for that.
func (l *loop) acknowledged(n, conv int64) (expected bool) {
	if n != l.begun.Load() || !l.unacked.CompareAndSwap(true, false) {
		return false
	}
	l.told, l.acked = conv, time.Now()
	l.part()
	return true
}

func (l *loop) part() {
	if l.parts.Add(-1) == 0 {
		l.all <- l.last
	}
}

// refuse notes that the message under way was.
func (l *loop) refuse(e *wire.Error) {
	l.refused.Store(e)
	l.rouse()
}

// rouse makes the loop look what is wrong.
func (l *loop) rouse() {
	select {
	case l.upset <- struct{}{}:
	default:
	}
}

func (l *loop) samePlace(conv int64) bool {
	known := l.conv.Load()
	return l.apart || conv == 0 || known == conv || known == 0 && (l.conv.CompareAndSwap(0, conv) || l.conv.Load() == conv)
}

// errHang says that a loop gave up; its verdict says what it waited for.
var errHang = errors.New("a message hangs")

// play sends until p is over and something counts, which is what was sent after
// the warm-up. When ctx ends the message under way is left out of account.
func (l *loop) play(ctx context.Context, p *play) error {
	defer context.AfterFunc(ctx, l.rouse)()
	defer context.AfterFunc(p.fleet.broken, l.rouse)()
	patience := time.AfterFunc(l.run.o.Patience, l.rouse)
	defer patience.Stop()
	counted := false
	for n := int64(0); ; n++ {
		start := time.Now()
		if counted && start.After(p.end) || ctx.Err() != nil {
			return nil
		}
		l.begin(n)
		err := l.send(ctx, n)
		var at time.Time
		if err == nil {
			patience.Reset(l.run.o.Patience)
			at, err = l.wait(ctx, p.fleet, n)
		}
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return nil
		default:
			return err
		}
		if !l.samePlace(l.told) {
			l.Disorder++
			l.note("%s was told place %d of the conversation for its message %d, and others were not", l.user, l.told, n)
		}
		if start.After(p.begin) {
			counted = true
			p.pushes.record(at.Sub(start))
			p.acks.record(l.acked.Sub(start))
		}
		l.settled = n + 1
	}
}

// wait waits until message n was acknowledged and has reached all.
func (l *loop) wait(ctx context.Context, fl *fleet, n int64) (at time.Time, err error) {
	since := time.Now()
	for {
		select {
		case at = <-l.all:
			return at, nil
		case <-l.upset:
		}
		if !l.unacked.Load() {
			l.settled = n // this one is judged below
		}
		switch e := l.refused.Load(); {
		case e != nil:
			return at, fmt.Errorf("send as %s: %s: %s%s", l.user, e.GetCode(), e.GetMessage(), hint(e.GetCode()))
		case ctx.Err() != nil:
			return at, ctx.Err()
		case fl.broken.Err() != nil:
			return at, context.Cause(fl.broken)
		case time.Since(since) < l.run.o.Patience: // it was meant for the message before
		case l.unacked.Load():
			l.Lost++
			l.note("%s waited in vain for the acknowledgement of its message %d", l.user, n)
			return at, fmt.Errorf("%w: message %d of %s was not acknowledged within %s", errHang, n, l.user, l.run.o.Patience)
		default:
			l.settled = n + 1 // so that each witness says whether it lacks it
			return at, fmt.Errorf("%w: message %d of %s was acknowledged and did not reach all within %s", errHang, n, l.user, l.run.o.Patience)
		}
	}
}

// send sends message n. By REST it also waits for the acknowledgement.
func (l *loop) send(ctx context.Context, n int64) error {
	if l.conn == nil {
		id := ""
		if !l.passing {
			id = l.user + "-" + strconv.FormatInt(n, 10)
		}
		conv, err := l.run.sender().send(ctx, l.user, outgoing{
			user: l.toUser, group: l.toGroup, content: stamp{l.sender, n}.content(), id: id, passing: l.passing,
		})
		if err == nil {
			l.acknowledged(n, conv)
		}
		return err
	}
	if err := l.conn.conn.write(l.frames.next(l, n)); err != nil {
		return fmt.Errorf("send as %s: %w", l.user, err)
	}
	return nil
}
