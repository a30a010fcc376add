package client

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/gim-im/gim/wire"
)

// tcp is a link over raw TCP.
type tcp struct {
	conn    net.Conn
	decoder *wire.Decoder // of the reader

	mu  sync.Mutex // held while writing, so that frames stay whole
	buf []byte
}

func (l *tcp) write(ctx context.Context, payload []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.until(ctx, l.conn.SetWriteDeadline)()
	l.buf = append(wire.AppendLength(l.buf[:0], len(payload)), payload...)
	_, err := l.conn.Write(l.buf)
	return because(ctx, err)
}

func (l *tcp) read(ctx context.Context) ([]byte, error) {
	defer l.until(ctx, l.conn.SetReadDeadline)()
	for {
		frame, ok, err := l.decoder.Next()
		if err != nil {
			return nil, err
		}
		if ok {
			return frame, nil
		}
		if err := l.decoder.Fill(l.conn); err != nil {
			return nil, because(ctx, err)
		}
	}
}

func (l *tcp) close() error { return l.conn.Close() }

func (l *tcp) drop() error { return l.conn.Close() }

// until makes a deadline follow ctx. The function that it returns ends that.
func (l *tcp) until(ctx context.Context, set func(time.Time) error) func() {
	_ = set(time.Time{}) // a connection that is closed says so when it is used
	stop := context.AfterFunc(ctx, func() { _ = set(time.Unix(1, 0)) })
	return func() { stop() }
}
