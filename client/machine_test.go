package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/gim-im/gim/wire"
)

// TestStream_HandsOnTheLogOnceAndInOrder lets a server lose connections, answers
// and pushes, refuse, repeat and fall silent in any order, under a handler that is
// slow at times. After each step the handler's log is the beginning of the
// server's; in the end it is all of it, and every send that succeeded is in it.
func TestStream_HandsOnTheLogOnceAndInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(bubbled{t}, func(rt *rapid.T) {
			m := newMachine(t, rt)
			defer m.stop()
			rt.Repeat(map[string]func(*rapid.T){
				"send":          m.send,
				"send many":     m.sendMany,
				"send and quit": m.sendAndQuit,
				"receive":       m.receive,
				"lose push":     func(*rapid.T) { m.srv.append("others", false) },
				"repeat push":   m.repeatPush,
				"fleeting":      func(*rapid.T) { m.srv.push(&wire.Message{MessageId: "fleeting"}) },
				"fault":         m.fault,
				"drop":          func(*rapid.T) { m.srv.drop() },
				"silence":       func(*rapid.T) { m.srv.fallSilent() },
				"lazy replay":   func(*rapid.T) { m.srv.set(func(s *modelServer) { s.lazy = !s.lazy }) },
				"switch":        func(*rapid.T) { m.s.SwitchTo("tcp://elsewhere") },
				"wait":          m.wait,
				"slow":          func(*rapid.T) { m.block() },
				"fast":          func(*rapid.T) { m.unblock() },
				"":              m.invariants,
			})
			m.finish()
		})
	})
}

// bubbled hides that it is a *testing.T, whose deadline is a time outside of the
// bubble and must not be asked for.
type bubbled struct{ *testing.T }

type machine struct {
	t      *testing.T
	rt     *rapid.T
	srv    *modelServer
	s      *Stream
	cancel context.CancelFunc
	ran    chan error
	sends  sync.WaitGroup

	gate chan struct{} // the handler takes its token while it works
	slow bool          // the test has the token

	mu       sync.Mutex // guards what follows
	log      []*wire.Message
	groups   map[string][]*wire.Message // by id
	kept     Cursor                     // what was stored with the last page
	started  int
	outcomes map[string]error // by client_msg_id
}

func newMachine(t *testing.T, rt *rapid.T) *machine {
	m := &machine{
		t: t, rt: rt, srv: newModelServer(), ran: make(chan error, 1), gate: make(chan struct{}, 1),
		groups: make(map[string][]*wire.Message), outcomes: make(map[string]error),
	}
	m.gate <- struct{}{}
	m.run(Cursor{})
	return m
}

// run begins a stream at a cursor.
func (m *machine) run(from Cursor) {
	s, err := NewStream(StreamOptions{
		Address: "tcp://server", Cursor: &from, MinBackoff: 10 * time.Millisecond, MaxBackoff: time.Second,
		Token:   func(context.Context) (string, error) { return "t", nil },
		Dial:    func(context.Context, string) (*Conn, error) { return m.srv.dial(m.t), nil },
		Handler: Handler{Messages: m.handle},
	})
	if err != nil {
		m.rt.Fatal(err)
	}
	m.mu.Lock()
	m.s, m.kept = s, from
	m.mu.Unlock()
	ctx, cancel := context.WithCancel(m.t.Context())
	m.cancel = cancel
	go func() { m.ran <- s.Run(ctx) }()
}

func (m *machine) handle(_ context.Context, page []*wire.Message) error {
	token := <-m.gate
	defer func() { m.gate <- token }()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, msg := range page {
		switch id := msg.GetTo().GetGroupId(); {
		case msg.GetSeq() != 0:
			m.log = append(m.log, msg)
		case msg.GetConversationSeq() != 0:
			m.groups[id] = append(m.groups[id], msg)
		}
	}
	m.kept = m.s.CursorAfter(page)
	return nil
}

func (m *machine) block() {
	if !m.slow {
		m.slow = true
		<-m.gate
	}
}

func (m *machine) unblock() {
	if m.slow {
		m.slow = false
		m.gate <- struct{}{}
	}
}

func (m *machine) stop() {
	m.unblock()
	m.cancel()
	if err := <-m.ran; err != nil {
		m.rt.Errorf("Run returned %v", err)
	}
	m.sends.Wait()
	m.srv.drop()
	synctest.Wait()
}

