package e2e

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/e2e/history"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// patience bounds every wait; it is only reached when something is broken.
const patience = 60 * time.Second

// again is how long a client waits before it tries again.
const again = 10 * time.Millisecond

// phone is a device of a user as an app keeps it: connected, or trying to be,
// from its cursor on. What it gets goes into the history.
type phone struct {
	t        *testing.T
	rec      *history.Recorder
	user, id string
	token    string
	address  func() string // of the node to connect to, asked each time

	mu      sync.Mutex // guards what follows
	changed chan struct{}
	cursor  int64
	conns   int
	conn    *client.Conn // nil while not connected
	waiting map[uint64]chan *wire.ServerFrame
	own     map[uint64]history.Send // by the id of the frame
	lastID  uint64
	finals  []int // codes of closes that ask not to come back
}

// newPhone registers a device of user and connects it until the test ends.
func newPhone(t *testing.T, rec *history.Recorder, app gimtest.App, user string, address func() string) *phone {
	t.Helper()
	token, id := app.Token(t, user)
	p := &phone{
		t: t, rec: rec, user: user, id: id, token: token, address: address,
		changed: make(chan struct{}), waiting: make(map[uint64]chan *wire.ServerFrame), own: make(map[uint64]history.Send),
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { // ends with the test
		defer close(done)
		for ctx.Err() == nil {
			if err := p.connect(ctx); err != nil {
				pause(ctx)
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return p
}

// pause ends early with ctx.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(again):
	}
}

// connect serves one connection until it ends.
func (p *phone) connect(ctx context.Context) error {
	p.mu.Lock()
	after := p.cursor
	p.mu.Unlock()
	dial, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := client.Dial(dial, p.address())
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // mostly closed by then
	if _, err := conn.SignIn(dial, p.token, &after); err != nil {
		return p.ended(err)
	}
	seen := p.rec.Connect(p.user, p.id, after)
	p.set(func() { p.conn = conn; p.conns++ })
	defer p.hangUp()
	for {
		f, err := conn.Read(ctx)
		if err != nil {
			return p.ended(err)
		}
		p.hear(seen, f)
	}
}

// set changes what mu guards and wakes who waits for it.
func (p *phone) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *phone) ended(err error) error {
	if closed, ok := errors.AsType[*client.ClosedError](err); ok && !wire.CloseCode(closed.Code).Reconnect() { //nolint:gosec // small
		p.set(func() { p.finals = append(p.finals, closed.Code) })
	}
	return err
}

func (p *phone) hangUp() {
	p.set(func() {
		p.conn = nil
		for id, c := range p.waiting {
			close(c)
			delete(p.waiting, id)
		}
	})
}

// hear takes one frame of the server.
func (p *phone) hear(seen *history.Connection, f *wire.ServerFrame) {
	for _, m := range f.GetPush().GetMessages() {
		if m.GetSeq() != 0 {
			seen.Got(pushed(m))
		}
	}
	p.set(func() {
		if c, ok := p.waiting[f.GetId()]; ok && f.GetId() != 0 {
			delete(p.waiting, f.GetId())
			c <- f // has room for it
			p.place(seen, p.own[f.GetId()], f.GetSent())
			delete(p.own, f.GetId())
		}
		p.cursor = max(p.cursor, seen.Cursor())
	})
}

// place notes the answer to an own send, which stands where its push would. A
// repeat may be answered with an entry that the connection has had.
func (p *phone) place(seen *history.Connection, s history.Send, answer *wire.Sent) {
	if answer.GetSeq() > seen.Cursor() {
		seen.Got(history.Entry{
			Seq: answer.GetSeq(), MessageID: answer.GetMessageId(), ClientMsgID: s.ClientMsgID,
			Sender: p.user, To: s.To, ConversationSeq: answer.GetConversationSeq(),
		})
	}
}

// pushed is a pushed message as the history has it.
func pushed(m *wire.Message) history.Entry {
	return history.Entry{
		Seq: m.GetSeq(), MessageID: m.GetMessageId(), ClientMsgID: m.GetClientMsgId(), Sender: m.GetSender().GetUserId(),
		To: conversation(m.GetSender().GetUserId(), m.GetTo().GetUserId(), m.GetTo().GetGroupId()), ConversationSeq: m.GetConversationSeq(),
	}
}

func conversation(sender, user, group string) history.Conversation {
	if group != "" {
		return history.Group(group)
	}
	return history.Single(sender, user)
}

// until waits for a condition, which is looked at under mu.
func (p *phone) until(what string, holds func() bool) {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		p.mu.Lock()
		ok, changed := holds(), p.changed
		p.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			p.mu.Lock()
			defer p.mu.Unlock()
			p.t.Fatalf("%s's %s waited in vain for %s: cursor %d after %d connections, closed for good with %v",
				p.user, p.id, what, p.cursor, p.conns, p.finals)
		}
	}
}

// has waits until the phone has its log up to seq.
func (p *phone) has(seq int64) {
	p.t.Helper()
	p.until(fmt.Sprintf("entry %d", seq), func() bool { return p.cursor >= seq })
}

// online waits for the n-th connection of the phone to stand.
func (p *phone) online(n int) {
	p.t.Helper()
	p.until(fmt.Sprintf("connection %d", n), func() bool { return p.conn != nil && p.conns >= n })
}
