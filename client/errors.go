package client

import (
	"errors"
	"fmt"
	"time"

	"github.com/gim-im/gim/wire"
)

// Error is a refusal by the server. Codes are those of GET /v1/errors.
type Error struct {
	Code       string        // stable, such as not_in_group
	Message    string        // a sentence for a person
	Retryable  bool          // the same may succeed later
	RetryAfter time.Duration // with Retryable: not before; 0 where the server does not know
	RequestID  string        // of a REST call, for those who run the server
}

// refusal is an error frame as an error.
func refusal(e *wire.Error) *Error {
	return &Error{
		Code: e.GetCode(), Message: e.GetMessage(), Retryable: e.GetRetryable(),
		RetryAfter: time.Duration(e.GetRetryAfterMs()) * time.Millisecond,
	}
}

// Error implements error.
func (e *Error) Error() string {
	text := e.Code + ": " + e.Message
	if e.RequestID != "" {
		text += " [request " + e.RequestID + "]"
	}
	return text
}

// ClosedError says that the server ended the connection, and why.
type ClosedError struct {
	Code   int // 4000 and up are gim's, see docs/protocol.md and wire.CloseCode; others are WebSocket's own
	Reason string
	// Refusal is what the server said right before, such as why it refused a
	// sign-in; nil when it said nothing. Unwrap returns it.
	Refusal *Error
}

// Error implements error.
func (e *ClosedError) Error() string {
	text := fmt.Sprintf("connection closed: %d %s", e.Code, e.Reason)
	if e.Refusal != nil {
		text += ": " + e.Refusal.Error()
	}
	return text
}

// Unwrap returns the refusal, so that errors.As finds it.
func (e *ClosedError) Unwrap() error {
	if e.Refusal == nil {
		return nil
	}
	return e.Refusal
}

var (
	// ErrUnsettled is in the error of a send whose outcome is not known: it may be
	// done or not. Sending it again with the same client_msg_id, which the
	// *UnsettledError has, settles it.
	ErrUnsettled = errors.New("it is not known whether the message was sent")
	// ErrNotConnected is returned by what makes sense only now, while there is no
	// connection.
	ErrNotConnected = errors.New("not connected")
	// ErrEnded is returned by a Stream whose Run has returned.
	ErrEnded = errors.New("the stream has ended")
)

// UnsettledError is what Send returns when it gives up before the server has
// answered. errors.Is(err, ErrUnsettled) and errors.Is(err, Err) are true.
type UnsettledError struct {
	ClientMsgID string // of the message, also where Send chose it
	Err         error  // why Send gave up: that of the context, ErrEnded, ...
}

// Error implements error.
func (e *UnsettledError) Error() string { return ErrUnsettled.Error() + ": " + e.Err.Error() }

// Unwrap implements the errors package's tree of errors.
func (e *UnsettledError) Unwrap() []error { return []error{ErrUnsettled, e.Err} }
