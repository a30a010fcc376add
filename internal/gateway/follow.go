package gateway

import (
	"context"
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
	cursor   atomic.Int64 // next, for others to compare with the log's head

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

// followAll makes a session that signs in follow the large groups of its user, and
// returns how its device stands to them. The groups are read after the head of the
// log: what changes later is told by an entry behind that head.
func (s *Session) followAll(ctx context.Context, who *identity, in *wire.SignIn) ([]*follow, []*wire.GroupHead, error) {
	device := who.Device
	if !who.registered {
		device = ""
	}
	groups, err := s.gw.opts.Store.LargeGroups(ctx, who.App.Num, who.User.Num, device)
	if err != nil || len(groups) == 0 {
		return nil, nil, err
	}
	follows, nums := make([]*follow, len(groups)), make([]domain.ConversationNum, len(groups))
	for i, g := range groups {
		follows[i], nums[i] = &follow{num: g.Num, id: g.ID, ready: true}, g.Num
	}
	if err := s.attachAll(ctx, who, follows); err != nil {
		return nil, nil, err
	}
	heads, err := s.gw.opts.Store.GroupHeads(ctx, who.App.Num, nums)
	if err != nil {
		return nil, nil, err
	}
	answer := make([]*wire.GroupHead, len(groups))
	for i, g := range groups {
		f := follows[i]
		f.next = g.Head + 1
		if after, named := in.GetGroups()[string(g.ID)]; named {
			switch {
			case after < 0:
				return nil, nil, domain.Invalid("/sign_in/groups/"+string(g.ID), "must not be negative")
			case after > max(g.Head, heads[g.Num]):
				return nil, nil, domain.ErrResyncRequired
			}
			f.next = after + 1
		}
		f.behind = f.next <= heads[g.Num]
		answer[i] = &wire.GroupHead{GroupId: string(g.ID), Head: g.Head, Acked: g.Acked, Unread: g.Unread}
	}
	return follows, answer, nil
}

// attaching is how many subscriptions a sign-in waits for at once.
const attaching = 16

// attachAll attaches the session to the topics of groups. It is undone when the
// session ends.
func (s *Session) attachAll(ctx context.Context, who *identity, follows []*follow) error {
	results := make(chan error, attaching)
	for part := range slices.Chunk(follows, attaching) {
		for _, f := range part {
			go func() { results <- s.attach(ctx, who, f) }() // ends within a second or so, see Bus
		}
		var failed error
		for range part {
			if err := <-results; err != nil {
				failed = err
			}
		}
		if failed != nil {
			return failed
		}
	}
	return nil
}

func (s *Session) attach(ctx context.Context, who *identity, f *follow) error {
	if err := s.gw.opts.Hub.attach(ctx, f.topic(who.App.Num), s); err != nil {
		return err
	}
	if !s.box.register(f) {
		s.gw.opts.Hub.detach(f.topic(who.App.Num), s)
		return context.Canceled
	}
	return nil
}

// maxSubscriptions is how many groups a connection may follow as live audience.
const maxSubscriptions = 100

// handleSubscribe makes the session one of a group's live audience.
func (s *Session) handleSubscribe(ctx context.Context, id uint64, group domain.GroupID) {
	f, head, err := s.subscribe(ctx, group)
	if err != nil {
		s.fail(ctx, id, err)
		return
	}
	s.box.follow(f, s.encode(&wire.ServerFrame{Id: id, Body: &wire.ServerFrame_Subscribed{Subscribed: &wire.Subscribed{
		GroupId: string(group), Head: head,
	}}}))
}

// subscribe returns the follow that is to begin, or nil when the session follows
// the group already, and the head of the group's log.
func (s *Session) subscribe(ctx context.Context, group domain.GroupID) (*follow, int64, error) {
	if err := domain.ValidateID("/subscribe/group_id", string(group)); err != nil {
		return nil, 0, err
	}
	who := s.who.Load()
	reader := domain.GroupReader{User: who.User.Num, Audience: true}
	g, err := s.gw.opts.Store.LargeGroup(ctx, who.App.Num, group, reader)
	if err != nil {
		return nil, 0, err
	}
	following, subscriptions := s.box.follows(g.Num)
	switch {
	case following:
		return nil, g.Head, nil
	case subscriptions >= maxSubscriptions:
		return nil, 0, domain.Invalid("/subscribe", "would make this connection follow more than %d groups", maxSubscriptions)
	}
	f := &follow{num: g.Num, id: g.ID, ready: true, behind: true}
	f.audience.Store(true)
	if err := s.attach(ctx, who, f); err != nil {
		return nil, 0, err
	}
	// Looked at again, because the group may have changed before events arrived.
	if g, err = s.gw.opts.Store.LargeGroup(ctx, who.App.Num, group, reader); err != nil {
		s.detach(f)
		return nil, 0, err
	}
	f.next = g.Head + 1
	return f, g.Head, nil
}

func (s *Session) detach(f *follow) {
	s.box.forget(f)
	s.gw.opts.Hub.detach(f.topic(s.who.Load().App.Num), s)
}

// handleUnsubscribe ends it. A session that is none of the audience is told the same.
func (s *Session) handleUnsubscribe(ctx context.Context, id uint64, group domain.GroupID) {
	if err := domain.ValidateID("/unsubscribe/group_id", string(group)); err != nil {
		s.fail(ctx, id, err)
		return
	}
	s.box.unsubscribe(group, s.encode(unsubscribed(id, group)))
}

func unsubscribed(id uint64, group domain.GroupID) *wire.ServerFrame {
	return &wire.ServerFrame{Id: id, Body: &wire.ServerFrame_Unsubscribed{Unsubscribed: &wire.Unsubscribed{GroupId: string(group)}}}
}

// acceptFollows takes what the mailbox has about groups.
func (p *pump) acceptFollows(b *batch) {
	for _, f := range b.follows {
		if f.ready = true; p.follows == nil {
			p.follows = make(map[domain.ConversationNum]*follow)
		}
		p.follows[f.num] = f
		f.cursor.Store(f.next)
		p.busyWith(f)
	}
	for _, id := range b.unsubscribed {
		for _, f := range p.follows {
			if f.id == id && f.audience.Load() {
				p.unfollow(f)
			}
		}
	}
	if b.groupsMissed || p.groupsMissed && p.started {
		p.groupsMissed = false
		for _, f := range p.follows {
			f.behind = true
			p.busyWith(f)
		}
	}
	for _, e := range b.groupEvents {
		p.acceptGroupEvent(e)
	}
	for _, st := range b.settled {
		if f := p.follows[st.group]; f != nil && st.groupSeq >= f.next {
			f.own = append(f.own, st.groupSeq)
		}
	}
}

func (p *pump) acceptGroupEvent(e *wire.Event) {
	f := p.follows[e.Topic.Group]
	switch {
	case f == nil:
		p.done += sizeOf(e)
		p.groupsMissed = p.groupsMissed || !p.started
		return
	case e.Kind == wire.EventMessage:
		f.pending = append(f.pending, e)
	default: // a gap, or a head that was not reached
		f.behind = true
	}
	p.busyWith(f)
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
		if p.offerGroup(f, body, p.isMine(m)) == held {
			f.page = f.page[i:]
			return false
		}
	}
	f.page = nil
	for i, e := range f.pending {
		stored := e.Body.Message().ConversationSeq > 0
		switch {
		case f.behind && stored: // the store has it
		case stored && p.mayEnd(f, e.Body):
			f.behind = true // unless it was seen, the store tells whether that was the end
		case p.offerGroup(f, e.Body, e.Origin == p.s.id) == held:
			f.pending = f.pending[i:]
			return false
		}
		p.done += sizeOf(e)
	}
	f.pending = nil
	if f.behind && !f.waiting {
		return p.readGroup(f)
	}
	return false
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
	case mayNotFollow(err):
		if f.audience.Load() {
			p.write(p.s.encode(unsubscribed(0, f.id)))
		}
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

// unfollow ends it for good.
func (p *pump) unfollow(f *follow) {
	for _, e := range f.pending {
		p.done += sizeOf(e)
	}
	delete(p.follows, f.num)
	p.s.detach(f)
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
		f.audience.Store(false)
		fallthrough
	case f != nil && e.Ends(user):
		f.behind = true
		p.busyWith(f)
	}
}

// begin follows a group once its events arrive, which may take a while.
func (p *pump) begin(f *follow) {
	if p.follows == nil {
		p.follows = make(map[domain.ConversationNum]*follow)
	}
	p.follows[f.num] = f
	s := p.s
	s.pumped.Add(1)
	go func() { // ends within a second or so, see Bus
		defer s.pumped.Done()
		if err := s.attach(s.ctx, s.who.Load(), f); err == nil {
			s.box.follow(f, nil)
		}
	}()
}
