package client

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gim-im/gim/wire"
)

const (
	// defaultHeartbeat is for a server that does not tell.
	defaultHeartbeat = 30 * time.Second
	// ackInterval is the least time between two acks of a stream.
	ackInterval = time.Second
	// refreshInterval is the least time between two new tokens on a connection. One
	// that is announced to run out as soon as it is there must not make a storm.
	refreshInterval = 5 * time.Second
	// farewell bounds what is still written and read when a connection ends.
	farewell = time.Second
)

var (
	errSilent   = errors.New("nothing was heard from the server for 2.5 heartbeats")
	errHole     = errors.New("the server does not deliver entries of the log that it has named")
	errOtherLog = errors.New("the log is not the one that the cursor belongs to")
	errSwitched = errors.New("the program switches to another address")
)

// silently are the reasons to close at once: nobody listens, or it is urgent.
var silently = []error{errSilent, errHole, errOtherLog, errSwitched}

// session is one connection that has signed in. Two goroutines serve it: the one
// that connected reads, another one writes.
type session struct {
	s         *Stream
	conn      *Conn
	in        *wire.SignedIn
	heartbeat time.Duration
	attempt   context.Context //nolint:containedctx // ends when the program wants it, see ctx

	// ctx ends when the session is to end, with the reason as its cause. It is kept,
	// against the rule, because callers of the Stream wait for it.
	ctx    context.Context //nolint:containedctx // as said
	cancel context.CancelCauseFunc
	// hard ends reading: a little later than ctx, so that the server's last words
	// are heard.
	hard     context.Context //nolint:containedctx // of the connection, as ctx
	hardStop context.CancelFunc
	gone     chan struct{}  // closed when the Stream has dropped the session
	work     sync.WaitGroup // of its goroutines
	wake     chan struct{}  // capacity 1: the writer has something to look at

	// Of the reader.
	closing *wire.Closing // a close that was announced
	refused *Error        // an error that answered nothing

	// Of the writer.
	cut bool // a frame was not written as a whole

	// Guarded by Stream.mu.
	lastID     uint64
	replies    map[uint64]func(*wire.ServerFrame) // by frame id; called by the reader
	control    []*wire.ClientFrame                // to be written before sends
	pingAt     time.Time
	ackAt      time.Time
	syncAt     time.Time
	refreshAt  time.Time // not before
	asking     bool      // a sync is under way
	acking     int       // acks under way
	ackOff     bool      // the device cannot ack
	refreshing bool
}

// serve runs a connection that has signed in until it ends, and says why it did.
func (s *Stream) serve(ctx context.Context, conn *Conn, in *wire.SignedIn) outcome {
	c := &session{
		s: s, attempt: ctx, conn: conn, in: in, heartbeat: time.Duration(in.GetHeartbeatMs()) * time.Millisecond,
		gone: make(chan struct{}), wake: make(chan struct{}, 1),
		lastID: signInID, replies: make(map[uint64]func(*wire.ServerFrame)),
	}
	if c.heartbeat <= 0 {
		c.heartbeat = defaultHeartbeat
	}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	c.hard, c.hardStop = context.WithCancel(context.WithoutCancel(ctx))
	defer c.hardStop()
	s.begin(c)
	began := time.Now()
	c.work.Go(c.write)
	err := c.read()
	c.cancel(err)
	c.hardStop()
	c.work.Wait()
	s.drop(c)
	return outcome{
		err: c.reason(err), signedIn: true, up: time.Since(began),
		after: time.Duration(c.closing.GetReconnectAfterMs()) * time.Millisecond,
	}
}

// reason prefers what the server said over what was noticed here, and that over
// what followed from it.
func (c *session) reason(err error) error {
	if closed, ok := errors.AsType[*ClosedError](err); ok {
		if c.refused != nil {
			closed.Refusal = c.refused
		}
		return closed
	}
	return context.Cause(c.ctx)
}

// begin makes c the session of the stream.
func (s *Stream) begin(c *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.pingAt = time.Now().Add(c.heartbeat)
	s.session = c
	close(s.online)
	s.stats.Connects++
	c.watchAgain()
	c.subscribeAgain()
}

// drop undoes begin. Sends that were under way wait for the next session.
func (s *Stream) drop(c *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session = nil
	s.online = make(chan struct{})
	s.out.disconnect()
	close(c.gone)
}

// poke makes the writer look for something to do.
func (c *session) poke() { signalTo(c.wake) }

// ask queues a frame whose answer goes to reply, which the reader calls. It is
// called with Stream.mu held.
func (c *session) ask(f *wire.ClientFrame, reply func(*wire.ServerFrame)) {
	c.control = append(c.control, c.number(f, reply))
	c.poke()
}

// number gives a frame its id. It is called with Stream.mu held.
func (c *session) number(f *wire.ClientFrame, reply func(*wire.ServerFrame)) *wire.ClientFrame {
	c.lastID++
	c.replies[c.lastID] = reply
	return &wire.ClientFrame{Id: c.lastID, Body: f.GetBody()}
}

// refresh gets a new token for the live connection. It tries until it has
// succeeded or the session ends.
func (c *session) refresh() {
	c.s.mu.Lock()
	wait := time.Until(c.refreshAt)
	c.s.mu.Unlock()
	if !sleep(c.ctx, wait) {
		return
	}
	pause := c.s.newBackoff()
	for {
		err := c.refreshOnce()
		if err == nil || c.ctx.Err() != nil {
			return
		}
		c.s.log.WarnContext(c.ctx, "the token could not be replaced", "error", err)
		if refused, ok := errors.AsType[*Error](err); ok && !refused.Retryable {
			return // the server closes when the old token ends, and the next sign-in decides
		}
		if !sleep(c.ctx, pause.next()) {
			return
		}
	}
}

func (c *session) refreshOnce() error {
	token, err := c.s.o.Token(c.ctx)
	if err != nil {
		return err
	}
	_, err = c.call(c.ctx, &wire.ClientFrame{Body: &wire.ClientFrame_Refresh{Refresh: &wire.Refresh{Token: token}}})
	return err
}

// sleep reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
