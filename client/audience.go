package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/gim-im/gim/wire"
)

// Subscribe follows a large group with a live audience, of which the user need not
// be a member, and returns the conversation_seq of its last message: those behind
// it go to Handler.Messages, in order. The stream subscribes again after each
// reconnect; what was sent in between is not handed on, and what comes is not part
// of the cursor. It lasts until Unsubscribe, until the server ends it (see
// Handler.Unsubscribed), or until the user becomes a member, which takes its place.
// Without a connection Subscribe waits for one. A refusal is an *Error, and changes
// nothing.
func (s *Stream) Subscribe(ctx context.Context, group string) (head int64, err error) {
	frame := subscribeFrame(group)
	if err := check(frame); err != nil {
		return 0, err
	}
	undo := s.changeAudience(group, true)
	f, err := s.callUntil(ctx, frame)
	if _, refused := errors.AsType[*Error](err); refused {
		undo()
	}
	return f.GetSubscribed().GetHead(), err
}

// Unsubscribe ends what Subscribe began, and does nothing where nothing was. It
// waits for the answer where there is a connection; the end of that is an end too.
// A refusal is an *Error.
func (s *Stream) Unsubscribe(ctx context.Context, group string) error {
	frame := unsubscribeFrame(group)
	if err := check(frame); err != nil {
		return err
	}
	s.changeAudience(group, false)
	s.mu.Lock()
	c, ended := s.session, s.state.Phase == Closed
	s.mu.Unlock()
	switch {
	case ended:
		return ErrEnded
	case c == nil:
		return nil
	}
	defer s.awaiting()()
	if _, err := c.call(ctx, frame); !errors.Is(err, ErrNotConnected) {
		return err
	}
	return nil
}

func unsubscribeFrame(group string) *wire.ClientFrame {
	return &wire.ClientFrame{Body: &wire.ClientFrame_Unsubscribe{Unsubscribe: &wire.Unsubscribe{GroupId: group}}}
}

func subscribeFrame(group string) *wire.ClientFrame {
	return &wire.ClientFrame{Body: &wire.ClientFrame_Subscribe{Subscribe: &wire.Subscribe{GroupId: group}}}
}

// changeAudience changes whether a group is followed. The function that it returns
// takes that back.
func (s *Stream) changeAudience(group string, follow bool) (undo func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, before := s.audience[group]
	if follow {
		s.audience[group] = struct{}{}
	} else {
		delete(s.audience, group)
	}
	if before == follow {
		return func() {}
	}
	return func() { s.changeAudience(group, before) }
}

// subscribeAgain follows on a new connection what is followed as live audience. It
// is called with Stream.mu held.
func (c *session) subscribeAgain() {
	for group := range c.s.audience {
		c.ask(subscribeFrame(group), func(f *wire.ServerFrame) {
			switch e := f.GetError(); {
			case e == nil:
			case e.GetRetryable(): // another connection tries it again
				c.cancel(fmt.Errorf("subscribe to a group again: %w", refusal(e)))
			default:
				c.s.mu.Lock()
				defer c.s.mu.Unlock()
				c.s.unsubscribed(group)
			}
		})
	}
}

// unsubscribed takes that the server has ended an audience. It is called with mu
// held.
func (s *Stream) unsubscribed(group string) {
	s.groups.leave(group)
	if _, followed := s.audience[group]; followed {
		delete(s.audience, group)
		s.inbox.left(group)
	}
}

// audience takes what a frame tells of live audiences, be it an answer or not. It
// is first to see a frame, for messages may follow at once.
func (c *session) audience(f *wire.ServerFrame) {
	began, ended := f.GetSubscribed(), f.GetUnsubscribed()
	if began == nil && ended == nil {
		return
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	group := began.GetGroupId()
	_, wanted := c.s.audience[group]
	switch {
	case ended != nil && f.GetId() == 0:
		c.s.unsubscribed(ended.GetGroupId())
	case ended != nil:
		c.s.groups.leave(ended.GetGroupId())
	case c.s.groups.member(group) != nil:
		delete(c.s.audience, group) // the membership takes its place
	case wanted:
		c.s.groups.visit(group, began.GetHead())
	default: // Unsubscribe was called meanwhile
		c.ask(unsubscribeFrame(group), func(*wire.ServerFrame) {})
	}
}
