package client

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/gim-im/gim/wire"
)

// TestStream_HandsOnLargeGroupsOnceAndInOrder is the machine of the log, with two
// large groups that the user joins and is removed from and one that it follows as
// live audience, under programs that end and go on from what they have kept. After
// each step, what the handler has of a group is what the server has, once, in
// order, and without a hole but between two memberships. In the end it is all of it.
func TestStream_HandsOnLargeGroupsOnceAndInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(bubbled{t}, func(rt *rapid.T) {
			m := &groupMachine{machine: newGroupMachine(t, rt)}
			defer m.stop()
			rt.Repeat(map[string]func(*rapid.T){
				"send":        m.send,
				"receive":     m.receive,
				"lose pushes": m.losePushes,
				"repeat":      m.repeat,
				"join":        m.joinOrLeave,
				"late":        func(*rapid.T) { m.srv.set(func(s *modelServer) { s.groups["team"].late = !s.groups["team"].late }) },
				"log":         m.machine.receive,
				"fault":       m.fault,
				"drop":        func(*rapid.T) { m.srv.drop() },
				"silence":     func(*rapid.T) { m.srv.fallSilent() },
				"lazy replay": func(*rapid.T) { m.srv.set(func(s *modelServer) { s.lazy = !s.lazy }) },
				"wait":        m.wait,
				"slow":        func(*rapid.T) { m.block() },
				"fast":        func(*rapid.T) { m.unblock() },
				"subscribe":   m.subscribe,
				"unsubscribe": m.unsubscribe,
				"restart":     m.restart,
				"":            m.invariants,
			})
			m.finish()
		})
	})
}

// groupMachine adds large groups to a machine.
type groupMachine struct {
	*machine
	subscribed bool
}

const theShow = "show" // the user is no member of it

func newGroupMachine(t *testing.T, rt *rapid.T) *machine {
	m := newMachine(t, rt)
	m.srv.set(func(s *modelServer) {
		s.addGroup("team")
		s.addGroup("club")
		s.addGroup(theShow).live = true
	})
	m.srv.setMember("team", true, true)
	return m
}

var groupNames = rapid.SampledFrom([]string{"team", "club", theShow})

func (m *groupMachine) send(rt *rapid.T) {
	to := rapid.SampledFrom([]*wire.Target{{GroupId: "team"}, {GroupId: "club"}, {UserId: "bob"}}).Draw(rt, "to")
	for range rapid.IntRange(1, 70).Draw(rt, "sends") {
		m.startSendTo(context.Background(), to)
	}
}

func (m *groupMachine) receive(rt *rapid.T) {
	id := groupNames.Draw(rt, "group")
	for range rapid.IntRange(1, 250).Draw(rt, "messages") {
		m.srv.appendToGroup(id, true)
	}
}

func (m *groupMachine) losePushes(rt *rapid.T) {
	id := rapid.SampledFrom([]string{"team", "club"}).Draw(rt, "group")
	for range rapid.IntRange(1, 3).Draw(rt, "messages") {
		m.srv.appendToGroup(id, false)
	}
}

func (m *groupMachine) repeat(rt *rapid.T) {
	id := rapid.SampledFrom([]string{"team", "club"}).Draw(rt, "group")
	var again *wire.Message
	m.srv.set(func(s *modelServer) {
		if s.conn == nil || s.conn.follows[id] == nil {
			return
		}
		if from, to := s.groups[id].from()+1, s.conn.follows[id].next-1; from <= to {
			again = s.groups[id].log[rapid.Int64Range(from, to).Draw(rt, "number")-1]
		}
	})
	if again != nil {
		m.srv.push(again)
	}
}

func (m *groupMachine) joinOrLeave(rt *rapid.T) {
	id := rapid.SampledFrom([]string{"team", "club"}).Draw(rt, "group")
	m.srv.mu.Lock()
	member := m.srv.groups[id].member
	m.srv.mu.Unlock()
	m.srv.setMember(id, !member, rapid.Bool().Draw(rt, "pushed"))
}

