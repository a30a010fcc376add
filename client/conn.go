package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

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
	// close says goodbye where the transport has a word for it.
	close() error
}

// maxServerFrame bounds what Read accepts, in bytes: a page of a log is the
// largest frame.
const maxServerFrame = 8 << 20

// Dial opens a long connection, speaking protobuf. The scheme of address chooses
// the transport:
//
//	http://127.0.0.1:8080, https://…   WebSocket, at the address of the REST API
//	tcp://127.0.0.1:7272               TCP
//	tls://chat.example.com:7272        TCP with TLS
//
// The first frame has to be a sign-in. Close the connection when done.
func Dial(ctx context.Context, address string) (*Conn, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("dial %q: want an address like https://host or tcp://host:port", address)
	}
	var l link
	switch u.Scheme {
	case "http", "https":
		l, err = dialWebSocket(ctx, strings.TrimSuffix(address, "/")+"/v1/ws")
	case "tcp", "tls":
		l, err = dialTCP(ctx, u.Scheme, u.Host)
	default:
		return nil, fmt.Errorf("dial %q: the scheme is none of http, https, tcp, tls", address)
	}
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	return &Conn{link: l}, nil
}

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
		return nil, c.closed(err)
	}
	f := new(wire.ServerFrame)
	if err := proto.Unmarshal(payload, f); err != nil {
		return nil, fmt.Errorf("decode frame: %w", err)
	}
	c.closing = f.GetClosing()
	return f, nil
}

// closed says why the stream is over where the transport has no code of its own:
// then the last frame has it.
func (c *Conn) closed(err error) error {
	if errors.Is(err, io.EOF) && c.closing != nil {
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
	for {
		f, err := c.Read(ctx)
		if err != nil {
			return nil, err
		}
		switch {
		case f.GetSignedIn() != nil:
			return f.GetSignedIn(), nil
		case f.GetError() != nil:
			return nil, fmt.Errorf("sign in: %s: %s", f.GetError().GetCode(), f.GetError().GetMessage())
		case f.GetClosing() == nil: // else the connection is about to end
			return nil, errors.New("sign in: the server answered with another frame")
		}
	}
}

// Close ends the connection.
func (c *Conn) Close() error { return c.link.close() }
