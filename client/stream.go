package client

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gim-im/gim/wire"
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
	o StreamOptions
}

// NewStream checks the options. It starts nothing.
func NewStream(o StreamOptions) (*Stream, error) {
	if o.Address == "" || o.Token == nil {
		return nil, errors.New("client: a Stream needs Address and Token")
	}
	return &Stream{o: o}, nil
}

// Run connects and calls the handler until ctx ends (it returns nil then), the
// server closes for good (*ClosedError), or a function of the handler fails (its
// error, wrapped). When it returns, all goroutines of the stream are gone and
// sends that wait have failed. A stream runs once.
func (s *Stream) Run(ctx context.Context) error { return errNotBuilt }

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
	return nil, errNotBuilt
}

// Signal tells those of a conversation who are online something that is never
// stored. It is not tried again: without a connection it fails with
// ErrNotConnected at once, and so it does when the connection breaks before the
// answer. A refusal is an *Error.
func (s *Stream) Signal(ctx context.Context, signal *wire.Signal) error { return errNotBuilt }

// Watch begins and ends being told of the presence of users, and returns how it
// stands with those in watch. Changes go to Handler.Presence. The stream watches
// again what is watched after each reconnect, and gives the answers to that to
// Handler.Presence too. Without a connection Watch waits for one. A refusal is an
// *Error, and changes nothing.
func (s *Stream) Watch(ctx context.Context, watch, unwatch []string) ([]*wire.UserPresence, error) {
	return nil, errNotBuilt
}

// Ack tells the server that the device holds the log up to seq, and returns what
// the server has noted, which never goes back. Without a connection it waits for
// one. A refusal is an *Error.
func (s *Stream) Ack(ctx context.Context, seq int64) (int64, error) { return 0, errNotBuilt }

// SwitchTo goes on at another address, which may be of another transport: the
// stream reconnects at once, from its cursor. Nothing is lost or doubled.
func (s *Stream) SwitchTo(address string) {}

// Cursor is what the program has stored: it moves when Handler.Messages returns
// nil. Without StreamOptions.Cursor it is the end of the log at the first
// sign-in, and zero before. A program keeps it together with the messages; inside
// Handler.Messages, the cursor to keep with a page is the highest Seq of the page
// with Cursor().Epoch.
func (s *Stream) Cursor() Cursor { return Cursor{} }

// State is how the connection is right now. Handler.State may lag behind.
func (s *Stream) State() State { return State{} }

var errNotBuilt = errors.New("client: Stream is being built")
