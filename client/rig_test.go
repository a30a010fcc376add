package client

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/wire"
)

// rig is a Stream in a synctest bubble whose connections end at the test, which
// plays the server frame by frame. Its back-off has no jitter: each pause is as
// long as its bound.
type rig struct {
	t      *testing.T
	s      *Stream
	dialed chan *peer
	cancel context.CancelFunc
	ran    chan error

	mu      sync.Mutex // guards what follows
	tokens  int        // given out
	seen    []string   // what the handler got
	handler func(page []*wire.Message) error
	dialErr error
	address string // last dialed
}

// bubble runs a test on a Stream that has begun to run.
func bubble(t *testing.T, o StreamOptions, test func(t *testing.T, r *rig)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, o)
		r.start()
		defer r.stop() //nolint:errcheck // tests that care ask
		test(t, r)
	})
}

func newRig(t *testing.T, o StreamOptions) *rig {
	t.Helper()
	r := &rig{t: t, dialed: make(chan *peer, 100), ran: make(chan error, 1)}
	if o.Address == "" {
		o.Address = "tcp://server"
	}
	if o.Token == nil {
		o.Token = r.token
	}
	o.Dial = r.dial
	r.record(&o.Handler)
	s, err := NewStream(o)
	if err != nil {
		t.Fatal(err)
	}
	s.random = func(bound time.Duration) time.Duration { return bound }
	r.s = s
	return r
}

// start runs the stream until stop.
func (r *rig) start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.ran <- r.s.Run(ctx) }()
}

// stop ends Run and returns what it returned.
func (r *rig) stop() error {
	r.cancel()
	return r.ended()
}

// ended waits for Run to return by itself.
func (r *rig) ended() error {
	err := <-r.ran
	r.ran <- err
	return err
}

// token gives out t1, t2 and so on.
func (r *rig) token(context.Context) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tokens++
	return fmt.Sprintf("t%d", r.tokens), nil
}

func (r *rig) dial(_ context.Context, address string) (*Conn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.address = address
	if r.dialErr != nil {
		return nil, r.dialErr
	}
	if len(r.dialed) == cap(r.dialed) {
		panic("the stream connects again and again, and the test does not look")
	}
	near, far := net.Pipe()
	r.dialed <- newPeer(r.t, far)
	return NewConn(near), nil
}

// record notes everything that the handler gets.
func (r *rig) record(h *Handler) {
	h.Messages = func(_ context.Context, page []*wire.Message) error {
		r.mu.Lock()
		handler := r.handler
		r.mu.Unlock()
		if handler != nil {
			if err := handler(page); err != nil {
				return err
			}
		}
		for _, m := range page {
			r.note("%d:%s", m.GetSeq(), m.GetMessageId())
		}
		return nil
	}
	h.Signal = func(_ context.Context, s *wire.PushedSignal) { r.note("signal %s", s.GetKind()) }
	h.Presence = func(_ context.Context, users []*wire.UserPresence) {
		for _, u := range users {
			r.note("%s %v", u.GetUserId(), u.GetOnline())
		}
	}
	h.State = func(st State) {
		if st.Phase == Waiting {
			r.note("waiting %v", st.Delay)
		} else {
			r.note("%v", st.Phase)
		}
	}
	h.Unsubscribed = func(_ context.Context, group string) { r.note("unsubscribed %s", group) }
	h.Resync = func(_ context.Context, epoch string) error { r.note("resync %s", epoch); return nil }
}

func (r *rig) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, fmt.Sprintf(format, args...))
}

func (r *rig) onMessages(f func(page []*wire.Message) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handler = f
}

// wantSeen waits until nothing moves, and compares what the handler got since the
// last time.
func (r *rig) wantSeen(want ...string) {
	r.t.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.seen, want) {
		r.t.Fatalf("the handler got %q, want %q", r.seen, want)
	}
	r.seen = nil
}

// forget drops what the handler got.
func (r *rig) forget() {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = nil
}

// accept waits for the next connection.
func (r *rig) accept() *peer {
	r.t.Helper()
	p := <-r.dialed
	return p
}

// none fails when there is another connection.
func (r *rig) none() {
	r.t.Helper()
	synctest.Wait()
	select {
	case <-r.dialed:
		r.t.Fatal("the stream connected again")
	default:
	}
}

// signIn accepts a connection and its sign-in, which it returns too. The log ends
// at head.
func (r *rig) signIn(head int64) (*peer, *wire.SignIn) {
	r.t.Helper()
	return r.signInAs(&wire.SignedIn{UserId: "me", DeviceId: "phone", FirstSeq: 1, HeadSeq: head, Epoch: "e1", HeartbeatMs: 30_000})
}

func (r *rig) signInAs(in *wire.SignedIn) (*peer, *wire.SignIn) {
	r.t.Helper()
	p := r.accept()
	f := p.read()
	if f.GetSignIn() == nil || f.GetId() == 0 {
		r.t.Fatalf("the first frame is %v, want a sign-in", f)
	}
	p.write(&wire.ServerFrame{Id: f.GetId(), Body: &wire.ServerFrame_SignedIn{SignedIn: in}})
	synctest.Wait() // until the stream has a session, or what it is asked to do meanwhile it does twice
	return p, f.GetSignIn()
}

// peer is the server's end of a connection.
type peer struct {
	t      *testing.T
	conn   net.Conn
	frames chan *wire.ClientFrame // what the client sent; closed at the end
}

