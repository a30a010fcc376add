package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gim-im/gim/wire"
)

// Handler is what a program does with what a [Stream] receives. Its functions
// are called one at a time and in order, from the goroutine of Run; any may be
// nil. Their ctx ends when Run is to end. They may call every method of the
// Stream but Run, and wait for the answer.
type Handler struct {
	// Messages gets what is new: entries of the log, contiguous and ascending by
	// Seq over all calls; the messages of each large group, which are in no user's
	// log and have Seq 0, contiguous and ascending by ConversationSeq; and in between
	// messages that are stored nowhere, with Seq 0 and ConversationSeq 0. What this
	// stream sent itself is among them. A page has at least one message and belongs
	// to the function.
	//
	// An entry of the log tells that the user has become a member of a large group,
	// or is none any more; it may come again as a message of the group.
	//
	// Returning nil says that the program has stored them: the cursor moves and the
	// server is told (see StreamOptions.ManualAck). Stream.CursorAfter is the cursor
	// to keep with them. An error ends Run, which returns it; the cursor stays.
	Messages func(ctx context.Context, page []*wire.Message) error
	// Signal gets what is never stored, such as that somebody types. Signals may be
	// lost when the program is slow or the connection breaks.
	Signal func(ctx context.Context, s *wire.PushedSignal)
	// Presence gets how it stands with watched users, each at most once a call.
	// While the program is busy, only the newest of each user is kept.
	Presence func(ctx context.Context, users []*wire.UserPresence)
	// State is told how the connection is. A program that is too slow to see every
	// state sees the newest.
	State func(State)
	// Resync is called when the log, or that of a large group, has started anew on
	// the server: the program drops what it holds, and every entry comes again from
	// the first; of large groups what the device has not acknowledged. epoch is that
	// of the new log. An error ends Run.
	Resync func(ctx context.Context, epoch string) error
	// Unsubscribed is told that the stream follows a large group no longer as live
	// audience, because the server has ended that (see Stream.Subscribe).
	Unsubscribed func(ctx context.Context, group string)
}

// State is how the connection of a [Stream] is.
type State struct {
	Phase Phase
	// SignedIn is the server's answer; set while Connected.
	SignedIn *wire.SignedIn
	// Err is why the connection ended or could not be made; set while Waiting, and
	// when Closed for another reason than the end of the context.
	Err error
	// Delay is how long the stream waits before it tries again; set while Waiting.
	Delay time.Duration
}

// Phase is what a [Stream] is doing.
type Phase int

// The phases of a stream.
const (
	Idle       Phase = iota // Run has not been called
	Connecting              // dialing and signing in
	Connected               // signed in
	Waiting                 // until the next attempt
	Closed                  // Run has returned or is about to: there is no further state
)

// String returns the name of the phase in lower case.
func (p Phase) String() string {
	switch p {
	case Idle:
		return "idle"
	case Connecting:
		return "connecting"
	case Connected:
		return "connected"
	case Waiting:
		return "waiting"
	case Closed:
		return "closed"
	}
	return "unknown"
}

// errHandler is in the error of a handler that ended Run.
var errHandler = errors.New("the handler failed")

// handle calls the handler for what is in the inbox, until ctx ends or nothing
// comes any more.
func (s *Stream) handle(ctx context.Context) error {
	for ctx.Err() == nil {
		it, ok, over, final := s.inbox.take()
		switch {
		case ok:
			if err := s.handleItem(ctx, it); err != nil {
				return fmt.Errorf("%w: %w", errHandler, err)
			}
			s.inbox.handled(it)
			s.pokeSession()
			continue
		case over:
			return final
		}
		select {
		case <-s.inbox.wake:
		case <-ctx.Done():
		}
	}
	return nil
}

// pokeSession lets the writer see that there is something to ack, or room.
func (s *Stream) pokeSession() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session != nil {
		s.session.poke()
	}
}

func (s *Stream) handleItem(ctx context.Context, it item) error {
	h := &s.o.Handler
	switch {
	case it.page != nil:
		return s.handlePage(ctx, it.page)
	case it.resync != nil:
		if h.Resync != nil {
			if err := h.Resync(ctx, *it.resync); err != nil {
				return err
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.cursor, s.acked = Cursor{Epoch: *it.resync}, 0
		s.resyncs--
	case it.groups != nil:
		s.handleGroups(*it.groups)
	case it.left != "" && h.Unsubscribed != nil:
		h.Unsubscribed(ctx, it.left)
	case it.signal != nil && h.Signal != nil:
		h.Signal(ctx, it.signal)
	case it.presence != nil && h.Presence != nil:
		h.Presence(ctx, it.presence)
	case it.state != nil && h.State != nil:
		h.State(*it.state)
	}
	return nil
}

func (s *Stream) handlePage(ctx context.Context, page []*wire.Message) error {
	after := newReach(page) // before the page is the program's
	if h := s.o.Handler.Messages; h != nil {
		if err := h(ctx, page); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	after.move(&s.cursor)
	for id := range after.groups {
		s.unacked[id] = struct{}{}
	}
	return nil
}

// handleGroups makes groups those that the cursor has places in. All that was
// received before is stored.
func (s *Stream) handleGroups(at map[string]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cursor.Groups = at
	clear(s.unacked)
	for id := range at {
		s.unacked[id] = struct{}{}
	}
}
