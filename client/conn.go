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

// defaultClient is how a client names itself that has no name.
const defaultClient = "gim-go"

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
	in := &wire.SignIn{Token: token, After: after, Client: defaultClient}
	if err := c.Write(ctx, &wire.ClientFrame{Id: 1, Body: &wire.ClientFrame_SignIn{SignIn: in}}); err != nil {
		return nil, err
	}
	for {
		f, err := c.Read(ctx)
		switch {
		case err != nil:
			return nil, err
		case f.GetSignedIn() != nil:
			return f.GetSignedIn(), nil
		case f.GetError() != nil:
			return nil, fmt.Errorf("sign in: %w", refusal(f.GetError()))
		case f.GetClosing() == nil: // else the next Read says why there is no answer
			return nil, errors.New("sign in: the server answered with another frame")
		}
	}
}

// Close ends the connection. It says goodbye where the transport has a word for
// it, and waits for the other side's for 5 seconds at most.
func (c *Conn) Close() error { return c.link.close() }

// Drop ends the connection at once, without a word.
func (c *Conn) Drop() error { return c.link.drop() }
