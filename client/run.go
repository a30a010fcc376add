package client

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/gim-im/gim/wire"
)

const (
	// attemptTimeout bounds one attempt to connect and sign in.
	attemptTimeout = 30 * time.Second
	// maxRefusals is how many fresh tokens in a row may be refused.
	maxRefusals = 2
	// signInID is the id of the frame that signs in.
	signInID = 1
)

var errEnding = errors.New("the program ends the stream")

// Run connects and calls the handler until ctx ends (it returns nil then), the
// server closes for good (*ClosedError), or a function of the handler fails (its
// error, wrapped). When it returns, all goroutines of the stream are gone and
// sends that wait have failed. A stream runs once.
func (s *Stream) Run(ctx context.Context) error {
	s.mu.Lock()
	again := s.ran
	s.ran = true
	s.mu.Unlock()
	if again {
		return errors.New("client: a Stream runs once")
	}
	run, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer context.AfterFunc(ctx, func() { stop(errEnding) })()
	var connecting sync.WaitGroup
	connecting.Go(func() { s.inbox.finish(s.connectAlways(run)) })
	err := s.handleAll(run)
	stop(errEnding)
	connecting.Wait()
	s.end(err)
	return err
}

func (s *Stream) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = State{Phase: Closed, Err: err}
	s.out.end()
	close(s.over)
}

// handleAll calls the handler until there is nothing more to come, or ctx ends.
func (s *Stream) handleAll(ctx context.Context) error {
	for {
		it, ok, over, final := s.inbox.take()
		switch {
		case ctx.Err() != nil:
			return nil
		case ok:
			if err := s.handle(ctx, it); err != nil {
				return fmt.Errorf("client: the handler failed: %w", err)
			}
			s.inbox.handled(it)
			continue
		case over:
			return final
		}
		select {
		case <-s.inbox.wake:
		case <-ctx.Done():
		}
	}
}

func (s *Stream) handle(ctx context.Context, it item) error {
	h := &s.o.Handler
	switch {
	case it.page != nil:
		if h.Messages != nil {
			if err := h.Messages(ctx, it.page); err != nil {
				return err
			}
		}
		s.stored(it.last)
	case it.signal != nil && h.Signal != nil:
		h.Signal(ctx, it.signal)
	case it.presence != nil && h.Presence != nil:
		h.Presence(ctx, it.presence)
	case it.state != nil && h.State != nil:
		h.State(*it.state)
	case it.resync != nil:
		if h.Resync != nil {
			if err := h.Resync(ctx, *it.resync); err != nil {
				return err
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.cursor, s.acked = Cursor{Epoch: *it.resync}, 0
	}
	return nil
}

// stored moves the cursor; seq is 0 for a page without entries of the log.
func (s *Stream) stored(seq int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cursor.Seq = max(s.cursor.Seq, seq)
	if s.session != nil {
		s.session.poke() // there may be something to ack, and room to ask for more
	}
}

// outcome is how an attempt to connect, or a connection, ended.
type outcome struct {
	err      error
	signedIn bool
	up       time.Duration // how long it was signed in
	after    time.Duration // how long the server asks to stay away
}

// connectAlways connects again and again until ctx ends, when it returns nil, or
// the server says that it must not.
func (s *Stream) connectAlways(ctx context.Context) error {
	pause, refusals := s.newBackoff(), 0
	for {
		s.setState(State{Phase: Connecting})
		out := s.connect(ctx)
		if ctx.Err() != nil {
			s.setState(State{Phase: Closed})
			return nil
		}
		if out.signedIn {
			refusals = 0
		}
		if out.up >= s.o.MaxBackoff {
			pause.reset()
		}
		atOnce, final := s.decide(out, &refusals)
		if final != nil {
			s.setState(State{Phase: Closed, Err: final})
			return final
		}
		if atOnce {
			continue
		}
		delay := out.after + pause.next()
		s.log.InfoContext(ctx, "reconnecting", "in", delay, "because", out.err)
		s.setState(State{Phase: Waiting, Err: out.err, Delay: delay})
		s.wait(ctx, delay)
	}
}

// wait ends early with ctx, or when the program wants to be elsewhere.
func (s *Stream) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.hurry:
	case <-ctx.Done():
	}
}

