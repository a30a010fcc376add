package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gim-im/gim/wire"
)

const (
	// signInTimeout bounds dialing and signing in together.
	signInTimeout = 30 * time.Second
	// signInID is the id of the first frame.
	signInID = 1
	// maxRefused is how many sign-ins in a row may be refused for their token.
	maxRefused = 2

	codeResyncRequired = "resync_required"
)

// outcome is how an attempt to be connected ended.
type outcome struct {
	err      error
	signedIn bool
	up       time.Duration // how long the connection stood
	after    time.Duration // the server asked to stay away for
}

// connect keeps the stream connected until ctx ends, which is no error, or it
// must not go on.
func (s *Stream) connect(ctx context.Context) error {
	pause := s.newBackoff()
	refused := 0
	for {
		attempt, cancel := s.newAttempt(ctx)
		s.setState(State{Phase: Connecting})
		out := s.try(attempt)
		cancel(nil)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the program wants it
		}
		if out.signedIn {
			refused = 0
		}
		if out.isTokenRefused() {
			refused++
		}
		switch {
		case out.isFinal() || refused >= maxRefused:
			return out.err
		case out.isResync():
			s.startAnew()
		}
		if out.up >= s.o.MaxBackoff {
			pause.reset()
		}
		if errors.Is(out.err, errSwitched) {
			continue
		}
		if !s.wait(ctx, out.err, pause.next()+out.after) {
			return nil
		}
	}
}

// newAttempt returns the context of an attempt, which SwitchTo ends.
func (s *Stream) newAttempt(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.switched: // from here on the new address counts
	default:
	}
	ctx, cancel := context.WithCancelCause(ctx)
	s.interrupt = cancel
	return ctx, cancel
}

// wait pauses between two attempts and reports whether there is to be another.
func (s *Stream) wait(ctx context.Context, reason error, delay time.Duration) bool {
	s.log.InfoContext(ctx, "not connected", "reason", reason, "delay", delay)
	s.setState(State{Phase: Waiting, Err: reason, Delay: delay})
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.switched:
	case <-ctx.Done():
		return false
	}
	return true
}

// try makes one connection and serves it until it ends.
func (s *Stream) try(ctx context.Context) outcome {
	token, err := s.o.Token(ctx)
	if err != nil {
		return outcome{err: because(ctx, fmt.Errorf("get a token: %w", err))}
	}
	s.mu.Lock()
	address := s.address
	s.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, signInTimeout)
	defer cancel()
	conn, err := s.o.Dial(limited, address)
	if err != nil {
		return outcome{err: because(ctx, err)}
	}
	in, out := s.signIn(limited, conn, token)
	if in == nil {
		_ = conn.Drop() // it is closed either way
		out.err = because(ctx, out.err)
		return out
	}
	if err := s.signedIn(in); err != nil {
		_ = conn.Drop() // as above
		return outcome{err: err}
	}
	return s.serve(ctx, conn, in)
}

// because prefers the reason why ctx ended over the error that it caused.
func because(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// signIn sends the first frame and waits for the answer. When it is refused, it
// waits for the close, which has the code.
func (s *Stream) signIn(ctx context.Context, conn *Conn, token string) (*wire.SignedIn, outcome) {
	var out outcome
	first := &wire.ClientFrame{Id: signInID, Body: &wire.ClientFrame_SignIn{SignIn: s.signInFrame(token)}}
	if err := conn.Write(ctx, first); err != nil {
		return nil, outcome{err: fmt.Errorf("sign in: %w", err)}
	}
	var refused *Error
	for {
		f, err := conn.Read(ctx)
		if err != nil {
			if closed, ok := errors.AsType[*ClosedError](err); ok {
				closed.Refusal = refused
				out.err = closed
			} else if out.err = err; refused != nil {
				out.err = refused
			}
			return nil, out
		}
		switch b := f.GetBody().(type) {
		case *wire.ServerFrame_SignedIn:
			return b.SignedIn, out
		case *wire.ServerFrame_Error:
			refused = refusal(b.Error)
		case *wire.ServerFrame_Closing:
			out.after = time.Duration(b.Closing.GetReconnectAfterMs()) * time.Millisecond
		}
	}
}

func (s *Stream) signInFrame(token string) *wire.SignIn {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := &wire.SignIn{Token: token, DeviceId: s.o.DeviceID, Client: s.o.Client}
	if s.feed.known {
		after := s.feed.received
		in.After, in.Epoch = &after, s.feed.epoch
	}
	in.Groups = s.groups.name()
	return in
}

// signedIn takes the answer to a sign-in and tells the program.
func (s *Stream) signedIn(in *wire.SignedIn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.user != "" && s.user != in.GetUserId() {
		return &otherUserError{was: s.user, is: in.GetUserId()}
	}
	first := !s.feed.known
	if !s.feed.signIn(in) || !s.groups.signIn(in.GetGroups(), first) {
		return errOtherLog
	}
	s.user = in.GetUserId()
	switch {
	case s.feed.resync:
		s.feed.resync = false
		s.resyncs++
		s.inbox.resync(in.GetEpoch()) // the cursor changes when the program has been told
	case first:
		s.cursor = Cursor{Seq: in.GetHeadSeq(), Epoch: in.GetEpoch()}
		s.acked = s.cursor.Seq // what came before is not known to be stored
	case s.cursor.Epoch == "":
		s.cursor.Epoch = in.GetEpoch()
	}
	s.followed()
	s.enter(State{Phase: Connected, SignedIn: in})
	return nil
}

// followed notes which large groups the stream follows as those of a member. It is
// called with mu held.
func (s *Stream) followed() {
	for id := range s.audience {
		if s.groups.member(id) != nil {
			delete(s.audience, id) // the membership takes its place
		}
	}
	s.inbox.groups(s.groups.positions())
}

// otherUserError ends a stream: its cursor means nothing in the log of another.
type otherUserError struct{ was, is string }

// Error implements error.
func (e *otherUserError) Error() string {
	return fmt.Sprintf("the token is of user %q, and the stream is one of user %q", e.is, e.was)
}

// startAnew makes the next sign-in read the log from its beginning.
func (s *Stream) startAnew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.feed.startAnew()
	s.groups = groups{}
}

// isResync reports whether the log is not the one that the cursor belongs to.
func (o outcome) isResync() bool {
	if refused, ok := errors.AsType[*Error](o.err); ok && refused.Code == codeResyncRequired {
		return true
	}
	return o.closeCode() == wire.CloseResyncRequired || errors.Is(o.err, errOtherLog)
}

// isTokenRefused reports whether another token may help. A live connection whose
// token ran out was not refused.
func (o outcome) isTokenRefused() bool {
	if o.signedIn || o.isResync() {
		return false
	}
	if refused, ok := o.err.(*Error); ok { //nolint:errorlint // one inside a ClosedError has a code
		return !refused.Retryable
	}
	return isAboutToken(o.closeCode())
}

func isAboutToken(c wire.CloseCode) bool {
	return c == wire.CloseUnauthenticated || c == wire.CloseTokenExpired
}

// isFinal reports whether the stream must not connect again by itself.
func (o outcome) isFinal() bool {
	if _, ok := errors.AsType[*otherUserError](o.err); ok {
		return true
	}
	code := o.closeCode()
	return code != 0 && !code.Reconnect() && !isAboutToken(code)
}

// closeCode is that of the close, 0 when there was none.
func (o outcome) closeCode() wire.CloseCode {
	closed, ok := errors.AsType[*ClosedError](o.err)
	if !ok {
		return 0
	}
	return wire.CloseCode(closed.Code) //nolint:gosec // at most 4999
}
