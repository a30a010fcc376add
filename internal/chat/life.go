package chat

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/gim-im/gim/client"
)

// The values of Message.Status that say something.
const (
	Recalled = "recalled" // it has no content any more
	Edited   = "edited"
)

// change takes in what became of a message.
func (m *Message) change(c *client.Change, me string) {
	switch {
	case c.Recalled:
		m.Status, m.Content, m.Mentions = Recalled, json.RawMessage("{}"), nil
		m.ReplyTo, m.Forwarded, m.Reactions = nil, false, nil
	case c.Reaction != "":
		m.react(c, me)
	case m.Status == Recalled || c.Content == nil || c.EditedAt.Before(m.EditedAt):
	default:
		m.Status, m.Content, m.EditedAt = Edited, c.Content, c.EditedAt
	}
}

// change takes in what became of a message, where it is here. One that the user
// has deleted is kept out from then on: of a large group it may come later.
func (m *Model) change(news *client.Change) {
	if news.Deleted {
		m.deleted[news.MessageID] = true
	}
	c := m.conversations[news.ConversationID]
	if c == nil {
		return
	}
	at := c.index(news.MessageID)
	switch {
	case at < 0:
	case news.Deleted:
		c.remove(at, m.me)
	default:
		c.Messages[at].change(news, m.me)
	}
}

// remove takes a message out, and what it counted.
func (c *Conversation) remove(at int, me string) {
	gone := c.Messages[at]
	c.Messages = slices.Delete(c.Messages, at, at+1)
	if gone.Seq <= c.ReadSeq || !c.counts(&gone, me) {
		return
	}
	c.Unread = max(0, c.Unread-1)
	if gone.Names(me) {
		c.Mentioned = slices.ContainsFunc(c.Messages, func(m Message) bool { return m.Seq > c.ReadSeq && c.counts(&m, me) && m.Names(me) })
	}
}

// ReadBy returns how many others are known to have read a message.
func (c *Conversation) ReadBy(m *Message) (users int) { return reached(c.seen, m) }

// DeliveredTo returns how many others are known to have a message on a device.
func (c *Conversation) DeliveredTo(m *Message) (users int) { return reached(c.got, m) }

func reached(positions map[string]int64, m *Message) (users int) {
	for _, seq := range positions {
		if m.Stage == Stored && seq >= m.Seq {
			users++
		}
	}
	return users
}

// Own returns the n-th last message of the user that is stored and was not
// recalled, counted from 1; nil where there is none.
func (m *Model) Own(id string, n int) *Message { return m.nthLast(id, n, true) }

// Theirs is what Own is, of the messages of others.
func (m *Model) Theirs(id string, n int) *Message { return m.nthLast(id, n, false) }

func (m *Model) nthLast(id string, n int, own bool) *Message {
	c := m.conversations[id]
	if c == nil || n < 1 {
		return nil
	}
	for i := range slices.Backward(c.Messages) {
		msg := &c.Messages[i]
		if msg.Stage != Stored || msg.by(m.me) != own || msg.IsEvent() || msg.Status == Recalled {
			continue
		}
		if n--; n == 0 {
			return msg
		}
	}
	return nil
}

// Seen takes in that a user has read a conversation up to seq. Positions go only
// forward.
func (m *Model) Seen(id, user string, seq int64) {
	c := m.conversations[id]
	switch {
	case c == nil:
	case user == m.me:
		if c.told = max(c.told, seq); seq > c.ReadSeq {
			c.read(seq, m.me)
		}
	default:
		if c.seen == nil {
			c.seen = make(map[string]int64)
		}
		c.seen[user] = max(c.seen[user], seq)
		m.Delivered(id, user, seq)
	}
}

// Delivered takes in that a device of another user has what was sent up to seq.
func (m *Model) Delivered(id, user string, seq int64) {
	c := m.conversations[id]
	if c == nil || user == m.me {
		return
	}
	if c.got == nil {
		c.got = make(map[string]int64)
	}
	c.got[user] = max(c.got[user], seq)
}

// Listed takes in what the server says of the user's conversations. Where the user
// has read on here, that counts.
func (m *Model) Listed(list *client.ConversationChanges) {
	for _, id := range list.Removed {
		if c := m.conversations[id]; c != nil && id != m.open && len(c.Pending) == 0 {
			delete(m.conversations, id)
		}
	}
	for i := range list.Items {
		got := &list.Items[i]
		c := m.ensure(got.ConversationId)
		if got.LastMessage != nil && got.LastMessage.SentAt.After(c.At) {
			c.At = got.LastMessage.SentAt
		}
		c.told = got.ReadSeq
		if c.ReadSeq > got.ReadSeq {
			continue
		}
		c.read(got.ReadSeq, m.me)
		// What came before the first message here was not counted, what came after the
		// server's last one was.
		c.Unread, c.Mentioned = int(got.Unread), c.Mentioned || got.Mentioned
		for j := len(c.Messages) - 1; j >= 0 && c.Messages[j].Seq > got.LastSeq; j-- {
			if c.counts(&c.Messages[j], m.me) {
				c.Unread++
			}
		}
	}
}

