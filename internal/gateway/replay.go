package gateway

import (
	"errors"
	"log/slog"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

const (
	replayPage     = domain.MaxPageSize
	replayRetry    = time.Second // between attempts to read a store that fails
	replayAttempts = 5
)

// replay reads the store from the cursor until it has caught up.
//
// While events come faster than the store is read there would always be more, so
// the end is made in two steps: when a page was the last one, events are queued
// again; if any was missed since before that page, one more page is read, and
// whatever is in it twice is dropped by its number.
type replay struct {
	on   bool
	read bool           // page was read since the replay began
	page []domain.Entry // read and not yet delivered
	more bool           // the store has more than page
	last bool           // events are queued already while page is delivered
	mark uint64         // from before page was read

	failures int
	waiting  bool // the store failed: not before replayRetry is over
}

// start begins with a page that has been read.
func (r *replay) start(o opening) {
	*r = replay{on: true, read: true, page: o.page.Entries, more: o.page.HasMore, mark: o.mark}
}

// again makes sure that the store is read, after events have been dropped. In
// the middle of a replay the mark takes care of it.
func (r *replay) again() {
	if !r.on {
		*r = replay{on: true}
	}
	r.last = false
}

// catchUp delivers what was read, or reads a page. It reports whether there is
// more to do at once.
func (p *pump) catchUp() (again bool) {
	r := &p.replay
	for i, e := range r.page {
		it := wire.Item{Seq: e.Seq, IsSender: e.IsSender, Body: wire.NewBody(e.Message)}
		if e.Seq > p.next {
			p.jump(e.Seq)
		}
		if p.offer(e.Seq, it, p.isOwnEntry(it.IsSender, it.Body)) == held {
			r.page = r.page[i:]
			return false
		}
	}
	r.page = nil
	switch {
	case r.waiting:
		return false
	case !r.read, r.more:
		return p.readPage()
	case r.last, p.s.box.goLive(r.mark):
		p.caughtUp()
		return true
	}
	r.last = true
	return p.readPage()
}

// jump skips entries that are no longer kept.
func (p *pump) jump(to int64) {
	p.next = to
	for seq, c := range p.claims {
		if seq < to {
			delete(p.claims, seq)
			p.answerSend(c.payload)
		}
	}
}

// readPage reads what follows the cursor.
func (p *pump) readPage() (again bool) {
	p.flush() // so that the client does not wait for the store
	r, box := &p.replay, &p.s.box
	r.mark = box.mark()
	who := p.s.who.Load()
	ctx, done := p.s.work(p.s.ctx, writer)
	defer done()
	page, err := p.s.gw.opts.Store.ReadLog(ctx, who.App.Num, who.User.Num, p.next-1, replayPage)
	if err != nil {
		p.readFailed(err)
		return false
	}
	p.s.gw.metrics.PushCatchUps.Inc()
	if r.last && page.HasMore { // more than a page came meanwhile: not the end after all
		box.markBehind()
		r.last = false
	}
	r.read, r.page, r.more, r.failures = true, page.Entries, page.HasMore, 0
	return true
}

func (p *pump) readFailed(err error) {
	r := &p.replay
	r.failures++
	switch {
	case p.s.box.isOver():
	case errors.Is(err, domain.ErrUserNotFound):
		p.s.end(ending{code: wire.CloseRevoked})
	case r.failures >= replayAttempts:
		p.s.end(ending{code: wire.CloseTryLater})
	default:
		if domain.CodeOf(err) == domain.CodeInternal && r.failures == 1 {
			p.s.gw.logUnknown(p.s.ctx, "reading a log for a connection failed", p.s.id, err)
		}
		r.waiting = true
		time.AfterFunc(replayRetry, p.s.box.readAgain)
	}
}

// caughtUp ends the replay. An answer whose place has not been reached by now,
// and not by another replay either, has none: it is not kept from the client.
func (p *pump) caughtUp() {
	p.replay = replay{}
	p.answerNext()
	for seq, c := range p.claims {
		if c.rounds++; c.rounds < 2 {
			p.claims[seq] = c
			continue
		}
		delete(p.claims, seq)
		p.answerSend(c.payload)
		p.s.gw.opts.Logger.LogAttrs(p.s.ctx, slog.LevelError, "the log lacks an entry that a receipt names",
			slog.String("session_id", p.s.id), slog.Int64("seq", seq))
	}
}
