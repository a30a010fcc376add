package conntest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/wire"
)

// Peer is the client's end of a connection. One goroutine sends and one receives.
type Peer interface {
	// Send sends a frame of the connection's kind.
	Send(frame []byte) error
	// Receive returns the next frame, or *Closed once the server has said goodbye.
	Receive() ([]byte, error)
	// Ping sends a sign of life that is no frame; errors.ErrUnsupported where the
	// transport has none.
	Ping() error
	// Drop ends the connection without a word.
	Drop()
}

// Closed is how a connection ended; Code is 0 when the server said nothing.
type Closed struct {
	Code           wire.CloseCode
	ReconnectAfter time.Duration
}

// Error implements error.
func (c *Closed) Error() string { return fmt.Sprintf("closed with %d %s", c.Code, c.Code) }

// Connect opens a connection for a test and closes it when the test is over.
type Connect func(t *testing.T, enc wire.Encoding) (gateway.Conn, Peer)

const patience = 20 * time.Second

// Run holds the connections that connect makes to what gateway.Conn promises, in
// each of the encodings that they can have.
func Run(t *testing.T, connect Connect, encodings ...wire.Encoding) {
	for _, enc := range encodings {
		t.Run(enc.String(), func(t *testing.T) {
			t.Parallel()
			for name, test := range map[string]func(*testing.T, gateway.Conn, Peer){
				"FramesArriveWholeAndInOrder":   framesArrive,
				"WriteKeepsNothingOfThePayload": writeKeepsNothing,
				"WriteEndsAtItsDeadline":        writeEndsAtDeadline,
				"CloseTellsTheReasonLast":       closeTellsReason,
				"CloseTellsWhenToComeBack":      closeTellsWhen,
				"CloseIsSafeFromManySides":      closeFromManySides,
				"CloseEndsReadAndMayBeRepeated": closeEndsRead,
				"CloseAtOnceEndsWrite":          closeAtOnce,
				"ReadEndsWhenThePeerIsGone":     readEndsWithPeer,
				"PingIsASignOfLife":             pingIsLife,
			} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					conn, peer := connect(t, enc)
					if conn.Encoding() != enc {
						t.Fatalf("speaks %v, want %v", conn.Encoding(), enc)
					}
					within(t, func() { test(t, conn, peer) })
				})
			}
		})
	}
}

func within(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("hangs")
	}
}

func framesArrive(t *testing.T, conn gateway.Conn, peer Peer) {
	sizes := []int{1, 2, 125, 126, 127, 4096, 65535, 65536, wire.MaxFrameBytes}
	var sides sync.WaitGroup
	defer sides.Wait()
	sides.Go(func() {
		for _, n := range sizes {
			if err := peer.Send(bytes.Repeat([]byte{'a'}, n)); err != nil {
				t.Errorf("send %d bytes: %v", n, err)
				return
			}
		}
	})
	sides.Go(func() {
		for _, n := range append(sizes, 2<<20) {
			if err := conn.WriteFrames([][]byte{bytes.Repeat([]byte{'b'}, n)}, time.Now().Add(patience)); err != nil {
				t.Errorf("write %d bytes: %v", n, err)
				return
			}
		}
	})
	sides.Go(func() {
		for _, n := range sizes {
			if frame, err := conn.ReadFrame(); err != nil || !bytes.Equal(frame, bytes.Repeat([]byte{'a'}, n)) {
				t.Errorf("read %d bytes and %v, want %d", len(frame), err, n)
				return
			}
		}
	})
	for _, n := range append(sizes, 2<<20) {
		if frame, err := peer.Receive(); err != nil || !bytes.Equal(frame, bytes.Repeat([]byte{'b'}, n)) {
			t.Errorf("received %d bytes and %v, want %d", len(frame), err, n)
			return
		}
	}
}

func writeKeepsNothing(t *testing.T, conn gateway.Conn, peer Peer) {
	var writer sync.WaitGroup
	defer writer.Wait()
	writer.Go(func() {
		payload := []byte("0")
		for i := range 10 {
			payload[0] = byte('0' + i)
			if err := conn.WriteFrames([][]byte{payload}, time.Now().Add(patience)); err != nil {
				t.Errorf("write %d: %v", i, err)
			}
		}
	})
	for i := range 10 {
		if frame, err := peer.Receive(); err != nil || string(frame) != fmt.Sprint(i) {
			t.Errorf("received %q and %v, want %d", frame, err, i)
		}
	}
}

func writeEndsAtDeadline(t *testing.T, conn gateway.Conn, _ Peer) {
	payload := bytes.Repeat([]byte{'a'}, 1<<20)
	deadline := time.Now().Add(300 * time.Millisecond)
	for range 1000 { // more than the network holds
		if err := conn.WriteFrames([][]byte{payload}, deadline); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("write: %v, want %v", err, os.ErrDeadlineExceeded)
			}
			return
		}
	}
	t.Error("a peer that does not read takes everything")
}

