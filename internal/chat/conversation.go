package chat

import (
	"slices"
	"sort"
	"time"
)

// keptMessages is how many messages of a conversation stay in memory when it is
// not open. Older ones are read again from the server's history.
const keptMessages = 300

// typingFor is how long somebody counts as typing after saying so. Clients say
// it again every few seconds.
const typingFor = 6 * time.Second

// Conversation is what the client knows of one conversation. Only [Model] changes
// it.
type Conversation struct {
	ID   string // user:bob, group:team or business
	Name string // of a group, where it is known
	// Messages ascend by Seq and lack nothing between the first and the last, but for
	// what the user has deleted; before the first there may be more.
	Messages []Message
	Pending  []Message // those under way, in the order in which they were sent
	// Complete is true when there is nothing before the first message.
	Complete bool
	ReadSeq  int64 // everything up to it is read
	Unread   int   // messages of others after ReadSeq, without the news of the group
	// Mentioned is true when one of the unread messages names the reader.
	Mentioned bool
	// NewFrom is the Seq where what was unread began when the reader came; 0 when
	// nothing was.
	NewFrom int64
	At      time.Time // of the last message that shows anything; zero when there is none

	typing map[string]time.Time // user to when it ends
	seen   map[string]int64     // other user to up to where it has read
	got    map[string]int64     // other user to up to where one of its devices has what was sent
	told   int64                // up to where the server knows that the user has read
}

// Title is what a list shows.
func (c *Conversation) Title() string {
	switch {
	case c.Name != "":
		return c.Name
	case Peer(c.ID) != "":
		return Peer(c.ID)
	case Group(c.ID) != "":
		return Group(c.ID)
	}
	return c.ID
}

// Last returns the newest message that shows anything, be it under way, and
// whether there is one.
func (c *Conversation) Last() (Message, bool) {
	if n := len(c.Pending); n > 0 {
		return c.Pending[n-1], true
	}
	for i := range slices.Backward(c.Messages) {
		if m := &c.Messages[i]; !m.hidden() {
			return *m, true
		}
	}
	return Message{}, false
}

// lastStored returns the newest stored message: one that shows something, where
// there is one; nil where nothing is stored.
func (c *Conversation) lastStored() (last *Message) {
	for i := range slices.Backward(c.Messages) {
		m := &c.Messages[i]
		if m.Stage != Stored {
			continue
		}
		if !m.hidden() {
			return m
		}
		if last == nil {
			last = m
		}
	}
	return last
}

// Oldest returns the Seq of the first stored message; 0 when there is none.
func (c *Conversation) Oldest() int64 {
	for i := range c.Messages {
		if c.Messages[i].Stage == Stored {
			return c.Messages[i].Seq
		}
	}
	return 0
}

// lastSeq is what a message without a number of its own is sorted after.
func (c *Conversation) lastSeq() int64 {
	if len(c.Messages) == 0 {
		return 0
	}
	return c.Messages[len(c.Messages)-1].Seq
}

// Typing returns who is typing at now, by id.
func (c *Conversation) Typing(now time.Time) []string {
	var users []string
	for user, until := range c.typing {
		if now.Before(until) {
			users = append(users, user)
		}
	}
	sort.Strings(users)
	return users
}

// add takes a message in at its place. It reports whether the message is new.
func (c *Conversation) add(m Message) bool {
	if m.Stage != Stored {
		m.Seq = c.lastSeq()
	}
	at := sort.Search(len(c.Messages), func(i int) bool { return c.Messages[i].Seq > m.Seq })
	for i := at - 1; i >= 0 && c.Messages[i].Seq == m.Seq; i-- {
		if m.ID != "" && c.Messages[i].ID == m.ID {
			return false
		}
	}
	c.Messages = slices.Insert(c.Messages, at, m)
	if m.SentAt.After(c.At) && !m.hidden() {
		c.At = m.SentAt
	}
	if c.Oldest() == 1 {
		c.Complete = true
	}
	return true
}

// trim forgets the oldest messages beyond what is kept.
func (c *Conversation) trim() {
	if extra := len(c.Messages) - keptMessages; extra > 0 {
		c.Messages = slices.Clone(c.Messages[extra:])
		c.Complete = c.Oldest() == 1
	}
}

// read says that everything up to seq is read.
func (c *Conversation) read(seq int64, me string) {
	c.ReadSeq = max(c.ReadSeq, seq)
	c.Unread, c.Mentioned = 0, false
	for i := len(c.Messages) - 1; i >= 0 && c.Messages[i].Seq > c.ReadSeq; i-- {
		if m := &c.Messages[i]; c.counts(m, me) {
			c.Unread++
			c.Mentioned = c.Mentioned || m.Names(me)
		}
	}
}

// counts reports whether m is unread to me as long as it was not read.
func (*Conversation) counts(m *Message, me string) bool {
	return m.Stage == Stored && !m.by(me) && !m.IsEvent()
}

// takePending removes and returns the message under way with that id.
func (c *Conversation) takePending(clientMsgID string) (Message, bool) {
	at := slices.IndexFunc(c.Pending, func(m Message) bool { return m.ClientMsgID == clientMsgID })
	if at < 0 {
		return Message{}, false
	}
	m := c.Pending[at]
	c.Pending = slices.Delete(c.Pending, at, at+1)
	return m, true
}
