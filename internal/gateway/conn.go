package gateway

import (
	"errors"
	"net/netip"
	"time"

	"github.com/gim-im/gim/wire"
)

// Conn is one connection as the gateway sees it: frames, not bytes. As with a
// net.Conn, reads and writes end by a deadline or by Close and take no context:
// one would cost allocations for every frame.
type Conn interface {
	// Encoding is fixed for the connection's life.
	Encoding() wire.Encoding

	// ReadFrame returns the next frame, which stays valid until the next call. It
	// waits until there is one or the connection is closed by either side. An
	// error that is ErrBadFrame concerns one frame only; after any other the
	// connection is of no more use. A *domain.Error says how the other side broke
	// the framing: it is told so, and the connection closed. ErrIdle asks for
	// another call by another goroutine. One goroutine reads at a time.
	ReadFrame() ([]byte, error)

	// WriteFrames writes frames, in as few system calls as the transport allows,
	// and keeps nothing of them. An error after deadline is os.ErrDeadlineExceeded,
	// and after any error the connection is of no more use. One goroutine writes.
	WriteFrames(frames [][]byte, deadline time.Time) error

	// Close says goodbye with code, its name and how long the client should stay
	// away at least (0 says nothing), waits a few seconds at most for the other
	// side to do the same, and ends ReadFrame and WriteFrames. Code 0 ends them at
	// once and says nothing. It may be called at any time, and again.
	Close(code wire.CloseCode, reconnectAfter time.Duration)

	// LastPing is the time of the last sign of life that is no frame; zero where
	// the transport has none.
	LastPing() time.Time
}

// QuickConn is what a Conn may be besides, to save idle connections a larger stack.
type QuickConn interface {
	// TryWrite writes a small frame if that takes no waiting, and keeps nothing of
	// it. It reports false when nothing was written. What fails halfway closes the
	// connection.
	TryWrite(frame []byte) (written bool)
}

// EagerConn is what a Conn may be besides, so that one goroutine can write to many.
type EagerConn interface {
	// WriteSome writes as much of frames as takes no waiting. whole is false when
	// something is left: it is held, and the next WriteSome or WriteFrames, also one
	// without frames, writes that first. Errors are those of WriteFrames.
	WriteSome(frames [][]byte) (whole bool, err error)
}

// ErrBadFrame is returned by Conn.ReadFrame for a frame of a wrong kind, such as
// text where protobuf is spoken. It is answered like any malformed frame.
var ErrBadFrame = errors.New("frame of a wrong kind")

// ErrIdle is returned by Conn.ReadFrame when nothing has come for a while, once
// after frames that are larger than a ping. Whoever reads goes on in a goroutine of
// its own then, which has a small stack: handling a frame takes a larger one, and an
// idle connection should not keep it.
var ErrIdle = errors.New("nothing has come for a while")

// Peer is who is at the other end of a connection.
type Peer struct {
	// Transport names the kind of connection, as presence and metrics show it:
	// "websocket", "tcp" or "sse".
	Transport string
	// Addr is the client's address, or that of the proxy in front of gim where
	// that does not tell; the zero value is unknown.
	Addr netip.Addr
}
