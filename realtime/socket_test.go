package realtime

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// pair is two ends of a connection over a real network.
func pair(t *testing.T) (server *socket, client net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = client.Close(), accepted.Close() })
	return newSocket(accepted), client
}

func TestSocket_WritesWhatDoesNotFitAtOnce(t *testing.T) {
	t.Parallel()
	s, client := pair(t)
	frame := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // more than the network holds
	written := make(chan error, 1)
	go func() {
		written <- s.writeFrames(websocket.MessageBinary, [][]byte{[]byte("small"), frame, frame[:300]}, time.Now().Add(time.Minute))
	}()
	want := append([]byte{0x82, 5}, "small"...)
	want = append(append(want, 0x82, 127, 0, 0, 0, 0, 1, 0, 0, 0), frame...)
	want = append(append(want, 0x82, 126, 1, 44), frame[:300]...)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("what was written is not what was to be (error %v)", err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

func TestSocket_WritesNothingBehindAGoodbye(t *testing.T) {
	t.Parallel()
	s, client := pair(t)
	goodbye := []byte{closeHeader, 2, 3, 0xe8}
	if _, err := s.Write(goodbye); err != nil { // as the library does
		t.Fatal(err)
	}
	if err := s.writeFrames(websocket.MessageText, [][]byte{[]byte("late")}, time.Now().Add(time.Minute)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a frame behind the goodbye: error %v, want %v", err, net.ErrClosed)
	}
	_ = s.Close()
	if got, err := io.ReadAll(client); err != nil || !bytes.Equal(got, goodbye) {
		t.Errorf("the client read %q (error %v), want %q", got, err, goodbye)
	}
}

func TestSocket_WritesWithoutAllocating(t *testing.T) { // not parallel: it counts allocations
	s, client := pair(t)
	go func() { _, _ = io.Copy(io.Discard, client) }() // ends with the connection
	frames := [][]byte{make([]byte, 300), make([]byte, 20)}
	deadline := time.Now().Add(time.Minute)
	const most = 1 // none; but with the race detector sync.Pool drops some on purpose
	if got := testing.AllocsPerRun(500, func() {
		if err := s.writeFrames(websocket.MessageBinary, frames, deadline); err != nil {
			t.Error(err)
		}
	}); got > most {
		t.Errorf("a write of two frames takes %v allocations, want at most %d", got, most)
	}
}

func TestSocket_HoldsWhatItCouldNotWrite(t *testing.T) {
	t.Parallel()
	s, client := pair(t)
	frame, pong := bytes.Repeat([]byte("f"), 60_000), []byte{0x8a, 1, 'p'}
	var want []byte
	for whole := true; whole; {
		var err error
		if whole, err = s.writeSome(websocket.MessageBinary, [][]byte{frame}); err != nil {
			t.Fatal(err)
		}
		want = append(appendHeader(want, websocket.MessageBinary, len(frame)), frame...)
	}
	if _, err := s.Write(pong); err != nil { // of the library, which must not cut the frame
		t.Fatal(err)
	}
	if whole, err := s.writeSome(websocket.MessageBinary, [][]byte{[]byte("more")}); whole || err != nil {
		t.Fatalf("behind what is held: whole %v, error %v; want it to be held too", whole, err)
	}
	want = append(appendHeader(append(want, pong...), websocket.MessageBinary, 4), "more"...)
	written := make(chan error, 1)
	go func() { written <- s.writeFrames(websocket.MessageBinary, nil, time.Now().Add(time.Minute)) }()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("what was written is not what was to be (error %v)", err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}