// toTell returns a conversation that the user has read further than the server
// knows; nil where there is none.
func (m *Model) toTell() *Conversation {
	for _, c := range m.conversations {
		if c.ReadSeq > c.told {
			return c
		}
	}
	return nil
}

// MarkRead says that the user has seen all of a conversation, here and, as soon as
// there is a connection, to the server. It reports whether that was news.
func (s *Session) MarkRead(id string) bool {
	if !s.model.MarkRead(id) {
		return false
	}
	s.tell()
	return true
}

// tell tells the server, one after the other, what was read. Before the list has
// come it is not known what that is.
func (s *Session) tell() {
	c := s.model.toTell()
	if c == nil || s.telling || s.listed == "" || s.connection.Phase != client.Connected || s.ctx.Err() != nil {
		return
	}
	s.telling = true
	id, seq := c.ID, c.ReadSeq
	s.Go(func(ctx context.Context) Event {
		err := s.again(ctx, func() error {
			_, err := s.api.MarkRead(ctx, id, seq)
			return err
		})
		return told{id: id, seq: seq, err: err}
	})
}

// told is the end of what tell began.
type told struct {
	id  string
	seq int64
	err error
}

func (told) isEvent() {}

// takeTold goes on with the next one. What the server refuses is not said again;
// where there was no answer the next connection, or message, says it.
func (s *Session) takeTold(t told) {
	s.telling = false
	if _, refused := errors.AsType[*client.Error](t.err); t.err != nil && !refused {
		return
	}
	s.model.Seen(t.id, s.model.Me(), t.seq)
	s.tell()
}

// list asks what has changed in the user's conversations.
func (s *Session) list() {
	changes := s.listed
	s.Go(func(ctx context.Context) Event {
		var list *client.ConversationChanges
		err := s.again(ctx, func() (err error) {
			list, err = s.api.Conversations(ctx, changes)
			return err
		})
		if err != nil {
			return nil // the next connection asks again
		}
		return Read{apply: func(m *Model) {
			s.listed = list.Changes
			m.Listed(list)
			s.tell()
		}}
	})
}

// lookRead finds out how far the others have read a conversation.
func (s *Session) lookRead(id string) {
	s.Go(func(ctx context.Context) Event {
		var got *client.Conversation
		err := s.again(ctx, func() error {
			answer, err := s.api.GetConversationWithResponse(ctx, id, nil)
			if err := client.Check(answer, err); err != nil {
				return err
			}
			got = answer.JSON200
			return nil
		})
		if err != nil || got.Members == nil {
			return nil // nothing was written yet, or nobody may know
		}
		return Read{apply: func(m *Model) {
			for _, member := range *got.Members {
				if member.UserId != m.me {
					m.Seen(id, member.UserId, member.ReadSeq)
					m.Delivered(id, member.UserId, member.DeliveredSeq)
				}
			}
		}}
	})
}

// Refused says that something could not be done to a message.
type Refused struct {
	What string // what was to be done, as a verb
	Err  error
}

func (Refused) isEvent() {}

// Recall takes a message back. It is done when the log tells so.
func (s *Session) Recall(messageID string) {
	s.act("recall", func(ctx context.Context) error {
		_, err := s.api.Recall(ctx, messageID)
		return err
	})
}

// Edit makes a message say something else. It is done when the log tells so.
func (s *Session) Edit(messageID string, content json.RawMessage) {
	s.act("edit", func(ctx context.Context) error {
		_, err := s.api.Edit(ctx, messageID, content)
		return err
	})
}

func (s *Session) act(what string, call func(ctx context.Context) error) {
	s.Go(func(ctx context.Context) Event {
		if err := s.again(ctx, func() error { return call(ctx) }); err != nil {
			return Refused{What: what, Err: err}
		}
		return nil
	})
}

// REST calls the REST API as the user. A call that is refused because the token has
// run out is made once more. It may be called from any goroutine.
func (s *Session) REST(ctx context.Context, call func(rest *client.ClientWithResponses) error) error {
	return s.again(ctx, func() error { return call(s.api) })
}