func closeTellsReason(t *testing.T, conn gateway.Conn, peer Peer) {
	var server sync.WaitGroup
	defer server.Wait()
	server.Go(func() {
		if err := conn.WriteFrames([][]byte{[]byte("last words")}, time.Now().Add(patience)); err != nil {
			t.Errorf("write: %v", err)
		}
		conn.Close(wire.CloseReplaced, 0)
	})
	server.Go(func() { _, _ = conn.ReadFrame() })
	if frame, err := peer.Receive(); err != nil || string(frame) != "last words" {
		t.Errorf("received %q and %v", frame, err)
	}
	_, err := peer.Receive()
	if closed, ok := errors.AsType[*Closed](err); !ok || closed.Code != wire.CloseReplaced {
		t.Errorf("received %v, want code %d", err, wire.CloseReplaced)
	}
}

func closeTellsWhen(t *testing.T, conn gateway.Conn, peer Peer) {
	const after = 1500 * time.Millisecond
	var server sync.WaitGroup
	defer server.Wait()
	server.Go(func() { conn.Close(wire.CloseShutdown, after) })
	server.Go(func() { _, _ = conn.ReadFrame() })
	_, err := peer.Receive()
	if closed, ok := errors.AsType[*Closed](err); !ok || closed.Code != wire.CloseShutdown || closed.ReconnectAfter != after {
		t.Errorf("received %v, want code %d and %v", err, wire.CloseShutdown, after)
	}
}

func closeFromManySides(t *testing.T, conn gateway.Conn, peer Peer) {
	var sides sync.WaitGroup
	defer sides.Wait()
	for range 3 {
		sides.Go(func() { conn.Close(wire.CloseReplaced, time.Second) })
		sides.Go(func() { conn.Close(0, 0) })
		sides.Go(func() { _ = conn.WriteFrames([][]byte{[]byte("frame")}, time.Now().Add(patience)) })
	}
	sides.Go(func() {
		for {
			if _, err := conn.ReadFrame(); err != nil && !errors.Is(err, gateway.ErrBadFrame) {
				return
			}
		}
	})
	for { // to the end, whatever it says
		if _, err := peer.Receive(); err != nil {
			return
		}
	}
}

func closeEndsRead(t *testing.T, conn gateway.Conn, peer Peer) {
	var sides sync.WaitGroup
	defer sides.Wait()
	sides.Go(func() {
		if _, err := conn.ReadFrame(); err == nil || errors.Is(err, gateway.ErrBadFrame) {
			t.Errorf("read on a closed connection: %v", err)
		}
	})
	sides.Go(func() { _, _ = peer.Receive() })
	conn.Close(wire.CloseShutdown, time.Second)
	conn.Close(wire.CloseInternal, 0)
	conn.Close(0, 0)
	if err := conn.WriteFrames([][]byte{[]byte("late")}, time.Now().Add(patience)); err == nil {
		t.Error("wrote on a closed connection")
	}
}

func closeAtOnce(t *testing.T, conn gateway.Conn, _ Peer) {
	var writer sync.WaitGroup
	defer writer.Wait()
	writer.Go(func() {
		payload := bytes.Repeat([]byte{'a'}, 1<<20)
		for conn.WriteFrames([][]byte{payload}, time.Now().Add(10*patience)) == nil { //nolint:revive // until it fails
		}
	})
	conn.Close(0, 0)
}

func readEndsWithPeer(t *testing.T, conn gateway.Conn, peer Peer) {
	go peer.Drop()
	if frame, err := conn.ReadFrame(); err == nil || errors.Is(err, gateway.ErrBadFrame) {
		t.Errorf("read %q and %v from nobody", frame, err)
	}
}

func pingIsLife(t *testing.T, conn gateway.Conn, peer Peer) {
	if last := conn.LastPing(); !last.IsZero() {
		t.Errorf("last ping %v before there was one", last)
	}
	before := time.Now()
	var client sync.WaitGroup
	defer client.Wait()
	pinged := true
	client.Go(func() {
		err := peer.Ping()
		if pinged = !errors.Is(err, errors.ErrUnsupported); err != nil && pinged {
			t.Errorf("ping: %v", err)
		}
		if err := peer.Send([]byte("after")); err != nil {
			t.Errorf("send: %v", err)
		}
	})
	if _, err := conn.ReadFrame(); err != nil {
		t.Errorf("read: %v", err)
	}
	client.Wait()
	switch last := conn.LastPing(); {
	case pinged && last.Before(before):
		t.Errorf("last ping %v, want after %v", last, before)
	case !pinged && !last.IsZero():
		t.Errorf("last ping %v, where there is no such thing", last)
	}
}
