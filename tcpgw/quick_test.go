package tcpgw

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/gim-im/gim/wire"
)

func TestTryWrite(t *testing.T) {
	t.Parallel()
	c, p := connect(t, nil, nil)
	if err := c.WriteFrames([][]byte{[]byte("one")}, time.Now().Add(50*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	<-time.After(60 * time.Millisecond) // the deadline of that write has passed
	if !c.TryWrite([]byte("two")) {
		t.Fatal("not written")
	}
	if got := must(io.ReadAll(io.LimitReader(p.conn, 8))); string(got) != "\x03one\x03two" {
		t.Errorf("wrote %q", got)
	}
}

func must(b []byte, _ error) []byte { return b }

// Nothing comes between the parts of a frame: neither while it is written nor
// when it was cut off.
func TestTryWrite_NeverInTheMiddleOfAFrame(t *testing.T) {
	t.Parallel()
	c, p := connect(t, nil, nil)
	writing := make(chan error, 1)
	go func() { writing <- c.WriteFrames([][]byte{make([]byte, 64<<20)}, time.Now().Add(time.Second)) }() // more than the network holds
	if _, err := io.ReadFull(p.conn, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	if c.TryWrite([]byte("between")) {
		t.Error("written while another frame was")
	}
	if err := <-writing; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	if c.TryWrite([]byte("after")) {
		t.Error("written after a frame that was cut off")
	}
}

// Who does not read at all gets whole frames until the network holds no more, and
// then none, without anybody waiting.
func TestTryWrite_DoesNotWait(t *testing.T) {
	t.Parallel()
	c, p := connect(t, nil, nil)
	frame, want := bytes.Repeat([]byte("x"), 20), []byte(nil)
	for c.TryWrite(frame) {
		want = append(wire.AppendLength(want, len(frame)), frame...)
		c.writing.Lock()
		torn := c.torn
		c.writing.Unlock()
		if torn {
			break
		}
		if len(want) > 256<<20 {
			t.Fatal("the network holds too much for this test")
		}
	}
	c.Close(0, 0)
	got, _ := io.ReadAll(p.conn) // a reset is an end as well
	if !bytes.HasPrefix(want, got) {
		t.Errorf("%d bytes arrived that are not the first of %d", len(got), len(want))
	}
}

func TestTryWrite_LeavesToOthersWhatItCannot(t *testing.T) {
	t.Parallel()
	server, client := tlsConfigs(t)
	secure, _ := connect(t, server, client)
	near, _ := net.Pipe()
	piped := (&Server{}).newConn(near)
	closed, _ := connect(t, nil, nil)
	closed.Close(0, 0)
	for name, c := range map[string]*conn{"TLS": secure, "no socket": piped, "closed": closed} {
		if c.TryWrite([]byte("frame")) {
			t.Errorf("%s: written", name)
		}
	}
}
