package realtime

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/internal/gateway/conntest"
	"github.com/gim-im/gim/wire"
)

// Frames that gim reads itself and those that it leaves to the library come in
// the order in which they were sent, wherever the bytes are cut.
func TestReadFrame_KeepsTheOrderOfWholeFramesAndFragments(t *testing.T) {
	t.Parallel()
	const fin, data, ping, pong = 0x80, 2, 9, 10
	long := strings.Repeat("b", 10_000)
	three := strings.Repeat("\x82", 40) // looks like frames wherever it is begun with
	var sent bytes.Buffer
	var want []string
	k := &raw{t: t, conn: &script{Buffer: &sent}}
	for i := range readBuffer { // so that the library has read ahead 0 to as many bytes
		rest := strings.Repeat("o", i)
		k.send(fin|data, []byte("one"))
		k.send(data, []byte("tw"))
		k.send(fin|ping, []byte("!"))
		k.send(0, nil)
		k.send(fin, []byte(rest))
		k.send(fin|data, []byte(three))
		k.send(fin|pong, nil)
		k.send(fin|ping, nil)
		k.send(fin|data, []byte(long))
		k.send(fin|data, nil)
		want = append(want, "one", "tw"+rest, three, long, "")
	}
	for _, step := range []int{3, 100, sent.Len()} {
		c, p := connect(t, wire.Proto)
		socket := c.(*conn).socket
		socket.Conn = &script{Conn: socket.Conn, Buffer: bytes.NewBuffer(sent.Bytes()), step: step}
		go func() { _, _ = p.Receive() }() // answers to pings; ends with the connection
		for i, want := range want {
			if got, err := c.ReadFrame(); err != nil || string(got) != want {
				t.Fatalf("by %d bytes: frame %d is %.10q and %v, want %.10q", step, i, got, err, want)
			}
		}
	}
}

// script is a connection from which comes what is in a buffer, step bytes at a
// time, and then nothing more.
type script struct {
	net.Conn
	*bytes.Buffer
	step int
}

func (s *script) Write(p []byte) (int, error) {
	if s.Conn != nil {
		return s.Conn.Write(p)
	}
	return s.Buffer.Write(p)
}

func (s *script) Read(p []byte) (int, error) {
	if s.Len() == 0 {
		return s.Conn.Read(p)
	}
	return s.Buffer.Read(p[:min(s.step, len(p))])
}

