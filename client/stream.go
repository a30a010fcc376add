package client

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

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
	// Cursor is where to go on; nil hands on only what is new. It is not changed.
	Cursor  *Cursor
	Handler Handler
	// Client is the name and version of the program, for the server's logs; gim-go
	// unless set.
	Client string
	// ManualAck leaves it to the program to call Ack and AckGroup. Else the stream
	// acks what Handler.Messages has stored, at most once a second.
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
// hands on every entry of the log once and in order, and so every message of each
// large group of the user, and sends until it knows the outcome. Run it once; all
// methods may be called concurrently, before, during and after Run, and by the
// handler.
//
// Run's goroutine calls the handler. Of its own a Stream has one goroutine that
// connects and reads and one that writes, and one more while it replaces a token.
type Stream struct {
	o      StreamOptions
	log    *slog.Logger
	random jitter
	inbox  *inbox

	waiters  atomic.Int64  // calls that wait for an answer
	called   chan struct{} // capacity 1: one more does
	switched chan struct{} // capacity 1: there is a new address
	ended    chan struct{} // closed when Run is over
	ran      atomic.Bool

	// mu guards what follows. It is taken before that of the inbox, and never held
	// while anything blocks.
	mu        sync.Mutex
	address   string
	interrupt context.CancelCauseFunc // ends the attempt to be connected
	state     State
	stats     Stats
	user      string
	cursor    Cursor // what the program has stored
	acked     int64
	unacked   map[string]struct{} // large groups in which the program has stored more than was acked
	resyncs   int                 // new logs that the program has yet to be told of: until then cursor is of an old one
	feed      feed
	groups    groups
	out       outbox
	watched   map[string]struct{}
	audience  map[string]struct{} // large groups that are followed as live audience
	session   *session            // nil while not connected
	online    chan struct{}       // closed while there is a session
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
		o.MaxBackoff = max(defaultMaxBackoff, o.MinBackoff)
	}
	if o.MaxBackoff < o.MinBackoff {
		return nil, errors.New("client: MaxBackoff is less than MinBackoff")
	}
	if o.Dial == nil {
		o.Dial = Dial
	}
	if o.Client == "" {
		o.Client = defaultClient
	}
	s := &Stream{
		o: o, log: o.Logger, random: randomJitter, inbox: newInbox(), address: o.Address,
		called: make(chan struct{}, 1), switched: make(chan struct{}, 1), ended: make(chan struct{}),
		watched: make(map[string]struct{}), audience: make(map[string]struct{}), unacked: make(map[string]struct{}),
		online: make(chan struct{}),
		out:    outbox{inFlight: make(map[uint64]*outgoing)},
	}
	s.out.pause = s.newBackoff()
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if c := o.Cursor; c != nil {
		if err := c.check(); err != nil {
			return nil, err
		}
		s.cursor = c.clone()
		s.feed = feed{track: track{known: true, received: c.Seq}, epoch: c.Epoch}
		s.groups.restore(c.Groups)
	}
	return s, nil
}

func (s *Stream) newBackoff() backoff {
	return backoff{min: s.o.MinBackoff, max: s.o.MaxBackoff, random: func(d time.Duration) time.Duration { return s.random(d) }}
}

// Run connects and calls the handler until ctx ends (it returns nil then), the
// server closes for good (*ClosedError), or a function of the handler fails (its
// error, wrapped). When it returns, all goroutines of the stream are gone and
// sends that wait have failed. A stream runs once; running it again is an error.
func (s *Stream) Run(ctx context.Context) error {
	if s.ran.Swap(true) {
		return errors.New("client: this Stream has been run already")
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	var work sync.WaitGroup
	work.Go(func() { s.inbox.finish(s.connect(running)) })
	err := s.handle(running)
	stop()
	work.Wait()
	if ctx.Err() != nil && (!errors.Is(err, errHandler) || errors.Is(err, ctx.Err())) {
		err = nil // it ends because the program wants it
	}
	s.end(err)
	return err
}

// end says goodbye to everyone who waits.
func (s *Stream) end(err error) {
	closed := State{Phase: Closed, Err: err}
	s.mu.Lock()
	s.state = closed
	s.out.end()
	close(s.ended)
	s.mu.Unlock()
	if s.o.Handler.State != nil {
		s.o.Handler.State(closed)
	}
}

// setState notes how the connection is and tells the program.
func (s *Stream) setState(st State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enter(st)
}

// enter is setState with mu held.
func (s *Stream) enter(st State) {
	s.state = st
	s.inbox.state(st)
}

func (s *Stream) count(add func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	add(&s.stats)
}

// SwitchTo goes on at another address, which may be of another transport: the
// stream reconnects at once, from its cursor. Nothing is lost or doubled.
func (s *Stream) SwitchTo(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.address = address
	signalTo(s.switched)
	if s.interrupt != nil {
		s.interrupt(errSwitched)
	}
}

// State is how the connection is right now. Handler.State may lag behind.
func (s *Stream) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Stats counts what a Stream went through.
type Stats struct {
	Connects int64 // sign-ins that succeeded
	Gaps     int64 // times that entries, or messages of a large group, were missing, which were then asked for
	Repeats  int64 // those that came again and were dropped
	// Dropped are signals and messages stored nowhere or of the live audience, lost
	// because the handler was slow.
	Dropped int64
}

// Stats returns what was counted up to now.
func (s *Stream) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}
