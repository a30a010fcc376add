package gateway

import (
	"errors"
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
	// connection is of no more use. One goroutine reads.
	ReadFrame() ([]byte, error)

	// WriteFrame writes one frame and keeps nothing of it. An error after deadline
	// is os.ErrDeadlineExceeded, and after any error the connection is of no more
	// use. One goroutine writes.
	WriteFrame(payload []byte, deadline time.Time) error

	// Close says goodbye with code and reason, waits a few seconds at most for the
	// other side to do the same, and ends ReadFrame and WriteFrame. Code 0 ends
	// them at once and says nothing. It may be called at any time, and again.
	Close(code wire.CloseCode, reason string)

	// LastPing is the time of the last sign of life that is no frame; zero where
	// the transport has none.
	LastPing() time.Time
}

// ErrBadFrame is returned by Conn.ReadFrame for a frame of a wrong kind, such as
// text where protobuf is spoken. It is answered like any malformed frame.
var ErrBadFrame = errors.New("frame of a wrong kind")
