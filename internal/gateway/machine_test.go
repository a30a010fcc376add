package gateway_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// TestDelivery_EachEntryOnceAndInOrder lets everything happen in any order
// between a commit and its push, and checks after each step that the connection
// shows the log from its cursor without a gap, in order and once, with the
// answers to own sends in their places. In the end it wants to see all of it.
func TestDelivery_EachEntryOnceAndInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(bubbled{t}, func(rt *rapid.T) {
			m := newMachine(rt)
			defer m.n.stop()
			rt.Repeat(map[string]func(*rapid.T){
				"receive":   m.receive,
				"burst":     m.burst,
				"rest":      m.sendByREST,
				"send":      m.startSend,
				"commit":    m.commitSend,
				"answer":    m.answerSend,
				"lose":      m.loseAnswer,
				"refuse":    m.refuseSend,
				"deliver":   m.deliverEvent,
				"duplicate": m.duplicateEvent,
				"drop":      m.dropEvent,
				"gap":       m.gap,
				"check":     m.regularCheck,
				"reconnect": m.reconnect,
				"slow":      m.slowRead,
				"gap slow":  func(rt *rapid.T) { m.slowRead(rt); m.gap(rt); synctest.Wait() },
				"live":      m.deliverAll,
				"read":      m.endRead,
				"":          m.invariants,
			})
			m.finish()
		})
	})
}

// bubbled hides that it is a *testing.T, whose deadline is a time outside of the
// bubble and must not be asked for.
type bubbled struct{ *testing.T }

type machine struct {
	rt *rapid.T
	w  *world
	n  *node
	c  *client

	from   int64 // the cursor of the connection
	sends  int   // started so far, over all connections
	state  sendState
	goOn   chan error // lets the send go on to its next state
	before chan error

	seq       int64 // of the send under way, once committed
	pushOwn   map[int64]bool
	connected int
	lost      bool          // an event, with nothing yet that would make up for it
	reading   chan struct{} // reads of the store wait for this, after their snapshot
}

type sendState int

const (
	noSend sendState = iota
	sendStarted
	sendCommitted
)

func newMachine(rt *rapid.T) *machine {
	m := &machine{rt: rt, w: newWorld(), pushOwn: make(map[int64]bool)}
	m.w.instant = false
	m.w.beforeSend = func(domain.SendParams) error { return <-m.before }
	m.w.afterCommit = func(domain.SendParams) error { return <-m.goOn }
	m.n = start(rt, m.w)
	m.connect()
	return m
}

func (m *machine) connect() {
	m.before, m.goOn = make(chan error, 1), make(chan error, 1)
	m.connected++
	m.c = m.n.signIn(m.rt, "alice", fmt.Sprintf(`,"after":%d`, m.from))
	m.w.events = nil // of the session; older ones are lost
	m.state, m.lost = noSend, false
}

func (m *machine) log() []domain.Entry { return m.w.users["alice"].log }

func (m *machine) receive(*rapid.T) { m.w.receive("alice", "hi") }

func (m *machine) burst(rt *rapid.T) {
	for range rapid.IntRange(100, 450).Draw(rt, "burst") {
		m.w.receive("alice", "hi")
	}
}

func (m *machine) sendByREST(*rapid.T) {
	seq := m.w.commit("alice", domain.Message{
		Sender: domain.Sender{Type: domain.SenderUser, User: "alice", Device: "alice-phone"}, To: domain.Target{User: "bob"},
		Type: domain.ContentText, Content: []byte(`{"text":"hi"}`),
	}, true, "")
	m.pushOwn[seq] = true
}

func (m *machine) startSend(rt *rapid.T) {
	if m.state != noSend {
		rt.Skip()
	}
	m.sends++
	m.c.send(`{"id":%d,"send":{"to":{"group_id":"team"},"type":"text","content":{"text":"hi"}}}`, 100+m.sends)
	m.state = sendStarted
}

func (m *machine) refuseSend(rt *rapid.T) {
	if m.state != sendStarted {
		rt.Skip()
	}
	m.before <- domain.ErrNotInGroup
	m.state = noSend
}

func (m *machine) commitSend(rt *rapid.T) {
	if m.state != sendStarted {
		rt.Skip()
	}
	m.before <- nil
	synctest.Wait()
	m.seq = int64(len(m.log()))
	m.state = sendCommitted
}

func (m *machine) answerSend(rt *rapid.T) {
	if m.state != sendCommitted {
		rt.Skip()
	}
	m.goOn <- nil
	m.state = noSend
	synctest.Wait()
	if places := m.places(); m.reading == nil && (len(places) == 0 || places[len(places)-1].seq < m.seq) {
		rt.Fatalf("the answer %d waits for an event: %s", m.seq, m.c.seqs())
	}
}

// loseAnswer is a commit of unknown outcome.
func (m *machine) loseAnswer(rt *rapid.T) {
	if m.state != sendCommitted {
		rt.Skip()
	}
	m.pushOwn[m.seq] = true
	m.goOn <- domain.ErrUnavailable
	m.state = noSend
}

