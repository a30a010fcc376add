package tcpgw

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/wire"
)

// read is what a ReadFrame returned, and when.
type read struct {
	frame string
	err   error
	at    time.Duration // since the start
}

// inBubble reads frames from a connection in memory until an error, while test
// writes to the other end.
func inBubble(t *testing.T, timeout time.Duration, test func(t *testing.T, c *conn, far net.Conn, reads <-chan read)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c := (&Server{Options{Logger: slog.New(slog.DiscardHandler), FrameTimeout: timeout, IdleAfter: 5 * time.Second}}).newConn(near)
		reads, begin := make(chan read, 100), time.Now()
		go func() { // ends with the connection
			defer close(reads)
			for {
				frame, err := c.ReadFrame()
				if errors.Is(err, gateway.ErrIdle) {
					continue // as the gateway does, in another goroutine
				}
				reads <- read{string(frame), err, time.Since(begin)}
				if err != nil {
					return
				}
			}
		}()
		test(t, c, far, reads)
		c.Close(0, 0)
		_ = far.Close()
	})
}

func TestReadFrame_AFrameThatHasBegunHasToBeWholeInTime(t *testing.T) {
	inBubble(t, 10*time.Second, func(t *testing.T, _ *conn, far net.Conn, reads <-chan read) {
		time.Sleep(time.Hour) // silence is not its concern
		write(t, far, []byte{3})
		time.Sleep(9 * time.Second)
		write(t, far, []byte("a"))
		got := <-reads
		if domain.CodeOf(got.err) != domain.CodeBadRequest || !strings.Contains(got.err.Error(), "10s") {
			t.Errorf("ended with %v, want bad_request that tells the time", got.err)
		}
		if want := time.Hour + 10*time.Second; got.at != want {
			t.Errorf("ended after %v, want %v", got.at, want)
		}
	})
}

func TestReadFrame_EachFrameHasItsOwnTime(t *testing.T) {
	inBubble(t, 10*time.Second, func(t *testing.T, _ *conn, far net.Conn, reads <-chan read) {
		write(t, far, []byte{2, 'a'})
		for range 5 { // the end of one frame and the beginning of the next, 9 seconds apart
			time.Sleep(9 * time.Second)
			write(t, far, []byte{'b', 2, 'a'})
			if got := <-reads; got.frame != "ab" || got.err != nil {
				t.Fatalf("read %q, %v", got.frame, got.err)
			}
		}
		time.Sleep(9 * time.Second)
		write(t, far, []byte{'b'})
		time.Sleep(time.Hour) // no frame has begun
		write(t, far, []byte{1, 'c'})
		for _, want := range []string{"ab", "c"} {
			if got := <-reads; got.frame != want || got.err != nil {
				t.Errorf("read %q, %v; want %q", got.frame, got.err, want)
			}
		}
	})
}

func TestReadFrame_RefusesALengthBeyondTheLimit(t *testing.T) {
	inBubble(t, time.Second, func(t *testing.T, _ *conn, far net.Conn, reads <-chan read) {
		write(t, far, wire.AppendLength(nil, wire.MaxFrameBytes+1))
		if got := <-reads; domain.CodeOf(got.err) != domain.CodeTooLarge {
			t.Errorf("ended with %v, want too_large", got.err)
		}
	})
}

// A reader that waits for a frame does not hold up a close, nor one in the
// middle of a frame.
func TestClose_EndsAReaderAtOnce(t *testing.T) {
	inBubble(t, time.Hour, func(t *testing.T, c *conn, far net.Conn, reads <-chan read) {
		write(t, far, []byte{9, 'a'})
		synctest.Wait()
		go c.Close(wire.CloseReplaced, 0) // ends when the last frame is read
		if got := <-reads; got.err == nil || got.at != 0 || domain.CodeOf(got.err) == domain.CodeBadRequest {
			t.Errorf("ended with %v after %v, want an end at once", got.err, got.at)
		}
		if last, err := io.ReadAll(far); err != nil || !bytes.Contains(last, []byte("replaced")) {
			t.Errorf("the last frame is %q, %v", last, err)
		}
	})
}

// A peer that takes nothing is not told anything, and holds up nobody.
func TestClose_GivesUpOnAPeerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	c, p := connect(t, nil, nil)
	writing := make(chan error, 1)
	go func() { writing <- c.WriteFrames([][]byte{make([]byte, 64<<20)}, time.Now().Add(time.Hour)) }() // more than the network holds
	if _, err := io.ReadFull(p.conn, make([]byte, 2)); err != nil {                                     // and never the rest
		t.Fatal(err)
	}
	c.Close(wire.CloseShutdown, 0) // returns at all
	if err := <-writing; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the write that was cut off ended with %v, want %v", err, os.ErrDeadlineExceeded)
	}
	if rest, _ := io.ReadAll(p.conn); bytes.Contains(rest, []byte("shutdown")) {
		t.Error("a frame follows one that was cut off")
	}
}

// A connection on which nothing comes becomes idle once after a frame for which it
// had to borrow, gives that back, and goes on where it was. After a ping there is
// nothing to give back.
func TestReadFrame_IsIdleOnceAfterEachLargerFrame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c := (&Server{Options{Logger: slog.New(slog.DiscardHandler), FrameTimeout: time.Second, IdleAfter: 5 * time.Second}}).newConn(near)
		defer c.Close(0, 0)
		begin, idle := time.Now(), 0
		frames := make(chan string, 10)
		go func() { // ends with the connection
			for {
				switch frame, err := c.ReadFrame(); {
				case errors.Is(err, gateway.ErrIdle):
					idle++
				case err != nil:
					return
				default:
					frames <- string(frame)
				}
			}
		}()
		time.Sleep(time.Hour) // it was never anything else
		synctest.Wait()
		if idle != 0 {
			t.Errorf("idle %d times before the first frame", idle)
		}
		large := strings.Repeat("a", 100)
		for i := range 3 {
			write(t, far, append([]byte{100}, large...))
			if got := <-frames; got != large {
				t.Errorf("read %q", got)
			}
			time.Sleep(5 * time.Second)
			synctest.Wait()
			if idle != i+1 {
				t.Errorf("idle %d times after %v, want %d", idle, time.Since(begin), i+1)
			}
			for range 100 { // more than fits into what it does not have to borrow, one by one
				write(t, far, []byte{2, 'a', 'b'})
				if got := <-frames; got != "ab" {
					t.Errorf("read %q", got)
				}
				synctest.Wait() // it waits for the next one
			}
			if c.decoder.Borrows() {
				t.Error("it borrows for pings")
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			if idle != i+1 {
				t.Errorf("idle %d times after pings, want %d", idle, i+1)
			}
		}
	})
}
