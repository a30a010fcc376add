package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/trace"
	"github.com/gim-im/gim/wire"
)

const (
	// maxOwnSends is how many sends of a connection may be unanswered before no
	// more frames are read from it.
	maxOwnSends = 64
	// maxMalformed is how many malformed frames in a row close.
	maxMalformed = 3
	// linger is how long a connection that is to be closed may take to write what
	// it is writing, before it is closed without a word.
	linger = 2 * time.Second
	// frameTimeout bounds the handling of one frame. A send is then of unknown
	// outcome, and settled by sending it again.
	frameTimeout = 30 * time.Second
)

// Session is one connection, before and after it has signed in.
type Session struct {
	gw   *Gateway
	conn Conn
	peer Peer
	over func()      // called when all is over
	stop func() bool // ends the watch on the connection's context; nil when there is none
	id   string
	box  mailbox
	pump pump
	// pumped waits for the pump to be over, not only at rest.
	pumped sync.WaitGroup
	// ctx has the values of the connection's context and does not end with the
	// session: an idle one would pay for that. What a session does is done in a
	// context of work.
	ctx context.Context //nolint:containedctx // the session is what it is the context of

	who    atomic.Pointer[identity] // nil until signed in
	cursor atomic.Int64             // of the pump
	slots  chan struct{}            // one per own send that is not answered; nil before the first

	// newest and number are about the device's sessions; number is this one, 0
	// while it has none.
	newest, number atomic.Int64

	life life

	// since is when the session entered presence, zero if it did not, and
	// deviceType that of a registered device; both are the reader's. watching is
	// whose presence it is told, guarded by the board.
	since      time.Time
	deviceType domain.DeviceType
	watching   map[domain.UserID]*watched

	traced *trace.Connection // nil where times are not kept

	judge *judge // nil where the app has no limit for it

	// The reader's own.
	frames    uint64        // read so far
	malformed int           // in a row
	attached  bool          // to the hub
	admitted  domain.AppNum // the app that the session counts for; 0 before
}

// identity is who a session belongs to, and the token that says so. User and
// device never change; a refresh changes the token.
type identity struct {
	domain.Principal      // with the device, also where only the sign-in names it
	registered       bool // the device is registered, so it has acks and a session number
}

func (w *identity) topic() wire.Topic { return wire.Topic{App: w.App.Num, User: w.User.Num} }

func newSession(ctx context.Context, g *Gateway, conn Conn, peer Peer, over func()) *Session {
	s := &Session{
		gw: g, conn: conn, peer: peer, over: over, id: g.opts.IDs.NewID(),
		ctx: ctx,
	}
	if ctx.Done() != nil {
		s.ctx = context.WithoutCancel(ctx)
	}
	s.box.s, s.pump.s = s, s
	s.pumped.Add(1)
	return s
}

// loop is the reader's goroutine. While the connection is idle another one takes
// its place, which has a small stack.
func (s *Session) loop() {
	if s.read() {
		go s.loop() // ends with the connection
		return
	}
	s.finish()
}

// finish takes the session apart when nothing is read any more.
func (s *Session) finish() {
	s.end(ending{})
	s.leave()
	s.pumped.Wait()
	s.life.stop(s)
	if s.stop != nil {
		s.stop()
	}
	if s.attached {
		s.gw.opts.Hub.detach(s.who.Load().topic(), s)
	}
	for _, f := range s.box.forgetAll() {
		s.gw.opts.Hub.detach(f.topic(s.who.Load().App.Num), s)
	}
	if s.judge != nil {
		s.gw.opts.Hub.detach(s.judge.topic(), s.judge)
	}
	s.gw.remove(s)
	s.over()
}

// runPump is the pump's goroutine. It may start again as long as the session has
// not ended.
func (s *Session) runPump() {
	over := true // when it panics, too
	defer func() {
		if over {
			s.conn.Close(0, 0) // so that the reader ends in any case
			s.pumped.Done()
		}
	}()
	defer s.recover("pump")
	over = s.pump.run()
}

// pumpHere runs the pump as far as that takes no waiting, for whoever told the mailbox.
func (s *Session) pumpHere() {
	panicked := true
	defer func() {
		if panicked {
			s.conn.Close(0, 0)
			s.pumped.Done()
		}
	}()
	defer s.recover("pump")
	if _, eager := s.conn.(EagerConn); !eager || !s.pump.runHere() {
		s.box.startPump()
	}
	panicked = false
}

// read handles frames until the connection is closed or idle.
func (s *Session) read() (idle bool) {
	defer s.recover("reader")
	for {
		payload, err := s.conn.ReadFrame()
		switch {
		case err == nil || errors.Is(err, ErrBadFrame):
		case errors.Is(err, ErrIdle):
			return true
		default:
			s.endFraming(err)
			return false
		}
		if s.box.leaving() {
			continue // the other side has yet to notice
		}
		if err == nil && s.answerQuickly(payload) {
			continue
		}
		s.life.busy()
		s.handle(payload, err)
		s.life.sign()
	}
}

// endFraming tells the other side how it broke the framing, if that is what err
// says.
func (s *Session) endFraming(err error) {
	if broken, ok := errors.AsType[*domain.Error](err); ok {
		s.end(ending{code: wire.CloseBadRequest, final: s.failure(s.ctx, 0, broken)})
	}
}

