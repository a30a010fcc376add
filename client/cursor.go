package client

import (
	"errors"
	"maps"

	"github.com/gim-im/gim/wire"
)

// Cursor is a place in what a user receives. A program that keeps it goes on where
// it left off.
type Cursor struct {
	Seq   int64  // the last entry of the log that the program has stored; 0 is the beginning
	Epoch string // of the log; empty where it is not known
	// Groups has for each large group, by id, the conversation_seq of the last
	// message that the program has stored. In one that is not named a stream goes on
	// behind what the device has acknowledged, or where the membership began when it
	// has not. nil when there are none.
	Groups map[string]int64
}

func (c Cursor) check() error {
	negative := c.Seq < 0
	for _, n := range c.Groups {
		negative = negative || n < 0
	}
	if negative {
		return errors.New("client: a cursor is not negative")
	}
	return nil
}

// clone shares nothing with c.
func (c Cursor) clone() Cursor {
	c.Groups = maps.Clone(c.Groups)
	return c
}

// Cursor is what the program has stored: it moves when Handler.Messages returns
// nil. Without StreamOptions.Cursor it is the end of the log and of each large
// group at the first sign-in, and zero before. It is the caller's.
func (s *Stream) Cursor() Cursor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursor.clone()
}

// CursorAfter is for Handler.Messages: it returns what Cursor will return when the
// handler has stored page, so that a program can keep it together with the page.
func (s *Stream) CursorAfter(page []*wire.Message) Cursor {
	after := newReach(page)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cursor.clone()
	after.move(&c)
	return c
}

// reach is how far a page goes: in the log, and in large groups by id.
type reach struct {
	seq    int64
	groups map[string]int64
}

func newReach(page []*wire.Message) reach {
	var r reach
	for _, m := range page {
		switch kindOf(m) {
		case ofLog:
			r.seq = max(r.seq, m.GetSeq())
		case ofLargeGroup:
			if r.groups == nil {
				r.groups = make(map[string]int64)
			}
			id := m.GetTo().GetGroupId()
			r.groups[id] = max(r.groups[id], m.GetConversationSeq())
		case unstored:
		}
	}
	return r
}

// move moves a cursor. It has no place in groups of which the user is no member.
func (r reach) move(c *Cursor) {
	c.Seq = max(c.Seq, r.seq)
	for id, n := range r.groups {
		if at, member := c.Groups[id]; member {
			c.Groups[id] = max(at, n)
		}
	}
}

// kind is where a message is stored.
type kind int

const (
	ofLog        kind = iota // in the user's log
	ofLargeGroup             // in the log of a large group
	unstored                 // nowhere
)

func kindOf(m *wire.Message) kind {
	switch {
	case m.GetSeq() != 0:
		return ofLog
	case m.GetConversationSeq() != 0 && m.GetTo().GetGroupId() != "":
		return ofLargeGroup
	}
	return unstored
}
