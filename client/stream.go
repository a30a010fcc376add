package client

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Cursor is a place in a user's log. A program that keeps it goes on where it
// left off.
type Cursor struct {
	Seq   int64  // the last entry that the program has stored; 0 is the beginning
	Epoch string // of the log; empty where it is not known
}

// StreamOptions say how a Stream connects and what it does. Address and Token
// are required.
type StreamOptions struct {
	// Address is as in Dial: http://, https://, tcp:// or tls://.
	Address string
	// Token returns a user token. It is asked at each sign-in and when the server
	// announces that the token runs out, so it should return one that is good for a
	// while yet. An error is tried again, with back-off.
	Token func(ctx context.Context) (string, error)
	// DeviceID names a registered device of the user where the token names none.
	// With neither, the connection gets a passing device, which cannot ack.
	DeviceID string
	// Cursor is where to go on; nil hands on only what is new.
	Cursor  *Cursor
	Handler Handler
	// Client is the name and version of the program, for the server's logs.
	Client string
	// ManualAck leaves it to the program to call Ack. Else the stream acks what
	// Handler.Messages has stored, at most once a second.
	ManualAck bool
	// Logger gets what a developer may want to know; nil logs nothing. Tokens and
	// contents are never logged.
	Logger *slog.Logger
	// MinBackoff and MaxBackoff bound the pause before a new connection: it is
	// random, from 0 to a bound that begins with MinBackoff (500 ms unless set) and
	// doubles up to MaxBackoff (30 s unless set). The bound begins anew after a
	// connection that stayed up for MaxBackoff. What the server asks for comes on
	// top.
	MinBackoff, MaxBackoff time.Duration
	// Dial makes the connection; nil is the function of that name. Programs with
	// TLS settings of their own use Dialer.Dial.
	Dial func(ctx context.Context, address string) (*Conn, error)
}

// Stream is a long connection that lasts: it reconnects, goes on from its cursor,
// hands on every entry of the log once and in order, and sends until it knows the
// outcome. Run it once; all methods may be called concurrently, before and
// during Run.
type Stream struct {
	o      StreamOptions
	log    *slog.Logger
	random jitter
	inbox  *inbox
	called chan struct{} // capacity 1: somebody began to wait for an answer
	hurry  chan struct{} // capacity 1: do not wait before the next connection
	over   chan struct{} // closed when Run is over

	mu      sync.Mutex // guards what follows
	ran     bool
	address string
	dialed  string                  // the address of the connection, or of the attempt
	abort   context.CancelCauseFunc // of the attempt to connect; nil when there is none
	session *session                // nil while not connected
	online  chan struct{}           // closed while connected
	feed    feed
	out     outbox
	cursor  Cursor
	acked   int64 // what the server knows of cursor
	awaited int   // callers that wait for an answer
	watched map[string]struct{}
	state   State
	stats   Stats
}

// Stats count what a developer may wonder about.
type Stats struct {
	Connects int // connections that have signed in
	Repeats  int // entries that came again and were left out
	Gaps     int // times that entries were missing and were asked for
	Dropped  int // unpersisted messages and signals that the program was too slow for
}

// NewStream checks the options. It starts nothing.
func NewStream(o StreamOptions) (*Stream, error) {
	if o.Address == "" || o.Token == nil {
		return nil, errors.New("client: a Stream needs Address and Token")
	}
	if o.MinBackoff <= 0 {
		o.MinBackoff = defaultMinBackoff
	}
	if o.MaxBackoff <= 0 {
		o.MaxBackoff = defaultMaxBackoff
	}
	o.MaxBackoff = max(o.MaxBackoff, o.MinBackoff)
	if o.Dial == nil {
		o.Dial = Dial
	}
	s := &Stream{
		o: o, log: o.Logger, random: randomJitter, inbox: newInbox(), address: o.Address,
		called: make(chan struct{}, 1), hurry: make(chan struct{}, 1), over: make(chan struct{}), online: make(chan struct{}),
		watched: make(map[string]struct{}),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.out = outbox{inFlight: make(map[uint64]*outgoing), pause: s.newBackoff()}
	if o.Cursor != nil {
		s.cursor = *o.Cursor
		s.feed = feed{known: true, received: o.Cursor.Seq, epoch: o.Cursor.Epoch}
	}
	return s, nil
}

func (s *Stream) newBackoff() backoff {
	return backoff{min: s.o.MinBackoff, max: s.o.MaxBackoff, random: func(bound time.Duration) time.Duration { return s.random(bound) }}
}

// Cursor is what the program has stored: it moves when Handler.Messages returns
// nil. Without StreamOptions.Cursor it is the end of the log at the first
// sign-in, and zero before. A program keeps it together with the messages; inside
// Handler.Messages, the cursor to keep with a page is the highest Seq of the page
// with Cursor().Epoch.
func (s *Stream) Cursor() Cursor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursor
}

// State is how the connection is right now. Handler.State may lag behind.
func (s *Stream) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Stats returns what was counted up to now.
func (s *Stream) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

func (s *Stream) count(change func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.stats)
}

func (s *Stream) setState(st State) {
	s.mu.Lock()
	s.state = st
	s.mu.Unlock()
	if s.o.Handler.State != nil {
		s.inbox.state(st)
	}
}

// SwitchTo goes on at another address, which may be of another transport: the
// stream reconnects at once, from its cursor. Nothing is lost or doubled.
func (s *Stream) SwitchTo(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.address = address
	switch {
	case s.session != nil:
		s.session.cancel(errSwitched)
	case s.abort != nil:
		s.abort(errSwitched)
	default:
		signalTo(s.hurry)
	}
}