// handle answers one frame.
func (s *Session) handle(payload []byte, bad error) {
	frame, err := &wire.ClientFrame{}, bad
	if bad == nil {
		frame, err = wire.DecodeClient(s.conn.Encoding(), payload)
	} else {
		err = domain.Failure(domain.CodeBadRequest, "This connection speaks %s; the frame is of the other kind.", s.conn.Encoding())
	}
	s.frames++
	ctx := domain.WithRequest(s.ctx, domain.RequestInfo{
		ID: s.id + "-" + strconv.FormatUint(s.frames, 10), TraceParent: domain.RequestOf(s.ctx).TraceParent,
	})
	if domain.CodeOf(err) == domain.CodeBadRequest {
		s.countMalformed(ctx, frame.GetId(), err)
		return
	}
	s.malformed = 0
	ctx, done := s.work(ctx, reader)
	defer done()
	if s.who.Load() == nil {
		s.handleFirst(ctx, frame)
		return
	}
	if err != nil {
		s.fail(ctx, frame.GetId(), err)
		return
	}
	s.dispatch(ctx, frame)
}

func (s *Session) countMalformed(ctx context.Context, id uint64, err error) {
	if s.malformed++; s.malformed >= maxMalformed {
		s.end(ending{code: wire.CloseBadRequest, final: s.failure(ctx, id, err)})
		return
	}
	s.fail(ctx, id, err)
}

// receive takes events from the hub.
func (s *Session) receive(e *wire.Event) {
	switch e.Kind {
	case wire.EventMessage:
		if s.isEcho(e) {
			return
		}
		if !s.box.offer(e) {
			s.end(ending{code: wire.CloseSlowConsumer})
		}
	case wire.EventHead:
		s.box.groupBehind(e)
	case wire.EventGap:
		if e.Topic.Kind == wire.TopicGroup {
			s.box.groupBehind(e)
			return
		}
		s.box.markBehind()
		if e.Topic == (wire.Topic{}) {
			s.box.groupsBehind()
		}
	case wire.EventSession:
		if who := s.who.Load(); who != nil && who.registered && who.Device == e.Device {
			s.replacedBy(e.Session)
		}
	case wire.EventSignal:
		switch who := s.who.Load(); {
		case !s.box.isOpen(), e.Topic.Kind == wire.TopicGroup && e.Signal.Message().GetSender().GetUserId() == string(who.User.ID):
		case e.Topic.Kind == wire.TopicGroup: // in its place among the messages
			if !s.box.offer(e) {
				s.end(ending{code: wire.CloseSlowConsumer})
			}
		default:
			s.box.pass(e.Signal.Frame(s.conn.Encoding()))
		}
	}
}

// isEcho tells a message of this session that is not stored: its answer is all that
// the sender gets.
func (s *Session) isEcho(e *wire.Event) bool {
	return e.Origin == s.id && e.Body.Message().ConversationSeq == 0
}

// replacedBy notes that the device has a session of that number. It may be told
// before the own number is known.
func (s *Session) replacedBy(number int64) {
	for {
		newest := s.newest.Load()
		if number <= newest || s.newest.CompareAndSwap(newest, number) {
			break
		}
	}
	if own := s.number.Load(); own != 0 && s.newest.Load() > own {
		s.end(ending{code: wire.CloseReplaced})
	}
}

func (s *Session) device() domain.DeviceID { return s.who.Load().Device }

// end ends the session; the first reason counts, and first tells whether this was it.
// The pump does what is left to do.
func (s *Session) end(e ending) (first bool) {
	if !s.box.end(e) {
		return false
	}
	s.gw.countClose(e.code)
	if e.code == wire.CloseSlowConsumer {
		s.noteSlow()
	}
	switch e.code {
	case 0:
		s.life.closeAfter(s, 0)
	case wire.CloseSlowConsumer: // the write that is stuck may still get through
		s.life.closeAfter(s, s.gw.opts.WriteTimeout)
	default:
		s.life.closeAfter(s, linger)
	}
	return true
}

// work returns a context that ends with the session. done has to be called.
func (s *Session) work(ctx context.Context, by worker) (working context.Context, done func()) {
	var cancel context.CancelFunc
	if by == reader {
		working, cancel = context.WithTimeout(ctx, frameTimeout)
	} else { // how long the store may take is the store's to say
		working, cancel = context.WithCancel(ctx)
	}
	s.box.works(by, cancel)
	return working, func() {
		s.box.works(by, nil)
		cancel()
	}
}

// recover keeps a panic from costing more than this connection.
func (s *Session) recover(where string) {
	reason := recover()
	if reason == nil {
		return
	}
	s.gw.opts.Logger.LogAttrs(s.ctx, slog.LevelError, "panic on a connection",
		slog.String("session_id", s.id), slog.String("where", where),
		slog.String("reason", fmt.Sprint(reason)), slog.String("stack", string(debug.Stack())))
	s.end(ending{code: wire.CloseInternal})
	if where == "pump" {
		s.conn.Close(wire.CloseInternal, 0)
	}
}
