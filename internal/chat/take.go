package chat

import (
	"context"
	"errors"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/wire"
)

// handler makes events of what the stream hands on. It waits for the answer where
// the stream does.
func (s *Session) handler() client.Handler {
	ask := func(ctx context.Context, event func(done chan<- error) Event) error {
		done := make(chan error, 1)
		s.post(ctx, event(done))
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return client.Handler{
		Messages: func(ctx context.Context, page []*wire.Message) error {
			return ask(ctx, func(done chan<- error) Event { return Arrived{Page: page, done: done} })
		},
		Resync: func(ctx context.Context, epoch string) error {
			return ask(ctx, func(done chan<- error) Event { return Restarted{Epoch: epoch, done: done} })
		},
		Signal:   func(ctx context.Context, signal *wire.PushedSignal) { s.post(ctx, Signalled{signal}) },
		Presence: func(ctx context.Context, users []*wire.UserPresence) { s.post(ctx, Looked{users}) },
		State:    func(state client.State) { s.post(s.ctx, Changed{state}) },
	}
}

// Take takes an event into the model, and keeps what has to be kept. An error is
// about that; it also ends Run.
func (s *Session) Take(event Event) error {
	switch e := event.(type) {
	case Arrived:
		s.model.Received(e.Page)
		s.state.Cursor = SavedCursor(s.stream.CursorAfter(e.Page))
		err := s.Save()
		e.done <- err
		s.watchPeers()
		s.followGroups(e.Page)
		return err
	case Restarted:
		s.model.Reset()
		s.listed = ""
		if s.o.OnScreen {
			s.list()
		}
		s.state.Cursor = SavedCursor{Epoch: e.Epoch}
		err := s.Save()
		e.done <- err
		return err
	case Signalled:
		s.model.Signal(e.Signal, s.o.Now())
	case Looked:
		s.model.Presence(e.Users)
	case Changed:
		s.connection, s.since = e.State, s.o.Now()
		if e.State.Phase == client.Connected {
			s.state.Began = true
			s.state.Cursor = SavedCursor(s.stream.Cursor()) // it may have large groups that are new
			if s.o.OnScreen {
				s.list()
			}
		} else {
			s.model.ForgetPresence()
		}
		s.watchPeers()
	case Outcome:
		s.underWay--
		return s.settle(e)
	case told:
		s.takeTold(e)
	case Read:
		delete(s.reading, e.Conversation)
		if e.Err == nil {
			e.apply(s.model)
		}
	}
	return nil
}

// settle notes what became of a send. One whose outcome is not known stays as it
// is: it is sent again at the next start.
func (s *Session) settle(e Outcome) error {
	switch refused, ok := errors.AsType[*client.Error](e.Err); {
	case e.Err == nil:
		s.model.Sent(e.Send, e.Sent)
	case ok:
		s.model.Fail(e.Send, refused.Message)
	case e.Unsettled():
		return nil
	case errors.Is(e.Err, client.ErrUnsettled):
		s.model.Fail(e.Send, "It is not known whether it was sent.")
	default:
		s.model.Fail(e.Send, e.Err.Error())
	}
	return s.Save()
}

// watchPeers asks for the presence of those who are not watched yet.
func (s *Session) watchPeers() {
	if s.o.OnScreen {
		s.watch(s.model.Peers())
	}
}

func (s *Session) watch(users []string) {
	var more []string
	for _, user := range users {
		if !s.watched[user] && user != s.model.Me() && len(s.watched) < maxWatched {
			s.watched[user] = true
			more = append(more, user)
		}
	}
	if len(more) == 0 {
		return
	}
	s.Go(func(ctx context.Context) Event {
		users, err := s.stream.Watch(ctx, more, nil)
		if err != nil {
			return nil // presence is then not known, which is what is shown
		}
		return Looked{users}
	})
}

// followGroups changes what Look has read as the events of a page tell. What is
// being read just then may be of before: it is read again.
func (s *Session) followGroups(page []*wire.Message) {
	for _, pushed := range page {
		msg, group := fromPush(pushed), Group(pushed.GetConversationId())
		e := msg.event()
		if e == nil || group == "" {
			continue
		}
		s.changes[group]++
		if members, looked := s.members[group]; looked {
			s.members[group] = membersAfter(members, e)
			s.watch(s.members[group])
		}
	}
}

// Older reads a page of what came before the first message of a conversation. It
// reports whether it does: not when it is doing so already, or there is no more.
func (s *Session) Older(id string) bool {
	c := s.model.Conversation(id)
	if c == nil || c.Complete || s.reading[id] {
		return false
	}
	s.reading[id] = true
	before := c.Oldest()
	s.Go(func(ctx context.Context) Event {
		page, err := s.readHistory(ctx, id, before)
		if isCode(err, "conversation_not_found") || isCode(err, "user_not_found") {
			return Read{Conversation: id, apply: func(m *Model) { m.History(id, nil, false) }}
		}
		if err != nil {
			return Read{Conversation: id, Err: err}
		}
		return Read{Conversation: id, apply: func(m *Model) { m.History(id, page.Items, page.HasMore) }}
	})
	return true
}

// Reading reports whether older messages of a conversation are on their way.
func (s *Session) Reading(id string) bool { return s.reading[id] }

// Look finds out the name of a group, the presence of its members or of the user
// that a conversation is with, and how far they have read.
func (s *Session) Look(id string) {
	s.lookRead(id)
	if user := Peer(id); user != "" {
		s.watch([]string{user})
		return
	}
	group := Group(id)
	if group == "" {
		return
	}
	before := s.changes[group]
	s.Go(func(ctx context.Context) Event {
		name, members, err := s.readGroup(ctx, group)
		if err != nil {
			return Read{Conversation: id, Err: err}
		}
		return Read{Conversation: id, apply: func(m *Model) {
			m.Name(id, name)
			s.members[group] = members
			s.watch(members)
			if s.changes[group] != before {
				s.Look(id)
			}
		}}
	})
}
