package chat

import (
	"slices"
	"sort"
)

// Reply names the message of the conversation that another one answers.
type Reply struct {
	ID  string `json:"message_id"`
	Seq int64  `json:"conversation_seq"` // 0 while it is not known
}

// replyTo returns the id of the message that m answers; "" for none.
func (m *Message) replyTo() string {
	if m.ReplyTo == nil {
		return ""
	}
	return m.ReplyTo.ID
}

// replyOf returns how a message is answered by its id; nil for "".
func (c *Conversation) replyOf(id string) *Reply {
	if id == "" {
		return nil
	}
	reply := &Reply{ID: id}
	if at := c.index(id); at >= 0 {
		reply.Seq = c.Messages[at].Seq
	}
	return reply
}

// Quoted returns the message that m answers; nil where it is not here, or m answers
// none.
func (c *Conversation) Quoted(m *Message) *Message {
	if m.ReplyTo == nil {
		return nil
	}
	at := sort.Search(len(c.Messages), func(i int) bool { return c.Messages[i].Seq >= m.ReplyTo.Seq })
	for ; at < len(c.Messages) && c.Messages[at].Seq == m.ReplyTo.Seq; at++ {
		if c.Messages[at].ID == m.ReplyTo.ID {
			return &c.Messages[at]
		}
	}
	return nil
}

// index returns where the message with that id is; -1 where it is not here.
func (c *Conversation) index(id string) int {
	if id == "" {
		return -1
	}
	return slices.IndexFunc(c.Messages, func(m Message) bool { return m.ID == id })
}

// Message returns a message of a conversation by its id; nil where it is not here.
func (m *Model) Message(conversation, id string) *Message {
	c := m.conversations[conversation]
	if c == nil {
		return nil
	}
	if at := c.index(id); at >= 0 {
		return &c.Messages[at]
	}
	return nil
}
