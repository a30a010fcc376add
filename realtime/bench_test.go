package realtime

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/gim-im/gim/wire"
)

// BenchmarkEcho reads a frame of the size of a message from a socket and writes one
// back, with a client that takes part in turns.
func BenchmarkEcho(b *testing.B) {
	c, _ := connect(b, wire.JSON)
	near, far := tcpPair(b)
	c.(*conn).socket.Conn = near
	var masked bytes.Buffer
	(&raw{t: b, conn: &recorder{out: &masked}}).send(0x81, bytes.Repeat([]byte("a"), 120))
	answer, frames := make([]byte, 122), [][]byte{bytes.Repeat([]byte("b"), 120)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := far.Write(masked.Bytes()); err != nil {
			b.Fatal(err)
		}
		if _, err := c.ReadFrame(); err != nil {
			b.Fatal(err)
		}
		if err := c.WriteFrames(frames, time.Now().Add(time.Minute)); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(far, answer); err != nil {
			b.Fatal(err)
		}
	}
}

type recorder struct {
	net.Conn
	out io.Writer
}

func (r *recorder) Write(p []byte) (int, error) { return r.out.Write(p) }

func tcpPair(b *testing.B) (near, far net.Conn) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nothing to do about it
	if far, err = net.Dial("tcp", l.Addr().String()); err != nil {
		b.Fatal(err)
	}
	if near, err = l.Accept(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near, far
}
