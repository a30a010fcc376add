package gateway

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// follow is how a session follows a large group: with a cursor of its own in the
// log of the group. Whatever is not next is read from the store, and so is the
// answer to whether the session still may: a removal is an entry of that log
// itself, so that nothing behind it is pushed, however late the news of it comes.
//
// It belongs to the pump, but for what is atomic.
type follow struct {
	num domain.ConversationNum
	id  domain.GroupID

	audience atomic.Bool  // of a user who is no member
	replaced atomic.Bool  // by one that was begun otherwise
	cursor   atomic.Int64 // next, for others to compare with the log's head

	from   int64 // next, when it began
	next   int64 // the next conversation_seq that the client is to see
	ready  bool  // events arrive
	behind bool  // the store has to be read
	queued bool  // among the pump's busy ones

	page     []*domain.Message // read and not yet delivered
	pending  []*wire.Event     // not yet delivered
	own      []int64           // answered own sends, not below next
	hold     hold
	failures int
	waiting  bool // the store failed: not before replayRetry is over
}

func (f *follow) topic(app domain.AppNum) wire.Topic { return wire.GroupTopic(app, f.num) }

// acceptFollows takes what the mailbox has about groups.
func (p *pump) acceptFollows(b *batch) {
	for _, f := range b.unsubscribed {
		if p.drop(f); !f.audience.Load() { // the user became a member at that moment
			p.begin(&follow{num: f.num, id: f.id, next: f.next, behind: true})
		}
	}
	for _, f := range b.follows {
		if f.ready = true; p.follows == nil {
			p.follows = make(map[domain.ConversationNum]*follow)
		}
		if old := p.follows[f.num]; old != nil && old != f { // a membership and a subscription at once
			f.takeOver(old)
			p.drop(old)
		}
		p.follows[f.num] = f
		f.from = f.next
		f.cursor.Store(f.next)
		p.busyWith(f)
	}
	p.groupsMissed = p.groupsMissed || b.groupsMissed
	if p.groupsMissed && p.started {
		p.groupsMissed = false
		for _, f := range p.follows {
			f.behind = true
			p.busyWith(f)
		}
	}
}

// acceptGroupNews takes gaps, and heads that were not reached when they were told.
func (p *pump) acceptGroupNews(news []*wire.Event) {
	for _, e := range news {
		f := p.follows[e.Topic.Group]
		switch {
		case f == nil:
			p.groupsMissed = p.groupsMissed || !p.started
		case e.Kind == wire.EventGap || e.Seq >= f.next && len(f.pending) == 0:
			f.behind = true
			p.busyWith(f)
		}
	}
}

// acceptGroupSends notes which messages of groups were answered.
func (p *pump) acceptGroupSends(sends []settled) {
	for _, st := range sends {
		switch f := p.follows[st.group]; {
		case st.group == 0:
		case f == nil: // the entry that tells of the membership is still to come
			p.strays = append(p.strays[max(0, len(p.strays)+1-maxOwnSends):], st)
		case st.groupSeq >= f.next:
			f.own = append(f.own, st.groupSeq)
		}
	}
}

// acceptGroupEvent takes a message of a group. Usually it is the next one, and
// nothing has to be remembered.
func (p *pump) acceptGroupEvent(e *wire.Event) {
	f := p.follows[e.Topic.Group]
	switch {
	case f == nil:
		p.done += sizeOf(e)
		p.groupsMissed = p.groupsMissed || !p.started
	case f.queued || !f.ready || p.offerEvent(f, e) == held:
		f.pending = append(f.pending, e)
		p.busyWith(f)
	case f.behind:
		p.busyWith(f)
	default:
		f.cursor.Store(f.next)
	}
}

func (p *pump) busyWith(f *follow) {
	if !f.queued {
		f.queued = true
		p.busy = append(p.busy, f)
	}
}

