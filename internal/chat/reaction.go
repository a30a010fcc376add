package chat

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/gim-im/gim/client"
)

// Reaction is an emoji or a name with which users have answered a message.
type Reaction struct {
	Reaction string `json:"reaction"`
	Count    int64  `json:"count"`
	Me       bool   `json:"me,omitempty"` // the user is one of them
}

// react takes in that somebody has reacted or does no more. The count is what the
// server says: entries of before may have been counted in what was read.
func (m *Message) react(c *client.Change, me string) {
	at := slices.IndexFunc(m.Reactions, func(r Reaction) bool { return r.Reaction == c.Reaction })
	switch {
	case m.Status == Recalled:
		return
	case c.Count <= 0:
		if at >= 0 {
			m.Reactions = slices.Delete(m.Reactions, at, at+1)
		}
		return
	case at < 0:
		at = len(m.Reactions)
		m.Reactions = append(m.Reactions, Reaction{Reaction: c.Reaction})
	}
	r := &m.Reactions[at]
	if r.Count = c.Count; c.By == me {
		r.Me = !c.TakenBack
	}
}

// Has reports whether the user has reacted to m with that.
func (m *Message) Has(reaction string) bool {
	return slices.ContainsFunc(m.Reactions, func(r Reaction) bool { return r.Me && r.Reaction == reaction })
}

// ReactionLine returns the reactions to m in one clean line; "" where there are
// none.
func (m *Message) ReactionLine() string {
	var parts []string
	for _, r := range m.Reactions {
		part := CleanLine(r.Reaction)
		if r.Count > 1 {
			part += " " + strconv.FormatInt(r.Count, 10)
		}
		if r.Me {
			part += " (you)"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "  ")
}

// React reacts to a message or, with on false, takes that back. It is done when the
// log tells so.
func (s *Session) React(messageID, reaction string, on bool) {
	if on {
		s.act("react", func(ctx context.Context) error {
			answer, err := s.api.AddReactionWithResponse(ctx, messageID, reaction, nil)
			return client.Check(answer, err)
		})
		return
	}
	s.act("take the reaction back", func(ctx context.Context) error {
		answer, err := s.api.RemoveReactionWithResponse(ctx, messageID, reaction, nil)
		return client.Check(answer, err)
	})
}
