package gateway

import (
	"context"
	"errors"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

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

// attachAll attaches the session to the topics of groups, all at once: the bus may take
// its time for each. It is undone when the session ends.
func (s *Session) attachAll(ctx context.Context, who *identity, follows []*follow) error {
	results := make(chan error, len(follows))
	for _, f := range follows {
		go func() { results <- s.attach(ctx, who, f) }() // ends within a second or so, see Bus
	}
	var failed error
	for range follows {
		if err := <-results; err != nil {
			failed = err
		}
	}
	return failed
}

func (s *Session) attach(ctx context.Context, who *identity, f *follow) error {
	if err := s.gw.opts.Hub.attach(ctx, f.topic(who.App.Num), s); err != nil {
		return err
	}
	err := s.box.register(f)
	if err != nil {
		s.gw.opts.Hub.detach(f.topic(who.App.Num), s)
	}
	return err
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
	answer := s.encode(&wire.ServerFrame{Id: id, Body: &wire.ServerFrame_Subscribed{Subscribed: &wire.Subscribed{
		GroupId: string(group), Head: head,
	}}})
	if !s.box.follow(f, answer) {
		s.end(ending{code: wire.CloseSlowConsumer})
	}
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
	switch err := s.attach(ctx, who, f); {
	case errors.Is(err, errFollowing): // the user has become a member meanwhile
		return nil, g.Head, nil
	case err != nil:
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
	if s.box.forget(f) {
		s.gw.opts.Hub.detach(f.topic(s.who.Load().App.Num), s)
	}
}

// handleUnsubscribe ends it. A session that is none of the audience is told the same.
func (s *Session) handleUnsubscribe(ctx context.Context, id uint64, group domain.GroupID) {
	if err := domain.ValidateID("/unsubscribe/group_id", string(group)); err != nil {
		s.fail(ctx, id, err)
		return
	}
	f, ok := s.box.unsubscribe(group, s.encode(unsubscribed(id, group)))
	if !ok {
		s.end(ending{code: wire.CloseSlowConsumer})
	}
	if f != nil {
		s.gw.opts.Hub.detach(f.topic(s.who.Load().App.Num), s)
	}
}

func unsubscribed(id uint64, group domain.GroupID) *wire.ServerFrame {
	return &wire.ServerFrame{Id: id, Body: &wire.ServerFrame_Unsubscribed{Unsubscribed: &wire.Unsubscribed{GroupId: string(group)}}}
}
