package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/wire"
)

// maxIDBytes is what the id of a frame takes at most.
const maxIDBytes = 11

// Codes of errors that the stream acts on by itself.
const (
	codeResyncRequired = "resync_required"
	codeTooLarge       = "too_large"
)

func errTooLarge(limit int64) error {
	return &Error{Code: codeTooLarge, Message: fmt.Sprintf("The server takes frames of at most %d bytes.", limit)}
}

// Send sends a message and waits until its outcome is known: the server's
// receipt, or a refusal (*Error). Over lost connections it is sent again with the
// same client_msg_id, so it is done at most once; one without client_msg_id gets
// one. Sends are stored in the order in which they were called, unless the server
// puts one off (rate_limited) while later ones are under way already.
//
// When ctx ends first, or Run returns, the error is an *UnsettledError and the
// message is not sent again. Send may be called before Run and while there is no
// connection; then it waits. send is not changed, and must not be until Send has
// returned.
func (s *Stream) Send(ctx context.Context, send *wire.Send) (*wire.Sent, error) {
	send = proto.CloneOf(send)
	if send.GetClientMsgId() == "" {
		send.ClientMsgId = rand.Text()
	}
	o := &outgoing{send: send, done: make(chan struct{})}
	defer s.await()()
	if !s.queue(o) {
		return nil, o.unsettled(ErrEnded)
	}
	select {
	case <-o.done:
	case <-ctx.Done():
		s.mu.Lock()
		withdrawn := s.out.withdraw(o)
		s.mu.Unlock()
		if withdrawn {
			return nil, o.unsettled(ctx.Err())
		}
	}
	return o.sent, o.err
}

func (s *Stream) queue(o *outgoing) (ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.over:
		return false
	default:
	}
	s.out.add(o)
	if s.session != nil {
		s.session.poke()
	}
	return true
}

// await notes that a caller waits for an answer, until done is called.
func (s *Stream) await() (done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.awaited++
	signalTo(s.called)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.awaited--
	}
}

func (s *Stream) isAwaited() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.awaited > 0
}

// Signal tells those of a conversation who are online something that is never
// stored. It is not tried again: without a connection it fails with
// ErrNotConnected at once, and so it does when the connection breaks before the
// answer. A refusal is an *Error.
func (s *Stream) Signal(ctx context.Context, signal *wire.Signal) error {
	defer s.await()()
	c, _ := s.current()
	if c == nil {
		return ErrNotConnected
	}
	_, err := c.call(ctx, &wire.ClientFrame{Body: &wire.ClientFrame_Signal{Signal: proto.CloneOf(signal)}})
	return err
}

// Watch begins and ends being told of the presence of users, and returns how it
// stands with those in watch. Changes go to Handler.Presence. The stream watches
// again what is watched after each reconnect, and gives the answers to that to
// Handler.Presence too. Without a connection Watch waits for one. A refusal is an
// *Error, and changes nothing.
func (s *Stream) Watch(ctx context.Context, watch, unwatch []string) ([]*wire.UserPresence, error) {
	f, err := s.callWhenOnline(ctx, &wire.ClientFrame{Body: &wire.ClientFrame_Presence{
		Presence: &wire.PresenceWatch{Watch: watch, Unwatch: unwatch},
	}})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range unwatch {
		delete(s.watched, id)
	}
	for _, id := range watch {
		s.watched[id] = struct{}{}
	}
	return f.GetPresence().GetItems(), nil
}

// watchAgain is called with Stream.mu held.
func (c *session) watchAgain() {
	if len(c.s.watched) == 0 {
		return
	}
	all := make([]string, 0, len(c.s.watched))
	for id := range c.s.watched {
		all = append(all, id)
	}
	c.ask(&wire.ClientFrame{Body: &wire.ClientFrame_Presence{Presence: &wire.PresenceWatch{Watch: all}}},
		func(f *wire.ServerFrame) { c.s.inbox.presence(f.GetPresence().GetItems()) })
}

// Ack tells the server that the device holds the log up to seq, and returns what
// the server has noted, which never goes back. Without a connection it waits for
// one. A refusal is an *Error.
func (s *Stream) Ack(ctx context.Context, seq int64) (int64, error) {
	f, err := s.callWhenOnline(ctx, ackFrame(seq))
	return f.GetAcked().GetSeq(), err
}

// callWhenOnline asks on the first connection that lives long enough to answer. It
// is for what may be asked twice.
func (s *Stream) callWhenOnline(ctx context.Context, f *wire.ClientFrame) (*wire.ServerFrame, error) {
	defer s.await()()
	for {
		c, online := s.current()
		if c == nil {
			select {
			case <-online:
				continue
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-s.over:
				return nil, ErrEnded
			}
		}
		answer, err := c.call(ctx, f)
		if !errors.Is(err, ErrNotConnected) {
			return answer, err
		}
		select { // the session is about to be dropped
		case <-c.gone:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// current returns the session, or nil and what is closed when there is one.
func (s *Stream) current() (c *session, online <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.session, s.online
}

// call asks and waits for the answer. An error frame is an *Error; when the session
// ends before the answer it is ErrNotConnected.
func (c *session) call(ctx context.Context, f *wire.ClientFrame) (*wire.ServerFrame, error) {
	answer := make(chan *wire.ServerFrame, 1)
	c.s.mu.Lock()
	c.ask(f, func(f *wire.ServerFrame) { answer <- f })
	c.s.mu.Unlock()
	select {
	case f := <-answer:
		if f.GetError() != nil {
			return nil, refusal(f.GetError())
		}
		return f, nil
	case <-c.ctx.Done():
		return nil, ErrNotConnected
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