func (m *machine) send(*rapid.T) { m.startSend(context.Background()) }

func (m *machine) startSend(ctx context.Context) { m.startSendTo(ctx, &wire.Target{UserId: "bob"}) }

func (m *machine) startSendTo(ctx context.Context, to *wire.Target) {
	m.started++
	id, s := fmt.Sprintf("own-%04d", m.started), m.s
	m.sends.Go(func() {
		_, err := s.Send(ctx, &wire.Send{To: to, Type: "text", Content: []byte(`{}`), ClientMsgId: id})
		m.mu.Lock()
		defer m.mu.Unlock()
		m.outcomes[id] = err
	})
	synctest.Wait() // the order of calls is the order of sends
}

func (m *machine) sendMany(rt *rapid.T) {
	for range rapid.IntRange(2, 80).Draw(rt, "sends") {
		m.send(rt)
	}
}

func (m *machine) sendAndQuit(rt *rapid.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rapid.IntRange(0, 2000).Draw(rt, "ms"))*time.Millisecond)
	m.startSend(ctx)
	m.sends.Go(func() { <-ctx.Done(); cancel() })
}

func (m *machine) receive(rt *rapid.T) {
	for range rapid.IntRange(1, 300).Draw(rt, "messages") {
		m.srv.append("others", true)
	}
}

func (m *machine) repeatPush(rt *rapid.T) {
	if n := m.srv.head(); n > 0 {
		m.srv.repeat(rapid.Int64Range(1, n).Draw(rt, "seq"))
	}
}

func (m *machine) fault(rt *rapid.T) {
	m.srv.set(func(s *modelServer) {
		s.faults = append(s.faults, rapid.SampledFrom([]fault{loseAnswer, loseRequest, limited, uncertain, refused}).Draw(rt, "fault"))
	})
}

func (m *machine) wait(rt *rapid.T) {
	time.Sleep(time.Duration(rapid.IntRange(1, 100_000).Draw(rt, "ms")) * time.Millisecond)
}

func (m *machine) invariants(rt *rapid.T) {
	synctest.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.srv.mu.Lock()
	defer m.srv.mu.Unlock()
	if len(m.log) > len(m.srv.log) {
		rt.Fatalf("the handler has %d entries, the server %d", len(m.log), len(m.srv.log))
	}
	for i, got := range m.log {
		if want := m.srv.log[i]; !proto.Equal(got, want) {
			rt.Fatalf("entry %d is %v, want %v", i+1, got, want)
		}
	}
}

// finish ends all faults and wants all of the log.
func (m *machine) finish() {
	m.unblock()
	m.srv.set(func(s *modelServer) { s.faults, s.lazy = nil, false })
	m.srv.append("others", true)
	time.Sleep(10 * time.Minute)
	m.invariants(m.rt)
	m.mu.Lock()
	defer m.mu.Unlock()
	if got, want := int64(len(m.log)), m.srv.head(); got != want {
		m.rt.Fatalf("the handler has %d entries, the server %d", got, want)
	}
	if len(m.outcomes) != m.started {
		m.rt.Fatalf("%d of %d sends returned", len(m.outcomes), m.started)
	}
	var own []string
	for _, e := range m.log {
		if e.GetClientMsgId() != "" {
			own = append(own, e.GetClientMsgId())
		}
	}
	for id, err := range m.outcomes {
		_, refused := errors.AsType[*Error](err)
		switch stored := slices.Contains(own, id); {
		case err == nil && !stored:
			m.rt.Fatalf("%s succeeded and is not in the log", id)
		case refused && stored:
			m.rt.Fatalf("%s was refused (%v) and is in the log", id, err)
		case err != nil && !refused && !errors.Is(err, ErrUnsettled):
			m.rt.Fatalf("%s returned %v", id, err)
		}
	}
	if unique := slices.Compact(slices.Sorted(slices.Values(own))); len(unique) != len(own) {
		m.rt.Fatalf("own messages are doubled: %q", own)
	}
	for i := 1; i < len(own) && !m.srv.putOff; i++ {
		if own[i-1] > own[i] {
			m.rt.Fatalf("%s is after %s", own[i], own[i-1])
		}
	}
}