// deliverGroups moves the cursors of groups as far as they go without waiting, or
// by one page of the store. It reports whether it should be called again at once.
func (p *pump) deliverGroups() (again bool) {
	busy := p.busy
	p.busy = nil
	for _, f := range busy {
		f.queued = false
		if p.follows[f.num] != f {
			continue
		}
		again = p.deliverGroup(f) || again
		f.cursor.Store(f.next)
		if f.behind || len(f.pending) > 0 || len(f.page) > 0 {
			p.busyWith(f)
		}
	}
	return again
}

func (p *pump) deliverGroup(f *follow) (again bool) {
	if !f.ready {
		return false
	}
	for i, m := range f.page {
		body := wire.NewBody(m)
		if e := body.GroupEvent(); e != nil && f.audience.Load() && e.EndsAudience() {
			p.sendAway(f) // though there may be an audience again
			return false
		}
		if p.offerGroup(f, body, p.isMine(m)) == held {
			f.page = f.page[i:]
			return false
		}
	}
	f.page = nil
	kept := f.pending[:0]
	for i, e := range f.pending {
		switch {
		case f.behind && !isStored(e): // until it is known whether the session still may
			kept = append(kept, e)
		case p.offerEvent(f, e) == held:
			f.pending = append(kept, f.pending[i:]...)
			return false
		}
	}
	if f.pending = kept; len(kept) == 0 {
		f.pending = nil
	}
	if f.behind && !f.waiting {
		return p.readGroup(f)
	}
	return false
}

// isStored tells messages that the log of the group has from what is only passed on.
func isStored(e *wire.Event) bool {
	return e.Kind == wire.EventMessage && e.Body.Message().ConversationSeq > 0
}

// offerEvent offers what the bus told.
func (p *pump) offerEvent(f *follow, e *wire.Event) verdict {
	switch stored := isStored(e); {
	case e.Kind == wire.EventSignal:
		p.write(e.Signal.Frame(p.s.conn.Encoding()))
	case f.behind && stored: // the store has it
	case stored && p.mayEnd(f, e.Body):
		f.behind = true // unless it was seen, the store tells whether that was the end
	case p.offerGroup(f, e.Body, e.Origin == p.s.id) == held:
		return held
	}
	p.done += sizeOf(e)
	return passed
}

// mayEnd reports whether a message says that the session may not follow the group
// any longer.
func (p *pump) mayEnd(f *follow, b *wire.Body) bool {
	e := b.GroupEvent()
	return e != nil && (e.Ends(p.s.who.Load().User.ID) || f.audience.Load() && e.EndsAudience())
}

// offerGroup is the only place where the cursor of a group moves by a message.
func (p *pump) offerGroup(f *follow, b *wire.Body, own bool) verdict {
	seq := b.Message().ConversationSeq
	switch {
	case seq == 0:
		p.add(wire.Item{Body: b})
		return passed
	case seq < f.next:
		return passed
	case seq > f.next:
		f.behind = true
		return gap
	}
	i := slices.Index(f.own, seq)
	switch {
	case i >= 0: // its answer stands for it
		f.own = slices.Delete(f.own, i, i+1)
	case own && p.mayBeAnswered(&f.hold, seq):
		return held
	default:
		p.add(wire.Item{Body: b})
	}
	f.next++
	return passed
}

// isMine goes by the device, see isOwnEntry.
func (p *pump) isMine(m *domain.Message) bool {
	who := p.s.who.Load()
	return m.Sender.User == who.User.ID && m.Sender.Device == who.Device
}

// readGroup reads what follows the cursor of a group. It reports whether there is
// more to do at once.
func (p *pump) readGroup(f *follow) (again bool) {
	if p.here {
		return true
	}
	p.flush() // so that the client does not wait for the store
	who := p.s.who.Load()
	ctx, done := p.s.work(p.s.ctx, writer)
	defer done()
	reader := domain.GroupReader{User: who.User.Num, Audience: f.audience.Load()}
	page, err := p.s.gw.opts.Store.ReadGroup(ctx, who.App.Num, f.num, reader, f.next-1, replayPage)
	if err != nil {
		p.readGroupFailed(f, err)
		return false
	}
	p.s.gw.metrics.PushCatchUps.Inc()
	f.failures = 0
	f.behind = page.HasMore
	f.next = max(f.next, page.First)
	f.own = slices.DeleteFunc(f.own, func(seq int64) bool { return seq < f.next })
	f.page = page.Messages
	return true
}

