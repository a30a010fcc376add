package client

import (
	"fmt"

	"github.com/gim-im/gim/wire"
)

// modelGroup is a large group of a modelServer. Members read what came after their
// joining.
type modelGroup struct {
	log    []*wire.Message
	member bool
	joined []int64 // the conversation_seqs behind which memberships began
	acked  int64   // by the device
	live   bool    // it has a live audience
	late   bool    // own sends are answered before what is before them is pushed
}

func (g *modelGroup) head() int64 { return int64(len(g.log)) }

func (g *modelGroup) from() int64 { return g.joined[len(g.joined)-1] }

// modelFollow is how a connection follows a group.
type modelFollow struct {
	next     int64
	audience bool
}

// addGroup makes a group. It is called with the server's mu held, as are all
// methods of this file but those that say otherwise.
func (s *modelServer) addGroup(id string) *modelGroup {
	g := &modelGroup{}
	s.groups[id] = g
	return g
}

func (s *modelServer) storeInGroup(id string, m *wire.Message) {
	g := s.groups[id]
	m.To, m.ConversationId, m.ConversationSeq = &wire.Target{GroupId: id}, "group:"+id, g.head()+1
	m.MessageId = fmt.Sprintf("%s%d", id, m.GetConversationSeq())
	g.log = append(g.log, m)
}

// appendToGroup stores a message of others and pushes it, unless that is lost. It
// takes mu.
func (s *modelServer) appendToGroup(id string, push bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.storeInGroup(id, &wire.Message{Sender: &wire.Sender{Type: "user", UserId: "others"}})
	s.tellGroup(id, push)
}

func (s *modelServer) tellGroup(id string, push bool) {
	if s.conn == nil || s.conn.follows[id] == nil {
		return
	}
	if push {
		s.conn.pushGroup(id)
	} else {
		s.conn.follows[id].next = s.groups[id].head() + 1
	}
}

// setMember lets the user join or be removed. push tells whether the entry of the
// log that says so gets through. It takes mu.
func (s *modelServer) setMember(id string, member, push bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, content := s.groups[id], `{"code":104,"data":{"user_id":"me"}}`
	if member {
		content = `{"code":102,"data":{"type":"large","user_ids":["me","you"]}}`
	}
	event := func() *wire.Message {
		return &wire.Message{Sender: &wire.Sender{Type: "system"}, Type: "command", Content: []byte(content)}
	}
	s.storeInGroup(id, event())
	if g.member = member; member {
		g.joined, g.acked = append(g.joined, g.head()), g.head()
	}
	entry := event()
	entry.To, entry.ConversationId, entry.ConversationSeq = &wire.Target{GroupId: id}, "group:"+id, g.head()
	s.store(entry)
	if s.conn == nil || !s.conn.signedIn {
		return
	}
	if !member {
		delete(s.conn.follows, id)
	}
	s.tell(push)
}

// heed follows the groups that an entry of the log makes the user a member of.
func (c *modelConn) heed(m *wire.Message) {
	id := m.GetTo().GetGroupId()
	if g := c.srv.groups[id]; g != nil && m.GetSeq() > c.covered && g.member && m.GetConversationSeq() == g.from() {
		c.follows[id] = &modelFollow{next: g.from() + 1}
		c.pushGroup(id)
	}
}

// pushGroup pushes what a connection has not seen of a group, but for what was
// answered.
func (c *modelConn) pushGroup(id string) {
	f, g := c.follows[id], c.srv.groups[id]
	var messages []*wire.Message
	if !f.audience {
		f.next = max(f.next, g.from()+1)
	}
	for ; f.next <= g.head(); f.next++ {
		if m := g.log[f.next-1]; !c.answered[m.GetMessageId()] {
			messages = append(messages, m)
		}
	}
	if len(messages) > 0 {
		c.send(&wire.ServerFrame{Body: &wire.ServerFrame_Push{Push: &wire.Push{Messages: messages}}})
	}
}

func (c *modelConn) pushGroups() {
	for id := range c.follows {
		c.pushGroup(id)
	}
}

// signInGroups follows the groups of the user. It reports false when a place is not
// in the log of its group.
func (c *modelConn) signInGroups(in *wire.SignIn) (heads []*wire.GroupHead, ok bool) {
	for id, g := range c.srv.groups {
		if !g.member {
			continue
		}
		f := &modelFollow{next: g.head() + 1}
		if after, named := in.GetGroups()[id]; named {
			if after > g.head() {
				return nil, false
			}
			f.next = after + 1
		}
		c.follows[id] = f
		heads = append(heads, &wire.GroupHead{GroupId: id, Head: g.head(), Acked: g.acked})
	}
	return heads, true
}

func (c *modelConn) syncGroup(sync *wire.Sync) *wire.ServerFrame {
	g := c.srv.groups[sync.GetGroupId()]
	if g == nil || !g.member {
		return &wire.ServerFrame{Body: &wire.ServerFrame_Error{Error: &wire.Error{Code: "not_in_group"}}}
	}
	from := min(max(sync.GetAfter(), g.from()), g.head())
	to := min(from+int64(sync.GetLimit()), g.head())
	return &wire.ServerFrame{Body: &wire.ServerFrame_SyncPage{SyncPage: &wire.SyncPage{
		Items: g.log[from:to], HasMore: to < g.head(), FirstSeq: g.from() + 1, HeadSeq: g.head(), GroupId: sync.GetGroupId(),
	}}}
}

func (c *modelConn) ackGroup(ack *wire.Ack) *wire.ServerFrame {
	g := c.srv.groups[ack.GetGroupId()]
	if g == nil || !g.member {
		return &wire.ServerFrame{Body: &wire.ServerFrame_Error{Error: &wire.Error{Code: "not_in_group"}}}
	}
	g.acked = max(g.acked, min(ack.GetConversationSeq(), g.head()))
	return &wire.ServerFrame{Body: &wire.ServerFrame_Acked{Acked: &wire.Acked{GroupId: ack.GetGroupId(), ConversationSeq: g.acked}}}
}

func (c *modelConn) subscribe(id string) *wire.ServerFrame {
	g := c.srv.groups[id]
	if g == nil || !g.member && !g.live {
		return &wire.ServerFrame{Body: &wire.ServerFrame_Error{Error: &wire.Error{Code: "forbidden"}}}
	}
	if c.follows[id] == nil {
		c.follows[id] = &modelFollow{next: g.head() + 1, audience: true}
	}
	return &wire.ServerFrame{Body: &wire.ServerFrame_Subscribed{Subscribed: &wire.Subscribed{GroupId: id, Head: g.head()}}}
}

func (c *modelConn) unsubscribe(id string) *wire.ServerFrame {
	if f := c.follows[id]; f != nil && f.audience {
		delete(c.follows, id)
	}
	return &wire.ServerFrame{Body: &wire.ServerFrame_Unsubscribed{Unsubscribed: &wire.Unsubscribed{GroupId: id}}}
}

// answerInGroup lets the answer to an own send stand for it, perhaps before what is
// before it.
func (c *modelConn) answerInGroup(own *wire.Message) {
	id := own.GetTo().GetGroupId()
	c.answered[own.GetMessageId()] = true
	if f := c.follows[id]; f != nil && !c.srv.groups[id].late {
		c.pushGroup(id)
	}
}
