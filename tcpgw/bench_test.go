package tcpgw

import (
	"bytes"
	"io"
	"testing"
	"time"
)

// BenchmarkWrite writes a frame of the size of a message to a socket, from which a
// client reads it.
func BenchmarkWrite(b *testing.B) {
	near, far := sockets(b)
	c := (&Server{}).newConn(near)
	frames, got := [][]byte{bytes.Repeat([]byte("b"), 120)}, make([]byte, 121)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.WriteFrames(frames, time.Now().Add(time.Minute)); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(far, got); err != nil {
			b.Fatal(err)
		}
	}
}