// An idle connection waits neither within the library, which takes a larger stack,
// nor with a large buffer.
func TestReadFrame_WaitsOnASmallStackWithASmallBuffer(t *testing.T) {
	t.Parallel()
	c, p := connect(t, wire.JSON)
	socket := c.(*conn).socket
	watch := &watched{Conn: socket.Conn, seen: make(chan string, 10)}
	socket.Conn, socket.idleAfter = watch, time.Millisecond
	if err := p.Send(bytes.Repeat([]byte("a"), 1000)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ReadFrame(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ReadFrame(); !errors.Is(err, gateway.ErrIdle) {
		t.Fatalf("after a frame that took memory nothing comes: %v, want %v", err, gateway.ErrIdle)
	}
	if socket.in.Borrows() {
		t.Error("an idle connection holds memory that it has borrowed")
	}
	go func() { _ = p.Send([]byte("b")) }()
	for len(watch.seen) > 0 {
		<-watch.seen
	}
	if frame, err := c.ReadFrame(); err != nil || string(frame) != "b" {
		t.Fatalf("read %q and %v", frame, err)
	}
	if stack := <-watch.seen; strings.Contains(stack, "coder/websocket") || strings.Contains(stack, ".next\n") {
		t.Errorf("waits at\n%s", stack)
	}
}

// watched tells from where it is read.
type watched struct {
	net.Conn
	seen chan string
}

func (w *watched) Read(p []byte) (int, error) {
	var calls [50]uintptr
	var names strings.Builder
	for frames := runtime.CallersFrames(calls[:runtime.Callers(1, calls[:])]); ; {
		f, more := frames.Next()
		names.WriteString(f.Function + "\n")
		if !more {
			break
		}
	}
	select {
	case w.seen <- names.String():
	default: // nobody wants to know any more
	}
	return w.Conn.Read(p)
}

func TestIdleConnection_IsNotCutOffInTheMiddleOfAFrame(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	s := &socket{Conn: near, active: true, idleAfter: time.Millisecond}
	s.in.Init()
	go func() { _, _ = far.Write([]byte{0x81}) }()
	if err := s.fill(); err != nil || len(s.in.Buffered()) != 1 {
		t.Fatalf("read %d bytes and %v", len(s.in.Buffered()), err)
	}
	for range 2 { // once for the deadline that there is
		s.active, s.bounded = true, false
		if err := s.fill(); err != nil {
			t.Fatalf("half a frame is idle: %v", err)
		}
	}
}

// A client that does not read keeps nobody waiting, and gets whole frames.
func TestTryWrite_DoesNotWait(t *testing.T) {
	t.Parallel()
	c, p := connect(t, wire.JSON)
	quick := c.(*conn)
	n := 0
	for ; quick.TryWrite(bytes.Repeat([]byte("x"), 1000)); n++ {
		if n > 1<<20 {
			t.Fatal("the network holds too much for this test")
		}
	}
	got := 0
	for ; ; got++ {
		frame, err := p.Receive()
		if err != nil {
			break
		}
		if len(frame) != 1000 {
			t.Fatalf("a frame of %d bytes", len(frame))
		}
		if got == n-2 { // the last may have been cut off
			break
		}
	}
	if got < n-2 {
		t.Errorf("%d frames arrived of %d", got, n)
	}
}

func TestWrite_NothingFollowsAClose(t *testing.T) {
	t.Parallel()
	k := dialRaw(t, serve(t, nil), wire.SubprotocolJSON)
	k.send(0x80|8, []byte{3, 232})
	rest, err := io.ReadAll(k.r)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) || !bytes.HasPrefix(rest, []byte{0x88, 2, 3, 232}) || len(rest) != 4 {
		t.Errorf("answered %x, %v", rest, err)
	}
	c, _ := connect(t, wire.JSON)
	if _, err := c.(*conn).socket.Write([]byte{0x88, 0}); err != nil {
		t.Fatal(err)
	}
	if err := c.WriteFrames([][]byte{[]byte("late")}, time.Now().Add(time.Minute)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after a close frame: %v, want %v", err, net.ErrClosed)
	}
	if c.(*conn).TryWrite([]byte("late")) {
		t.Error("written after a close frame")
	}
}

// FuzzParseFrame holds what gim reads itself to what the library reads.
func FuzzParseFrame(f *testing.F) {
	f.Add([]byte{0x81, 0x82, 1, 2, 3, 4, 'h', 'i'})
	f.Add([]byte{0x82, 0xfe, 0, 1, 0, 0, 0, 0, 1})
	f.Add([]byte{0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 9, 9, 9, 9, 0})
	f.Add([]byte{0x89, 0x81, 1, 2, 3, 4, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		got, whole := parseFrame(bytes.Clone(data))
		if !whole || got.op == opStranger {
			return
		}
		payload := bytes.Clone(got.payload)
		got.unmask(payload)
		if got.size > len(data) || got.size < len(payload)+2+maskBytes {
			t.Fatalf("a frame of %d bytes with a payload of %d, of %d", got.size, len(payload), len(data))
		}
		if got.op == opPing || got.op == opPong {
			return
		}
		kind, want := readByLibrary(t, data[:got.size])
		if kind != websocket.MessageType(got.op) || !bytes.Equal(want, payload) {
			t.Errorf("%x is %d %x, the library reads %d %x", data, got.op, payload, kind, want)
		}
	})
}

func readByLibrary(t *testing.T, data []byte) (websocket.MessageType, []byte) {
	t.Helper()
	c, _ := connect(t, wire.JSON)
	ws := c.(*conn)
	ws.socket.leave()
	ws.socket.Conn = &script{Conn: ws.socket.Conn, Buffer: bytes.NewBuffer(data), step: 1 << 20}
	kind, payload, err := ws.ws.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return kind, payload
}

// A close says its code also to a client that is in the middle of a message.
func TestClose_WhileTheLibraryReads(t *testing.T) {
	t.Parallel()
	for range 20 {
		c, p := connect(t, wire.JSON)
		ws := c.(*conn)
		entered := &watched{Conn: ws.socket.Conn, seen: make(chan string, 100)}
		ws.socket.Conn = entered
		w, err := p.(*peer).ws.Writer(t.Context(), websocket.MessageText)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(bytes.Repeat([]byte("a"), 5000)); err != nil { // a fragment
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { _, err := c.ReadFrame(); ended <- err }()
		for stack := ""; !strings.Contains(stack, "coder/websocket"); {
			stack = <-entered.seen
		}
		go c.Close(wire.CloseShutdown, 0)
		if _, err := p.Receive(); closedWith(err) != wire.CloseShutdown {
			t.Fatalf("received %v, want code %d", err, wire.CloseShutdown)
		}
		if <-ended == nil {
			t.Error("half a message was read as a frame")
		}
	}
}

func closedWith(err error) wire.CloseCode {
	if closed, ok := errors.AsType[*conntest.Closed](err); ok {
		return closed.Code
	}
	return 0
}

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
	return &socket{Conn: accepted}, client
}

func TestSocket_WritesWhatDoesNotFitAtOnce(t *testing.T) {
	t.Parallel()
	s, client := pair(t)
	frame := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // more than the network holds
	written := make(chan error, 1)
	go func() {
		written <- s.writeAll(opBinary, [][]byte{[]byte("small"), frame, frame[:300]}, time.Now().Add(time.Minute))
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
	goodbye := []byte{finBit | opClose, 2, 3, 0xe8}
	if _, err := s.Write(goodbye); err != nil { // as the library does
		t.Fatal(err)
	}
	late := [][]byte{[]byte("late")}
	if err := s.writeAll(opText, late, time.Now().Add(time.Minute)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a frame behind the goodbye: error %v, want %v", err, net.ErrClosed)
	}
	if whole, err := s.writeSome(opText, late); whole || !errors.Is(err, net.ErrClosed) {
		t.Errorf("some of a frame behind the goodbye: whole %v, error %v, want %v", whole, err, net.ErrClosed)
	}
	_ = s.Close()
	if got, err := io.ReadAll(client); err != nil || !bytes.Equal(got, goodbye) {
		t.Errorf("the client read %q (error %v), want %q", got, err, goodbye)
	}
}

func TestSocket_HoldsWhatItCouldNotWrite(t *testing.T) {
	t.Parallel()
	s, client := pair(t)
	frame, pong := bytes.Repeat([]byte("f"), 60_000), []byte{0x8a, 1, 'p'}
	var want []byte
	for whole := true; whole; {
		var err error
		if whole, err = s.writeSome(opBinary, [][]byte{frame}); err != nil {
			t.Fatal(err)
		}
		want = appendFrame(want, opBinary, frame)
	}
	if _, err := s.Write(pong); err != nil { // of the library, which must not cut the frame
		t.Fatal(err)
	}
	if s.tryWrite(pong) {
		t.Error("a frame was written in the middle of another")
	}
	if whole, err := s.writeSome(opBinary, [][]byte{[]byte("more")}); whole || err != nil {
		t.Fatalf("behind what is held: whole %v, error %v; want it to be held too", whole, err)
	}
	want = appendFrame(append(want, pong...), opBinary, []byte("more"))
	written := make(chan error, 1)
	go func() { written <- s.writeAll(opBinary, nil, time.Now().Add(time.Minute)) }()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("what was written is not what was to be (error %v)", err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
	if whole, err := s.writeSome(opBinary, [][]byte{[]byte("again")}); !whole || err != nil {
		t.Errorf("when all is written: whole %v, error %v", whole, err)
	}
}
