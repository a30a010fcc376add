package client

import "github.com/gim-im/gim/wire"

// numberOf is the place of a message in the log that it is in.
func numberOf(m *wire.Message) int64 {
	if kindOf(m) == ofLargeGroup {
		return m.GetConversationSeq()
	}
	return m.GetSeq()
}

// trackOf returns the track of the log that a message is in. It is called with mu
// held, as are those below.
func (s *Stream) trackOf(m *wire.Message) *track {
	if kindOf(m) == ofLargeGroup {
		return &s.groups.feed(m.GetTo().GetGroupId()).track
	}
	return &s.feed.track
}

// missed notes that a message was seen and not handed on.
func (s *Stream) missed(m *wire.Message) {
	if kindOf(m) == ofLargeGroup {
		s.groups.miss(m.GetTo().GetGroupId(), m.GetConversationSeq())
		return
	}
	s.feed.miss(m.GetSeq())
}

// handedOn moves the track of a message, and follows the groups that it makes the
// user a member of. It returns an own message that is next by it, or nil.
func (s *Stream) handedOn(m *wire.Message) (own *wire.Message) {
	s.trackOf(m).received = numberOf(m)
	group := m.GetTo().GetGroupId()
	if kindOf(m) == ofLog {
		switch membershipIn(m, s.user) {
		case begins:
			if s.groups.begin(group, m.GetConversationSeq()) {
				s.followed()
			}
		case endsNow:
			if s.groups.end(group, m.GetConversationSeq()) {
				s.followed()
			}
			return nil
		case unchanged:
			return nil
		}
	}
	g := s.groups.feed(group)
	g.waiting = false
	return g.nextOwn()
}

// message takes a message that was pushed.
func (c *session) message(m *wire.Message) {
	if kindOf(m) == unstored {
		if !c.admit(func() bool { return c.s.inbox.message(m) }) {
			c.s.count(func(st *Stats) { st.Dropped++ })
		}
		return
	}
	c.s.mu.Lock()
	t := c.s.trackOf(m)
	where := t.placeOf(numberOf(m))
	switch {
	case where == repeated:
		c.s.stats.Repeats++
	case where == ahead && t.known && !t.isBehind():
		c.s.stats.Gaps++
		c.s.log.WarnContext(c.ctx, "entries of the log are missing and are asked for",
			"group", m.GetTo().GetGroupId(), "after", t.received, "seen", numberOf(m))
	}
	if where == ahead {
		c.s.missed(m)
		c.poke()
	}
	c.s.mu.Unlock()
	if where == following {
		c.entry(m)
	}
}

// own takes a message of the stream's own that was answered. certain is false when
// an earlier attempt, as another device, may be what is stored: the log knows. In a
// large group those before it may be on their way still.
func (c *session) own(m *wire.Message, certain bool) {
	c.s.mu.Lock()
	where, done := c.s.trackOf(m).placeOf(numberOf(m)), false
	switch {
	case where == repeated:
	case !certain:
		c.s.missed(m)
		c.poke()
		done = true
	case where == ahead && kindOf(m) == ofLargeGroup:
		done = c.s.groups.feed(m.GetTo().GetGroupId()).hold(m)
	}
	c.s.mu.Unlock()
	if !done {
		c.message(m)
	}
}

// entry hands on the next entry of a log, and own messages that are next by it.
func (c *session) entry(m *wire.Message) (ok bool) {
	for ; m != nil; m = c.put(m) {
		if !c.admit(func() bool { return c.s.inbox.message(m) }) {
			c.lose(m)
			return false
		}
	}
	return true
}

func (c *session) put(m *wire.Message) (own *wire.Message) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.s.handedOn(m)
}

// lose takes an entry that there is no room for.
func (c *session) lose(m *wire.Message) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if t := c.s.trackOf(m); t.passing {
		t.received = numberOf(m)
		c.s.stats.Dropped++
		return
	}
	c.s.missed(m)
}
