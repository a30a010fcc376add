package gateway_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// TestFollow_ExactlyTheMembership lets members come and go while messages are sent
// and the bus delivers in any order, late, twice or not at all. After each step the
// connection has shown, in order and once, nothing but messages of intervals in
// which its user was a member; in the end, all of the last one.
func TestFollow_ExactlyTheMembership(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(bubbled{t}, func(rt *rapid.T) {
			m := newFollowMachine(rt)
			defer m.n.stop()
			rt.Repeat(map[string]func(*rapid.T){
				"say":       func(*rapid.T) { m.w.say(m.r, "hi") },
				"burst":     m.burst,
				"join":      m.join,
				"remove":    m.remove,
				"send":      m.send,
				"unstored":  m.unstored,
				"deliver":   func(rt *rapid.T) { m.w.deliver(m.anyEvent(rt), false) },
				"duplicate": func(rt *rapid.T) { m.w.deliver(m.anyEvent(rt), true) },
				"drop":      m.drop,
				"gap":       func(*rapid.T) { m.w.hub.Handle(&wire.Event{Kind: wire.EventGap}) },
				"check":     func(*rapid.T) { m.check() },
				"reconnect": m.reconnect,
				"":          m.invariants,
			})
			for len(m.w.events) > 0 {
				m.w.deliver(0, false)
			}
			m.check()
			m.check() // an entry of the own log may have begun another read
			m.invariants(rt)
			m.wantAll(rt)
		})
	})
}

type followMachine struct {
	w    *world
	n    *node
	r    *room
	c    *client
	from int64 // what the connection is to show comes behind it
	// intervals are those of the membership, behind the first and before the second
	// number; 0 is open.
	intervals [][2]int64
	sends     int
}

func newFollowMachine(rt *rapid.T) *followMachine {
	w := newWorld()
	w.instant = false
	m := &followMachine{w: w, n: start(rt, w)}
	m.r = w.openRoom("news", "bob")
	m.connect(rt)
	return m
}

func (m *followMachine) connect(rt *rapid.T) {
	m.from = int64(len(m.r.log))
	m.c = m.n.signIn(rt, "alice", "")
}

func (m *followMachine) isMember() bool {
	return len(m.intervals) > 0 && m.intervals[len(m.intervals)-1][1] == 0
}

func (m *followMachine) burst(rt *rapid.T) {
	for range rapid.IntRange(100, 450).Draw(rt, "burst") {
		m.w.say(m.r, "hi")
	}
}

func (m *followMachine) join(rt *rapid.T) {
	if m.isMember() {
		rt.Skip()
	}
	m.intervals = append(m.intervals, [2]int64{m.w.join(m.r, "alice"), 0})
}

func (m *followMachine) remove(rt *rapid.T) {
	if !m.isMember() {
		rt.Skip()
	}
	m.intervals[len(m.intervals)-1][1] = m.w.remove(m.r, "alice")
}

func (m *followMachine) send(rt *rapid.T) {
	if !m.isMember() {
		rt.Skip()
	}
	m.sends++
	m.c.send(`{"id":%d,"send":{"to":{"group_id":"news"},"type":"text","content":{"text":"hi"}}}`, 100+m.sends)
	synctest.Wait()
}

func (m *followMachine) unstored(*rapid.T) {
	m.w.PublishEvents([]*wire.Event{{Kind: wire.EventMessage, Topic: m.r.topic(), Body: wire.NewBody(&domain.Message{
		ID: "unstored", Sender: domain.Sender{Type: domain.SenderUser, User: "carol"}, To: domain.Target{Group: "news"},
		Type: domain.ContentText, Content: []byte(`{"text":"x"}`), Status: domain.StatusNormal,
	})}})
}

func (m *followMachine) anyEvent(rt *rapid.T) int {
	if len(m.w.events) == 0 {
		rt.Skip()
	}
	return rapid.IntRange(0, min(len(m.w.events), 5)-1).Draw(rt, "event")
}

func (m *followMachine) drop(rt *rapid.T) {
	i := m.anyEvent(rt)
	m.w.events = slices.Delete(m.w.events, i, i+1)
}

// check lets the regular look at the store happen.
func (m *followMachine) check() {
	time.Sleep(16 * time.Second)
	_ = m.c.peer.Ping()
	synctest.Wait()
}

func (m *followMachine) reconnect(rt *rapid.T) {
	m.c.peer.Drop()
	synctest.Wait()
	m.connect(rt)
}

// shown lists the numbers that the connection has shown, answers among them.
func (m *followMachine) shown() (pushed []int64, answered map[int64]bool) {
	m.c.mu.Lock()
	defer m.c.mu.Unlock()
	answered = make(map[int64]bool)
	for _, f := range m.c.frames {
		if f.Sent != nil {
			answered[f.Sent.ConversationSeq] = true
		}
		if f.Push == nil {
			continue
		}
		for _, msg := range f.Push.Messages {
			if msg.Seq == 0 && msg.ConversationSeq > 0 {
				pushed = append(pushed, msg.ConversationSeq)
			}
		}
	}
	return pushed, answered
}

func (m *followMachine) invariants(rt *rapid.T) {
	m.c.wantOpen()
	if logged := m.n.logs.String(); logged != "" {
		rt.Fatalf("logged %s", logged)
	}
	pushed, answered := m.shown()
	last := m.from
	for _, seq := range pushed {
		inside := slices.ContainsFunc(m.intervals, func(i [2]int64) bool { return seq > i[0] && (i[1] == 0 || seq < i[1]) })
		switch {
		case seq <= last:
			rt.Fatalf("%d after %d: %v", seq, last, pushed)
		case !inside:
			rt.Fatalf("%d is outside of %v: %v", seq, m.intervals, pushed)
		case answered[seq]:
			rt.Fatalf("%d was pushed to the connection that sent it", seq)
		}
		last = seq
	}
}

// wantAll wants everything of a membership that lasts.
func (m *followMachine) wantAll(rt *rapid.T) {
	if !m.isMember() {
		if m.w.subs[m.r.topic()] != 0 {
			rt.Fatalf("follows a group of which the user is no member")
		}
		return
	}
	pushed, answered := m.shown()
	for seq := max(m.from, m.intervals[len(m.intervals)-1][0]) + 1; seq <= int64(len(m.r.log)); seq++ {
		if !slices.Contains(pushed, seq) && !answered[seq] {
			rt.Fatalf("%d is missing: %v, answered %v", seq, pushed, answered)
		}
	}
}