// deliverAll is a bus without faults.
func (m *machine) deliverAll(*rapid.T) {
	m.w.receive("alice", "hi")
	for len(m.w.events) > 0 {
		m.w.deliver(0, false)
	}
}

func (m *machine) anyEvent(rt *rapid.T) int {
	if len(m.w.events) == 0 {
		rt.Skip()
	}
	return rapid.IntRange(0, min(len(m.w.events), 5)-1).Draw(rt, "event")
}

func (m *machine) deliverEvent(rt *rapid.T)   { m.w.deliver(m.anyEvent(rt), false) }
func (m *machine) duplicateEvent(rt *rapid.T) { m.w.deliver(m.anyEvent(rt), true) }

func (m *machine) dropEvent(rt *rapid.T) {
	i := m.anyEvent(rt)
	if rapid.IntRange(0, 3).Draw(rt, "rarely") > 0 {
		rt.Skip()
	}
	m.w.events = append(m.w.events[:i], m.w.events[i+1:]...)
	m.lost = true
}

// slowRead makes the next read of the store take until endRead: whatever happens
// in between is not in what it returns.
func (m *machine) slowRead(rt *rapid.T) {
	if m.reading != nil {
		rt.Skip()
	}
	reading := make(chan struct{})
	m.reading = reading
	m.w.setOnRead(func() { <-reading })
}

func (m *machine) endRead(*rapid.T) {
	if m.reading != nil {
		m.w.setOnRead(nil)
		close(m.reading)
		m.reading = nil
	}
	synctest.Wait()
}

// gap makes up for what was lost: nothing older than it is missing afterwards.
func (m *machine) gap(*rapid.T) {
	m.w.hub.Handle(&wire.Event{Kind: wire.EventGap})
	m.lost = false
}

func (m *machine) regularCheck(*rapid.T) {
	m.lost = m.lost && m.reading != nil
	time.Sleep(16 * time.Second)
	_ = m.c.peer.Ping()
}

// reconnect drops the connection in whatever state it is and goes on from what
// was received.
func (m *machine) reconnect(rt *rapid.T) {
	m.endRead(rt)
	for _, p := range m.places() {
		m.from = max(m.from, p.seq)
	}
	m.c.peer.Drop()
	switch m.state {
	case sendStarted:
		m.before <- domain.ErrUnavailable
	case sendCommitted:
		m.goOn <- nil
	case noSend:
	}
	synctest.Wait()
	for seq := m.from + 1; seq <= int64(len(m.log())); seq++ {
		m.pushOwn[seq] = true // whoever sent it is gone
	}
	m.connect()
}

// place is a place in the log that the connection has shown.
type place struct {
	seq    int64
	answer bool
}

func (m *machine) places() (all []place) {
	m.c.mu.Lock()
	defer m.c.mu.Unlock()
	for _, f := range m.c.frames {
		if f.Sent != nil {
			all = append(all, place{f.Sent.Seq, true})
		}
		if f.Push != nil {
			for _, msg := range f.Push.Messages {
				all = append(all, place{msg.Seq, false})
			}
		}
	}
	return all
}

func (m *machine) invariants(rt *rapid.T) {
	m.c.wantOpen()
	next := m.from + 1
	for _, p := range m.places() {
		if p.seq != next {
			rt.Fatalf("connection %d shows %s, want %d next", m.connected, m.c.seqs(), next)
		}
		next++
		e := m.log()[p.seq-1]
		if own := e.IsSender && !m.pushOwn[p.seq]; own != p.answer && (p.answer || m.state != sendCommitted || p.seq != m.seq) {
			rt.Fatalf("entry %d was answered: %v, want %v, in %s", p.seq, p.answer, own, m.c.seqs())
		}
		if !p.answer && m.state == sendCommitted && p.seq == m.seq {
			rt.Fatalf("own message %d was pushed before its send was answered", p.seq)
		}
	}
}

// finish settles what is under way and wants all of the log: at once unless
// events were lost, and after the regular check in any case.
func (m *machine) finish() {
	switch m.state {
	case sendStarted:
		m.before <- domain.ErrNotInGroup
	case sendCommitted:
		m.goOn <- nil
	case noSend:
	}
	m.state = noSend
	synctest.Wait()
	for m.reading != nil || len(m.w.events) > 0 {
		m.endRead(m.rt)
		m.deliverAll(m.rt)
		synctest.Wait()
	}
	if !m.lost {
		m.wantAll()
	}
	m.regularCheck(m.rt)
	m.wantAll()
}

func (m *machine) wantAll() {
	m.invariants(m.rt)
	if logged := m.n.logs.String(); logged != "" {
		m.rt.Fatalf("logged %s", logged)
	}
	if got, want := int64(len(m.places())), int64(len(m.log()))-m.from; got != want {
		m.rt.Fatalf("shows %d entries of %d after %d: %s", got, len(m.log()), m.from, m.c.seqs())
	}
}
