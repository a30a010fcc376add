package client

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/wire"
)

// Conn is one long connection at the level of frames: it neither reconnects nor
// keeps a cursor; [Stream] does. One goroutine may read while others write.
type Conn struct {
	link    link
	closing *wire.Closing // the last frame read, if it was one; the reader's
}

// link is one transport. When the server has closed the connection, read fails
// with a *ClosedError where the transport tells why, else with io.EOF.
type link interface {
	// write sends one frame. It may be called concurrently.
	write(ctx context.Context, payload []byte) error
	// read returns the next frame, which is the caller's until the next call.
	read(ctx context.Context) ([]byte, error)
	// close says goodbye where the transport has a word for it, and waits for the
	// other side's for some seconds.
	close() error
	// drop closes without a word.
	drop() error
}

// maxServerFrame bounds what Read accepts, in bytes: a page of a log is the
// largest frame.
const maxServerFrame = 8 << 20

// Write sends one frame.
func (c *Conn) Write(ctx context.Context, f *wire.ClientFrame) error {
	payload, err := proto.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode frame: %w", err)
	}
	return c.link.write(ctx, payload)
}

// Read returns the next frame. When the server has closed the connection the
// error is a *ClosedError. After ctx has ended the connection is of no more use.
func (c *Conn) Read(ctx context.Context) (*wire.ServerFrame, error) {
	payload, err := c.link.read(ctx)
	if err != nil {
		return nil, c.closed(ctx, err)
	}
	f := new(wire.ServerFrame)
	if err := proto.Unmarshal(payload, f); err != nil {
		return nil, fmt.Errorf("decode frame: %w", err)
	}
	c.closing = f.GetClosing()
	return f, nil
}

// closed says why the connection is over where the transport has no code of its
// own: then the last frame has it.
func (c *Conn) closed(ctx context.Context, err error) error {
	if _, told := errors.AsType[*ClosedError](err); !told && ctx.Err() == nil && c.closing != nil {
		return &ClosedError{Code: int(c.closing.GetCode()), Reason: c.closing.GetReason()}
	}
	return err
}

// SignIn sends the first frame and returns the answer to it. Without after only
// what is new is pushed.
func (c *Conn) SignIn(ctx context.Context, token string, after *int64) (*wire.SignedIn, error) {
	in := &wire.SignIn{Token: token, After: after, Client: "gim-go"}
	if err := c.Write(ctx, &wire.ClientFrame{Id: 1, Body: &wire.ClientFrame_SignIn{SignIn: in}}); err != nil {
		return nil, err
	}
	return c.signedIn(ctx)
}

// signedIn reads the answer to a sign-in: a refusal is an *Error, and a close right
// after it is a *ClosedError that has it.
func (c *Conn) signedIn(ctx context.Context) (*wire.SignedIn, error) {
	var refused *Error
	for {
		f, err := c.Read(ctx)
		if closed, ok := errors.AsType[*ClosedError](err); ok {
			closed.Refusal = refused
			return nil, fmt.Errorf("sign in: %w", closed)
		}
		switch {
		case err != nil && refused != nil:
			return nil, fmt.Errorf("sign in: %w", refused)
		case err != nil:
			return nil, fmt.Errorf("sign in: %w", err)
		case f.GetSignedIn() != nil:
			return f.GetSignedIn(), nil
		case f.GetError() != nil:
			refused = refusal(f.GetError()) // why comes with the close
		case f.GetClosing() == nil:
			return nil, errors.New("sign in: the server answered with another frame")
		}
	}
}

// Close ends the connection.
func (c *Conn) Close() error { return c.link.close() }

// drop ends the connection without a word.
func (c *Conn) drop() { _ = c.link.drop() } // it is closed either way
