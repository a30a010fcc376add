package client

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"

	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/wire"
)

// fault is what happens to the next send that a modelServer gets.
type fault int

const (
	loseAnswer  fault = iota // it is stored, and the connection breaks
	loseRequest              // the connection breaks before
	limited                  // not now
	uncertain                // it is stored, and nobody knows
	refused                  // never
)

// modelServer is the server as docs/protocol.md describes it, of one user, with
// one connection at a time.
type modelServer struct {
	mu     sync.Mutex // guards what follows
	log    []*wire.Message
	groups map[string]*modelGroup
	own    map[string]*wire.Message // by client_msg_id
	never  map[string]bool          // client_msg_ids that are refused, each time
	conn   *modelConn
	faults []fault
	lazy   bool // nothing is replayed before something happens
	putOff bool // a send was, so the order of sends is not kept
}

func newModelServer() *modelServer {
	return &modelServer{groups: make(map[string]*modelGroup), own: make(map[string]*wire.Message), never: make(map[string]bool)}
}

// modelConn is a connection. What is to be written waits without bound, so that
// the server never waits for the client.
type modelConn struct {
	srv  *modelServer
	conn net.Conn

	// Guarded by modelServer.mu.
	signedIn bool
	next     int64 // to be pushed
	covered  int64 // entries up to it are in the groups of the sign-in
	follows  map[string]*modelFollow
	answered map[string]bool // message_ids of own messages of groups
	silent   bool            // nothing gets through any more
	out      []*wire.ServerFrame
	wake     chan struct{} // capacity 1
	closed   bool
}

func (s *modelServer) set(change func(*modelServer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *modelServer) head() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(len(s.log))
}

func (s *modelServer) dial(t *testing.T) *Conn {
	near, far := net.Pipe()
	c := &modelConn{
		srv: s, conn: far, wake: make(chan struct{}, 1), follows: make(map[string]*modelFollow), answered: make(map[string]bool),
	}
	s.mu.Lock()
	s.dropLocked()
	s.conn = c
	s.mu.Unlock()
	go c.write()
	go c.read(t)
	return NewConn(near)
}

func (s *modelServer) drop() {
	s.set(func(s *modelServer) { s.dropLocked() })
	synctest.Wait()
}

func (s *modelServer) dropLocked() {
	if s.conn != nil {
		s.conn.closed = true
		signalTo(s.conn.wake)
		_ = s.conn.conn.Close()
		s.conn = nil
	}
}

// fallSilent makes a half-open link of the connection.
func (s *modelServer) fallSilent() {
	s.set(func(s *modelServer) {
		if s.conn != nil {
			s.conn.silent = true
		}
	})
}

// append stores an entry of others and pushes it, unless that is lost.
func (s *modelServer) append(sender string, push bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store(&wire.Message{Sender: &wire.Sender{Type: "user", UserId: sender}})
	s.tell(push)
}

// tell pushes what is new in the log, unless that is lost on the way.
func (s *modelServer) tell(push bool) {
	c := s.conn
	if c == nil || !c.signedIn {
		return
	}
	if push {
		c.pushUntil(int64(len(s.log)))
		return
	}
	lost := s.log[c.next-1:]
	c.next = int64(len(s.log)) + 1
	for _, m := range lost {
		c.heed(m)
	}
}

func (s *modelServer) store(m *wire.Message) {
	m.Seq = int64(len(s.log)) + 1
	m.MessageId = fmt.Sprintf("m%d", m.GetSeq())
	s.log = append(s.log, m)
}

func (s *modelServer) push(m *wire.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil && s.conn.signedIn {
		s.conn.send(&wire.ServerFrame{Body: &wire.ServerFrame_Push{Push: &wire.Push{Messages: []*wire.Message{m}}}})
	}
}

func (s *modelServer) repeat(seq int64) {
	s.mu.Lock()
	m := s.log[seq-1]
	s.mu.Unlock()
	s.push(m)
}

// send queues a frame. It is called with the server's mu held, as are those below.
func (c *modelConn) send(f *wire.ServerFrame) {
	if !c.silent && !c.closed {
		c.out = append(c.out, f)
		signalTo(c.wake)
	}
}

func (c *modelConn) pushUntil(seq int64) {
	if c.next > seq {
		return
	}
	messages := c.srv.log[c.next-1 : seq]
	c.send(&wire.ServerFrame{Body: &wire.ServerFrame_Push{Push: &wire.Push{Messages: messages}}})
	c.next = seq + 1
	for _, m := range messages {
		c.heed(m)
	}
}

func (c *modelConn) write() {
	for range c.wake {
		c.srv.mu.Lock()
		out, closed := c.out, c.closed
		c.out = nil
		c.srv.mu.Unlock()
		if closed {
			return
		}
		for _, f := range out {
			payload, _ := proto.Marshal(f) // a frame of this file
			if _, err := c.conn.Write(append(wire.AppendLength(nil, len(payload)), payload...)); err != nil {
				break
			}
		}
	}
}

func (c *modelConn) read(t *testing.T) {
	defer func() {
		c.srv.mu.Lock()
		defer c.srv.mu.Unlock()
		c.closed = true
		signalTo(c.wake)
		_ = c.conn.Close()
	}()
	d := wire.NewDecoder(wire.MaxFrameBytes)
	for {
		raw, ok, err := d.Next()
		if err != nil {
			t.Error(err)
			return
		}
		if !ok {
			if d.Fill(c.conn) != nil {
				return
			}
			continue
		}
		f := new(wire.ClientFrame)
		if err := proto.Unmarshal(raw, f); err != nil {
			t.Error(err)
			return
		}
		c.handle(f)
	}
}

