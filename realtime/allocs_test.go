package realtime

import (
	"bytes"
	"net"
	"testing"
	"time"

	"github.com/gim-im/gim/internal/allocs"
	"github.com/gim-im/gim/wire"
)

func TestAllocations(t *testing.T) { //nolint:paralleltest // others would be counted
	c, _ := connect(t, wire.JSON)
	ws := c.(*conn)
	var sent bytes.Buffer
	(&raw{t: t, conn: &script{Buffer: &sent}}).send(0x81, bytes.Repeat([]byte("a"), 200))
	ws.socket.Conn = &endless{Conn: ws.socket.Conn, data: sent.Bytes()}
	out, _ := connect(t, wire.JSON) // the network holds what is written
	frames := [][]byte{[]byte("answer")}
	allocs.Check(t, map[string]func(){
		"read a frame": func() {
			if _, err := c.ReadFrame(); err != nil {
				t.Fatal(err)
			}
		},
		"write a frame": func() {
			if err := out.WriteFrames(frames, time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
		},
	})
}

// endless is a connection from which the same comes again and again.
type endless struct {
	net.Conn
	data []byte
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.data[e.at:])
	e.at = (e.at + n) % len(e.data)
	return n, nil
}