func (m *groupMachine) subscribe(*rapid.T) {
	s := m.s
	m.subscribed = true
	m.sends.Go(func() {
		if _, err := s.Subscribe(context.Background(), theShow); err != nil && !errors.Is(err, ErrEnded) {
			m.rt.Errorf("Subscribe returned %v", err)
		}
	})
	synctest.Wait() // the order of calls counts
}

func (m *groupMachine) unsubscribe(*rapid.T) {
	s := m.s
	m.subscribed = false
	m.sends.Go(func() {
		if err := s.Unsubscribe(context.Background(), theShow); err != nil && !errors.Is(err, ErrEnded) {
			m.rt.Errorf("Unsubscribe returned %v", err)
		}
	})
	synctest.Wait()
}

// restart ends the program, and begins it anew with what was kept: with the last
// page, or after the last.
func (m *groupMachine) restart(rt *rapid.T) {
	m.unblock()
	m.cancel()
	if err := <-m.ran; err != nil {
		rt.Fatalf("Run returned %v", err)
	}
	m.sends.Wait()
	m.subscribed = false
	if rapid.Bool().Draw(rt, "kept at the end") {
		m.run(m.s.Cursor())
	} else {
		m.run(m.kept.clone())
	}
}

func (m *groupMachine) invariants(rt *rapid.T) {
	m.machine.invariants(rt)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.srv.mu.Lock()
	defer m.srv.mu.Unlock()
	for id, got := range m.groups {
		g, last := m.srv.groups[id], int64(0)
		for _, msg := range got {
			n := msg.GetConversationSeq()
			if n > g.head() || !proto.Equal(msg, g.log[n-1]) {
				rt.Fatalf("%s has %v, which is not what the server has", id, msg)
			}
			if n <= last {
				rt.Fatalf("%s has %d after %d", id, n, last)
			}
			if n != last+1 && id != theShow && !slices.Contains(g.joined, n-1) {
				rt.Fatalf("%s has %d after %d", id, n, last)
			}
			last = n
		}
	}
}

// finish ends all faults and wants all of the groups.
func (m *groupMachine) finish() {
	m.unblock()
	m.srv.set(func(s *modelServer) { s.faults, s.lazy = nil, false })
	m.srv.append("others", true)
	time.Sleep(10 * time.Minute)
	for _, id := range []string{"team", "club", theShow} {
		m.srv.appendToGroup(id, true) // shows holes
	}
	time.Sleep(10 * time.Minute)
	m.invariants(m.rt)
	m.sends.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.srv.mu.Lock()
	defer m.srv.mu.Unlock()
	if len(m.log) != len(m.srv.log) {
		m.rt.Fatalf("the handler has %d entries, the server %d", len(m.log), len(m.srv.log))
	}
	cursor := m.s.Cursor()
	for id, g := range m.srv.groups {
		last := int64(0)
		if n := len(m.groups[id]); n > 0 {
			last = m.groups[id][n-1].GetConversationSeq()
		}
		switch at, has := cursor.Groups[id]; {
		case id == theShow && (last == g.head()) != m.subscribed:
			m.rt.Fatalf("subscribed is %v, and the last message is %d of %d", m.subscribed, last, g.head())
		case id == theShow && has, has != g.member:
			m.rt.Fatalf("the cursor is %v; member of %s: %v", cursor, id, g.member)
		case g.member && (last != g.head() || at != last || g.acked != last):
			m.rt.Fatalf("%s ends with %d, the cursor with %d, the acks with %d; want %d", id, last, at, g.acked, g.head())
		}
	}
	m.outcomesHold()
}

// outcomesHold compares what became of sends with the logs of the server.
func (m *groupMachine) outcomesHold() {
	if len(m.outcomes) != m.started {
		m.rt.Fatalf("%d of %d sends returned", len(m.outcomes), m.started)
	}
	for id, err := range m.outcomes {
		_, refused := errors.AsType[*Error](err)
		switch _, stored := m.srv.own[id]; {
		case err == nil && !stored:
			m.rt.Fatalf("%s succeeded and is not stored", id)
		case refused && stored:
			m.rt.Fatalf("%s was refused (%v) and is stored", id, err)
		}
	}
}
