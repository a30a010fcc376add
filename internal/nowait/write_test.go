//go:build unix

package nowait

import (
	"bytes"
	"io"
	"net"
	"testing"
)

func sockets(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // on an address that does not wait
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()                                                //nolint:errcheck // nothing to do about it
	if far, err = net.Dial("tcp", l.Addr().String()); err != nil { //nolint:noctx // the same
		t.Fatal(err)
	}
	if near, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near, far
}

func TestWrite_TakesWhatFitsAndDoesNotWait(t *testing.T) {
	t.Parallel()
	near, far := sockets(t)
	want := bytes.Repeat([]byte("0123456789"), 6<<20) // more than the network holds
	n, err := Write(near, want)
	if err != nil || n <= 0 || n >= len(want) {
		t.Fatalf("wrote %d of %d bytes, %v", n, len(want), err)
	}
	if more, err := Write(near, nil); more != 0 || err != nil {
		t.Errorf("wrote %d bytes of none, %v", more, err)
	}
	full := n
	for i := 0; i < 100; i++ { // until it is full
		more, err := Write(near, want[full:])
		if err != nil {
			t.Fatalf("a socket that is full: %v", err)
		}
		if full += more; more == 0 {
			break
		}
	}
	got := make([]byte, full)
	if _, err := io.ReadFull(far, got); err != nil || !bytes.Equal(got, want[:full]) {
		t.Errorf("what arrives is not what was written: %v", err)
	}
}

func TestWrite_SaysWhatCannotBeWrittenTo(t *testing.T) {
	t.Parallel()
	near, _ := net.Pipe()
	if n, err := Write(near, []byte("a")); n != 0 || err != nil {
		t.Errorf("no socket: wrote %d, %v", n, err)
	}
	closed, _ := sockets(t)
	_ = closed.Close()
	if n, err := Write(closed, []byte("a")); n != 0 || err == nil {
		t.Errorf("closed: wrote %d, %v", n, err)
	}
}
