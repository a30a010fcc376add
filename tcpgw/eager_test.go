package tcpgw

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/gim-im/gim/wire"
)

func withLength(dst, frame []byte) []byte {
	return append(wire.AppendLength(dst, len(frame)), frame...)
}

// fillUp writes until c holds what its peer, who does not read, has no room for, and
// returns what that peer is to read first.
func fillUp(t *testing.T, c *conn) (want []byte) {
	t.Helper()
	frame := bytes.Repeat([]byte("f"), 60_000)
	for whole := true; whole; {
		var err error
		if whole, err = c.WriteSome([][]byte{frame}); err != nil {
			t.Fatal(err)
		}
		want = withLength(want, frame)
	}
	return want
}

// What is left stands before everything else, and nothing comes in between.
func TestWriteSome_HoldsWhatItCouldNotWrite(t *testing.T) {
	t.Parallel()
	c, p := connect(t, nil, nil)
	want := fillUp(t, c)
	if c.TryWrite([]byte("between")) {
		t.Error("a frame was written in the middle of another")
	}
	if whole, err := c.WriteSome([][]byte{[]byte("more"), nil}); whole || err != nil {
		t.Fatalf("behind what is held: whole %v, error %v; want it to be held too", whole, err)
	}
	want = withLength(withLength(want, []byte("more")), nil)
	want = withLength(want, []byte("last"))
	written := make(chan error, 1)
	go func() { written <- c.WriteFrames([][]byte{[]byte("last")}, time.Now().Add(time.Minute)) }()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(p.conn, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("what was written is not what was to be (error %v)", err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
	if whole, err := c.WriteSome([][]byte{[]byte("again")}); !whole || err != nil {
		t.Errorf("when all is written: whole %v, error %v", whole, err)
	}
	c.Close(0, 0)
	if whole, err := c.WriteSome([][]byte{[]byte("late")}); whole || !errors.Is(err, net.ErrClosed) {
		t.Errorf("after a close: whole %v, error %v", whole, err)
	}
}

// A goodbye does not cut the frame that is held.
func TestWriteSome_GoodbyeComesBehindWhatIsHeld(t *testing.T) {
	t.Parallel()
	c, p := connect(t, nil, nil)
	want := fillUp(t, c)
	go c.Close(wire.CloseShutdown, 0)
	got, err := io.ReadAll(p.conn)
	if err != nil || !bytes.HasPrefix(got, want) || len(got) <= len(want) {
		t.Errorf("the peer read %d bytes (error %v), want %d and a goodbye", len(got), err, len(want))
	}
}

// TLS may have to wait, so that is left to who may.
func TestWriteSome_LeavesTLSToOthers(t *testing.T) {
	t.Parallel()
	server, client := tlsConfigs(t)
	c, p := connect(t, server, client)
	go func() { _ = p.Send([]byte("hello")) }()
	if _, err := c.ReadFrame(); err != nil {
		t.Fatal(err)
	}
	if whole, err := c.WriteSome([][]byte{[]byte("one")}); whole || err != nil {
		t.Errorf("whole %v, error %v; want it to be held", whole, err)
	}
	if err := c.WriteFrames([][]byte{[]byte("two")}, time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one", "two"} {
		if got, err := p.Receive(); err != nil || string(got) != want {
			t.Errorf("received %q, %v; want %q", got, err, want)
		}
	}
}