func (c *modelConn) handle(f *wire.ClientFrame) {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	if c.silent || c.closed {
		return
	}
	head := int64(len(c.srv.log))
	answer := &wire.ServerFrame{Id: f.GetId()}
	switch b := f.GetBody().(type) {
	case *wire.ClientFrame_SignIn:
		c.signIn(f.GetId(), b.SignIn)
		return
	case *wire.ClientFrame_Ping:
		c.pushUntil(head)
		c.pushGroups()
		answer.Body = &wire.ServerFrame_Pong{Pong: &wire.Pong{HeadSeq: head}}
	case *wire.ClientFrame_Ack:
		if b.Ack.GetGroupId() != "" {
			answer.Body = c.ackGroup(b.Ack).GetBody()
			break
		}
		answer.Body = &wire.ServerFrame_Acked{Acked: &wire.Acked{Seq: b.Ack.GetSeq()}}
	case *wire.ClientFrame_Subscribe:
		answer.Body = c.subscribe(b.Subscribe.GetGroupId()).GetBody()
	case *wire.ClientFrame_Unsubscribe:
		answer.Body = c.unsubscribe(b.Unsubscribe.GetGroupId()).GetBody()
	case *wire.ClientFrame_Sync:
		if b.Sync.GetGroupId() != "" {
			answer.Body = c.syncGroup(b.Sync).GetBody()
			break
		}
		from := min(b.Sync.GetAfter(), head)
		to := min(from+int64(b.Sync.GetLimit()), head)
		answer.Body = &wire.ServerFrame_SyncPage{SyncPage: &wire.SyncPage{
			Items: c.srv.log[from:to], HasMore: to < head, FirstSeq: 1, HeadSeq: head, Epoch: "e1",
		}}
	case *wire.ClientFrame_Send:
		c.handleSend(f.GetId(), b.Send)
		return
	}
	c.send(answer)
}

func (c *modelConn) signIn(id uint64, in *wire.SignIn) {
	head := int64(len(c.srv.log))
	groups, ok := c.signInGroups(in)
	if !ok {
		c.send(&wire.ServerFrame{Id: id, Body: &wire.ServerFrame_Error{Error: &wire.Error{Code: codeResyncRequired}}})
		return
	}
	c.send(&wire.ServerFrame{Id: id, Body: &wire.ServerFrame_SignedIn{SignedIn: &wire.SignedIn{
		UserId: "me", DeviceId: "phone", FirstSeq: 1, HeadSeq: head, Epoch: "e1", HeartbeatMs: 30_000, Groups: groups,
	}}})
	c.signedIn, c.next, c.covered = true, in.GetAfter()+1, head
	if !c.srv.lazy {
		c.pushUntil(head)
		c.pushGroups()
	}
}

func (c *modelConn) handleSend(id uint64, send *wire.Send) {
	fails := fault(-1)
	if len(c.srv.faults) > 0 {
		fails = c.srv.faults[0]
		c.srv.faults = c.srv.faults[1:]
	}
	fail := func(e *wire.Error) {
		c.srv.putOff = c.srv.putOff || e.GetRetryable()
		c.send(&wire.ServerFrame{Id: id, Body: &wire.ServerFrame_Error{Error: e}})
	}
	own, known := c.srv.own[send.GetClientMsgId()]
	group := c.srv.groups[send.GetTo().GetGroupId()]
	switch {
	case group != nil && !group.member && !known:
		fail(&wire.Error{Code: "not_in_group"})
		return
	case fails == loseRequest:
		c.srv.dropLocked()
		return
	case fails == limited:
		fail(&wire.Error{Code: "rate_limited", Retryable: true, RetryAfterMs: 700})
		return
	case c.srv.never[send.GetClientMsgId()], fails == refused && !known:
		c.srv.never[send.GetClientMsgId()] = true
		fail(&wire.Error{Code: "not_in_group"})
		return
	case !known:
		own = &wire.Message{
			ConversationId: "user:bob", Sender: &wire.Sender{Type: "user", UserId: "me", DeviceId: "phone"},
			To: send.GetTo(), Type: send.GetType(), Content: send.GetContent(), ClientMsgId: send.GetClientMsgId(), Status: "normal",
		}
		if group != nil {
			c.srv.storeInGroup(send.GetTo().GetGroupId(), own)
		} else {
			c.srv.store(own)
		}
		c.srv.own[send.GetClientMsgId()] = own
	}
	switch fails { //nolint:exhaustive // the others are done
	case loseAnswer:
		c.srv.dropLocked()
		return
	case uncertain:
		fail(&wire.Error{Code: "unavailable", Retryable: true})
		return
	}
	if group != nil {
		c.answerInGroup(own)
	} else if own.GetSeq() >= c.next { // the answer stands in the place of the push
		c.pushUntil(own.GetSeq() - 1)
		c.next = own.GetSeq() + 1
	}
	c.send(&wire.ServerFrame{Id: id, Body: &wire.ServerFrame_Sent{Sent: &wire.Sent{
		MessageId: own.GetMessageId(), ConversationId: own.GetConversationId(), Seq: own.GetSeq(),
		ConversationSeq: own.GetConversationSeq(), Durable: true,
	}}})
}