// decide says what follows from how a connection ended: another one, at once or
// after a pause, or the end.
func (s *Stream) decide(out outcome, refusals *int) (atOnce bool, final error) {
	closed, ok := errors.AsType[*ClosedError](out.err)
	refused, isRefused := errors.AsType[*Error](out.err)
	switch {
	case errors.Is(out.err, errSwitched):
		return true, nil
	case errors.Is(out.err, errOtherLog), ok && wire.CloseCode(closed.Code) == wire.CloseResyncRequired: //nolint:gosec // small
		s.startAnew()
		return false, nil
	case ok && isAboutToken(closed.Code), !ok && isRefused && !refused.Retryable && !out.signedIn:
		if out.signedIn {
			return true, nil // the token was good until now
		}
		if *refusals++; *refusals >= maxRefusals {
			return false, out.err
		}
		return false, nil
	case ok && !wire.CloseCode(closed.Code).Reconnect(): //nolint:gosec // small
		return false, closed
	}
	return false, nil
}

func isAboutToken(code int) bool {
	c := wire.CloseCode(code) //nolint:gosec // small
	return c == wire.CloseUnauthenticated || c == wire.CloseTokenExpired
}

// startAnew reads the log from its beginning. What is acked until the program
// knows of it would be of the former log.
func (s *Stream) startAnew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.feed.startAnew()
	s.acked = math.MaxInt64
}

// connect makes one connection and serves it until it ends.
func (s *Stream) connect(ctx context.Context) outcome {
	conn, in, err := s.open(ctx)
	if err != nil {
		return outcome{err: err}
	}
	if err := s.enter(in); err != nil {
		conn.drop()
		return outcome{err: err, signedIn: true}
	}
	return s.serve(ctx, conn, in)
}

// open dials and signs in. SwitchTo ends it.
func (s *Stream) open(ctx context.Context) (_ *Conn, _ *wire.SignedIn, err error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	ctx, abort := context.WithCancelCause(ctx)
	defer abort(nil)
	s.mu.Lock()
	s.abort = abort
	address := s.address
	s.dialed = address
	sign := &wire.SignIn{DeviceId: s.o.DeviceID, Client: s.o.Client, Epoch: s.feed.epoch}
	if s.feed.known {
		after := s.feed.received
		sign.After = &after
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.abort = nil
		if errors.Is(context.Cause(ctx), errSwitched) {
			err = errSwitched
		}
	}()
	if sign.Token, err = s.o.Token(ctx); err != nil {
		return nil, nil, fmt.Errorf("get a token: %w", err)
	}
	conn, err := s.o.Dial(ctx, address)
	if err != nil {
		return nil, nil, err
	}
	err = conn.Write(ctx, &wire.ClientFrame{Id: signInID, Body: &wire.ClientFrame_SignIn{SignIn: sign}})
	var in *wire.SignedIn
	if err == nil {
		in, err = conn.signedIn(ctx)
	}
	if err != nil {
		conn.drop()
		return nil, nil, err
	}
	return conn, in, nil
}

// enter takes note of the log that was signed in to.
func (s *Stream) enter(in *wire.SignedIn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	isFirst, isNew := !s.feed.known, s.feed.resync
	if !s.feed.signIn(in) {
		return errOtherLog
	}
	switch {
	case isNew:
		s.feed.resync = false
		s.inbox.resync(in.GetEpoch())
		return nil
	case isFirst:
		s.cursor.Seq, s.acked = in.GetHeadSeq(), in.GetHeadSeq()
	}
	s.cursor.Epoch = in.GetEpoch()
	return nil
}