func (p *pump) readGroupFailed(f *follow, err error) {
	f.failures++
	switch {
	case p.s.box.isOver():
	case mayNotFollow(err) && f.audience.Load():
		p.sendAway(f)
	case mayNotFollow(err):
		p.unfollow(f)
	case f.failures >= replayAttempts:
		p.s.end(ending{code: wire.CloseTryLater})
	default:
		if domain.CodeOf(err) == domain.CodeInternal && f.failures == 1 {
			p.s.gw.logUnknown(p.s.ctx, "reading the log of a group for a connection failed", p.s.id, err)
		}
		f.waiting = true
		time.AfterFunc(replayRetry, p.s.box.readAgain)
	}
}

func mayNotFollow(err error) bool {
	switch domain.CodeOf(err) { //nolint:exhaustive // the others are failures
	case domain.CodeNotInGroup, domain.CodeGroupNotFound, domain.CodeForbidden:
		return true
	}
	return false
}

// sendAway ends the following of one of the live audience, and says so.
func (p *pump) sendAway(f *follow) {
	p.write(p.s.encode(unsubscribed(0, f.id)))
	p.unfollow(f)
}

// unfollow ends it for good.
func (p *pump) unfollow(f *follow) {
	p.drop(f)
	p.s.detach(f)
}

// drop forgets what f was about to do.
func (p *pump) drop(f *follow) {
	for _, e := range f.pending {
		p.done += sizeOf(e)
	}
	if f.pending = nil; p.follows[f.num] == f {
		delete(p.follows, f.num)
	}
}

// takeOver makes f follow for a membership that old was to begin with.
func (f *follow) takeOver(old *follow) {
	f.next, f.behind = min(f.next, old.next), true
	f.own = append(f.own, old.own...)
	if old.replaced.Store(true); !old.audience.Load() {
		f.audience.Store(false)
	}
}

// heed begins to follow a group that an entry of the own log makes the user a member
// of, and looks whether an end is one. Entries up to covered are in the list of
// groups that the session began with.
func (p *pump) heed(seq int64, b *wire.Body) {
	e := b.GroupEvent()
	if e == nil || seq <= p.covered {
		return
	}
	user := p.s.who.Load().User.ID
	m := b.Message()
	num := m.ID.Conversation()
	f := p.follows[num]
	switch {
	case f == nil && e.Begins(user):
		p.begin(&follow{num: num, id: m.To.Group, next: m.ConversationSeq + 1, behind: true})
	case f != nil && e.Begins(user):
		if f.audience.Store(false); f.next == f.from { // nothing was pushed of what it was subscribed to
			f.next = min(f.next, m.ConversationSeq+1)
		}
		fallthrough
	case f != nil && e.Ends(user):
		f.behind = true
		p.busyWith(f)
	}
}

// beginAgain is the time between attempts to follow a group as a member that is just
// being subscribed to.
const beginAgain = 100 * time.Millisecond

// begin follows a group once its events arrive, which may take a while.
func (p *pump) begin(f *follow) {
	if p.follows == nil {
		p.follows = make(map[domain.ConversationNum]*follow)
	}
	p.follows[f.num] = f
	for _, st := range p.strays {
		if st.group == f.num && st.groupSeq >= f.next {
			f.own = append(f.own, st.groupSeq)
		}
	}
	s := p.s
	s.pumped.Add(1)
	go func() { // ends within a second or so, see Bus
		defer s.pumped.Done()
		err := s.attach(s.ctx, s.who.Load(), f)
		for errors.Is(err, errFollowing) && !f.replaced.Load() { // by a subscription that is under way
			time.Sleep(beginAgain)
			err = s.attach(s.ctx, s.who.Load(), f)
		}
		if err == nil {
			s.box.follow(f, nil)
		}
	}()
}