func newPeer(t *testing.T, conn net.Conn) *peer {
	p := &peer{t: t, conn: conn, frames: make(chan *wire.ClientFrame, 10_000)}
	go func() { // ends with the connection
		defer close(p.frames)
		d := wire.NewDecoder(wire.MaxFrameBytes)
		for {
			raw, ok, err := d.Next()
			if err != nil {
				t.Errorf("the client sent no frame: %v", err)
				return
			}
			if !ok {
				if d.Fill(conn) != nil {
					return
				}
				continue
			}
			f := new(wire.ClientFrame)
			if err := proto.Unmarshal(raw, f); err != nil {
				t.Errorf("the client sent a broken frame: %v", err)
				return
			}
			p.frames <- f
		}
	}()
	return p
}

// read waits for the next frame of the client.
func (p *peer) read() *wire.ClientFrame {
	p.t.Helper()
	f, open := <-p.frames
	if !open {
		p.t.Fatal("the client closed the connection")
	}
	return f
}

// readSend waits for the next send, past whatever else there is.
func (p *peer) readSend() *wire.ClientFrame {
	p.t.Helper()
	for {
		if f := p.read(); f.GetSend() != nil {
			return f
		}
	}
}

// pending returns the frames that the client has sent and nobody has read.
func (p *peer) pending() (all []*wire.ClientFrame) {
	synctest.Wait()
	for {
		select {
		case f, open := <-p.frames:
			if !open {
				return all
			}
			all = append(all, f)
		default:
			return all
		}
	}
}

// kinds names the frames, for comparison.
func kinds(frames []*wire.ClientFrame) string {
	names := make([]string, 0, len(frames))
	for _, f := range frames {
		name := strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", f.GetBody()), "*wire.ClientFrame_"))
		if f.GetSend() != nil {
			name += " " + f.GetSend().GetClientMsgId()
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// wantFrames compares the pending frames.
func (p *peer) wantFrames(want string) {
	p.t.Helper()
	if got := kinds(p.pending()); got != want {
		p.t.Fatalf("the client sent %q, want %q", got, want)
	}
}

// write sends a frame to the client. It reports whether the client took it.
func (p *peer) write(f *wire.ServerFrame) bool {
	payload, err := proto.Marshal(f)
	if err != nil {
		p.t.Fatal(err)
	}
	_, err = p.conn.Write(append(wire.AppendLength(nil, len(payload)), payload...))
	return err == nil
}

func (p *peer) push(messages ...*wire.Message) {
	p.write(&wire.ServerFrame{Body: &wire.ServerFrame_Push{Push: &wire.Push{Messages: messages}}})
}

// sent answers a send with an entry of that number, and any conversation.
func (p *peer) sent(f *wire.ClientFrame, seq int64) {
	p.write(&wire.ServerFrame{Id: f.GetId(), Body: &wire.ServerFrame_Sent{Sent: &wire.Sent{
		MessageId: fmt.Sprintf("m%d", seq), ConversationId: "user:bob", ConversationSeq: seq, Seq: seq, SentAt: seq * 1000, Durable: seq > 0,
	}}})
}

func (p *peer) fail(id uint64, e *wire.Error) {
	p.write(&wire.ServerFrame{Id: id, Body: &wire.ServerFrame_Error{Error: e}})
}

func (p *peer) page(f *wire.ClientFrame, page *wire.SyncPage) {
	if page.GetEpoch() == "" {
		page.Epoch, page.FirstSeq = "e1", 1
	}
	p.write(&wire.ServerFrame{Id: f.GetId(), Body: &wire.ServerFrame_SyncPage{SyncPage: page}})
}

// announce says that a close is near; close ends the connection as TCP does.
func (p *peer) announce(code wire.CloseCode, after time.Duration) {
	p.write(&wire.ServerFrame{Body: &wire.ServerFrame_Closing{Closing: &wire.Closing{
		Code: int32(code), Reason: code.String(), ReconnectAfterMs: after.Milliseconds(),
	}}})
}

func (p *peer) close(code wire.CloseCode, after time.Duration) {
	p.announce(code, after)
	_ = p.conn.Close()
}

// drop ends the connection without a word.
func (p *peer) drop() { _ = p.conn.Close() }

// wantClosed waits for the client to close.
func (p *peer) wantClosed() {
	p.t.Helper()
	for range p.frames { //nolint:revive // what it says until then does not matter
	}
	if _, err := p.conn.Read(make([]byte, 1)); err != io.EOF { //nolint:errorlint // as net.Pipe returns it
		p.t.Fatalf("the connection is not closed: %v", err)
	}
}

// entry is a message from bob in the log.
func entry(seq int64) *wire.Message {
	return &wire.Message{
		Seq: seq, MessageId: fmt.Sprintf("m%d", seq), ConversationId: "user:bob", ConversationSeq: seq,
		Sender: &wire.Sender{Type: "user", UserId: "bob"}, To: &wire.Target{UserId: "me"},
		Type: "text", Content: []byte(`{"text":"hi"}`), SentAt: seq * 1000, Status: "normal",
	}
}

func entries(from, to int64) (all []*wire.Message) {
	for seq := from; seq <= to; seq++ {
		all = append(all, entry(seq))
	}
	return all
}

// text is a send to bob.
func text(id string) *wire.Send {
	return &wire.Send{To: &wire.Target{UserId: "bob"}, Type: "text", Content: []byte(`{"text": "hi"}`), ClientMsgId: id}
}

// at is a cursor in the log of the rig.
func at(seq int64) *Cursor { return &Cursor{Seq: seq, Epoch: "e1"} }
