package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/wire"
)

const (
	// maxIDBytes is what the id of a frame takes at most.
	maxIDBytes = 11
	// watchChunk is how many users are watched again with one frame.
	watchChunk = 100
)

// check reports what is wrong with a frame before it can cost the connection.
func check(f *wire.ClientFrame) error {
	payload, err := proto.Marshal(f)
	switch {
	case err != nil:
		return &Error{Code: "bad_request", Message: "The frame cannot be encoded: " + err.Error() + "."}
	case len(payload)+maxIDBytes > wire.MaxFrameBytes:
		return errTooLarge(wire.MaxFrameBytes)
	}
	return nil
}

func errTooLarge(limit int64) error {
	return &Error{Code: "too_large", Message: fmt.Sprintf("A frame may have at most %d bytes.", limit)}
}

// Send sends a message and waits until its outcome is known: the server's
// receipt, or a refusal (*Error). Over lost connections it is sent again with the
// same client_msg_id, so it is done at most once; one without client_msg_id gets
// one. Sends are stored in the order in which they were called, unless the server
// puts one off (rate_limited, unavailable) while later ones are under way already;
// those under way are 64 at most.
//
// When ctx ends first, or Run returns, the error is an *UnsettledError and the
// message is not sent again. So it is when the connection breaks while a message
// with persist false is under way: nobody could tell it from its repetition. Send
// may be called before Run and while there is no connection; then it waits. send
// is not changed, and must not be until Send has returned.
func (s *Stream) Send(ctx context.Context, send *wire.Send) (*wire.Sent, error) {
	own := proto.CloneOf(send)
	if own.GetClientMsgId() == "" {
		own.ClientMsgId = rand.Text()
	}
	o := &outgoing{send: own, done: make(chan struct{})}
	if err := check(&wire.ClientFrame{Body: &wire.ClientFrame_Send{Send: own}}); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, o.unsettled(err)
	}
	if !s.enqueue(o) {
		return nil, ErrEnded
	}
	defer s.awaiting()()
	select {
	case <-o.done:
		return o.sent, o.err
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out.withdraw(o) {
		return nil, o.unsettled(ctx.Err())
	}
	return o.sent, o.err
}

func (s *Stream) enqueue(o *outgoing) (ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Phase == Closed {
		return false
	}
	s.out.add(o)
	if s.session != nil {
		s.session.poke()
	}
	return true
}

// awaiting notes that somebody waits for an answer, until the function that it
// returns is called. See session.admit.
func (s *Stream) awaiting() (done func()) {
	s.waiters.Add(1)
	signalTo(s.called)
	return func() { s.waiters.Add(-1) }
}

func (s *Stream) isAwaited() bool { return s.waiters.Load() > 0 }

// Signal tells those of a conversation who are online something that is never
// stored. It is not tried again: without a connection it fails with
// ErrNotConnected at once, and so it does when the connection breaks before the
// answer. A refusal is an *Error.
func (s *Stream) Signal(ctx context.Context, signal *wire.Signal) error {
	f := &wire.ClientFrame{Body: &wire.ClientFrame_Signal{Signal: proto.CloneOf(signal)}}
	if err := check(f); err != nil {
		return err
	}
	s.mu.Lock()
	c, ended := s.session, s.state.Phase == Closed
	s.mu.Unlock()
	switch {
	case ended:
		return ErrEnded
	case c == nil:
		return ErrNotConnected
	}
	defer s.awaiting()()
	_, err := c.call(ctx, f)
	return err
}

// Watch begins and ends being told of the presence of users, and returns how it
// stands with those that are watched from now on. Changes go to Handler.Presence.
// The stream watches again what is watched after each reconnect, and gives the
// answers to that to Handler.Presence too. Without a connection Watch waits for
// one. A refusal is an *Error, and changes nothing.
func (s *Stream) Watch(ctx context.Context, watch, unwatch []string) ([]*wire.UserPresence, error) {
	body := &wire.PresenceWatch{Watch: slices.Clone(watch), Unwatch: slices.Clone(unwatch)}
	frame := &wire.ClientFrame{Body: &wire.ClientFrame_Presence{Presence: body}}
	if err := check(frame); err != nil {
		return nil, err
	}
	undo := s.changeWatched(watch, unwatch)
	f, err := s.callUntil(ctx, frame)
	if _, refused := errors.AsType[*Error](err); refused {
		undo()
	}
	return f.GetPresence().GetItems(), err
}

// changeWatched changes the set of those that are watched. The function that it
// returns takes that back.
func (s *Stream) changeWatched(watch, unwatch []string) (undo func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var added, removed []string
	for _, id := range unwatch {
		if _, watched := s.watched[id]; watched {
			delete(s.watched, id)
			removed = append(removed, id)
		}
	}
	for _, id := range watch {
		if _, watched := s.watched[id]; !watched {
			s.watched[id] = struct{}{}
			added = append(added, id)
		}
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, id := range added {
			delete(s.watched, id)
		}
		for _, id := range removed {
			s.watched[id] = struct{}{}
		}
	}
}

// watchAgain begins to watch on a new connection what is watched. It is called
// with Stream.mu held.
func (c *session) watchAgain() {
	ids := make([]string, 0, len(c.s.watched))
	for id := range c.s.watched {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for part := range slices.Chunk(ids, watchChunk) {
		body := &wire.ClientFrame_Presence{Presence: &wire.PresenceWatch{Watch: part}}
		c.ask(&wire.ClientFrame{Body: body}, func(f *wire.ServerFrame) {
			if e := f.GetError(); e != nil {
				c.s.log.WarnContext(c.ctx, "users could not be watched again", "error", refusal(e))
			}
			c.s.inbox.presence(f.GetPresence().GetItems())
		})
	}
}

// callUntil is call on whatever connection there is, until one has answered.
func (s *Stream) callUntil(ctx context.Context, f *wire.ClientFrame) (*wire.ServerFrame, error) {
	defer s.awaiting()()
	for {
		c, err := s.await(ctx)
		if err != nil {
			return nil, err
		}
		answer, err := c.call(ctx, f)
		if !errors.Is(err, ErrNotConnected) {
			return answer, err
		}
		select {
		case <-c.gone: // so that await finds the next one
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// await waits for a connection.
func (s *Stream) await(ctx context.Context) (*session, error) {
	for {
		s.mu.Lock()
		c, online, ended := s.session, s.online, s.state.Phase == Closed
		s.mu.Unlock()
		switch {
		case ended:
			return nil, ErrEnded
		case c != nil:
			return c, nil
		}
		select {
		case <-online:
		case <-s.ended:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// call sends a frame and waits for the answer, which is an *Error where the
// server refused. ErrNotConnected when the connection ended before.
func (c *session) call(ctx context.Context, f *wire.ClientFrame) (*wire.ServerFrame, error) {
	answered := make(chan *wire.ServerFrame, 1)
	c.s.mu.Lock()
	c.ask(f, func(f *wire.ServerFrame) { answered <- f })
	c.s.mu.Unlock()
	var answer *wire.ServerFrame
	select {
	case answer = <-answered:
	case <-c.gone: // the reader is: what it has not heard is lost
		select {
		case answer = <-answered:
		default:
			return nil, ErrNotConnected
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if e := answer.GetError(); e != nil {
		return nil, refusal(e)
	}
	return answer, nil
}
