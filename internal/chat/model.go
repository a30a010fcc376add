package chat

import (
	"slices"
	"strings"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/wire"
)

// Model is what a client knows: conversations, messages, what is read, who is
// there. It does no I/O and is for one goroutine at a time.
type Model struct {
	me            string
	conversations map[string]*Conversation
	people        map[string]Presence
	deleted       map[string]bool // ids of messages that the user has deleted for itself
	open          string          // id of the conversation that is on the screen, or ""
}

// Presence is how it stands with a user.
type Presence struct {
	Known      bool // false: nobody can tell right now
	Online     bool
	Transports []string  // of the devices online, each once
	LastSeen   time.Time // zero when never
}

// NewModel returns the model of a user who has no conversations yet.
func NewModel(me string) *Model {
	return &Model{
		me: me, conversations: make(map[string]*Conversation), people: make(map[string]Presence), deleted: make(map[string]bool),
	}
}

// Me returns the id of the user.
func (m *Model) Me() string { return m.me }

// Conversation returns one; nil when it is not known.
func (m *Model) Conversation(id string) *Conversation { return m.conversations[id] }

// List returns the conversations, that with the newest message first. That with the
// business, which nobody begins, is left out while it shows nothing.
func (m *Model) List() []*Conversation {
	all := make([]*Conversation, 0, len(m.conversations))
	for _, c := range m.conversations {
		if _, shows := c.Last(); shows || c.ID != Business || c.Unread > 0 || c.ID == m.open {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b *Conversation) int {
		if order := b.At.Compare(a.At); order != 0 {
			return order
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all
}

// Unread returns how many messages are unread in all conversations.
func (m *Model) Unread() (total int) {
	for _, c := range m.conversations {
		total += c.Unread
	}
	return total
}

// Current returns the open conversation; nil when none is.
func (m *Model) Current() *Conversation { return m.conversations[m.open] }

// Open makes a conversation the open one, whether it was known before or not.
// What is unread in it is marked as new; it is not read yet (see MarkRead).
func (m *Model) Open(id string) *Conversation {
	if left := m.Current(); left != nil && left.ID != id {
		left.NewFrom = 0
		left.trim()
	}
	m.open = id
	c := m.ensure(id)
	m.MarkNew(id)
	return c
}

// MarkNew marks what is unread as new, and nothing before it any more.
func (m *Model) MarkNew(id string) {
	if c := m.conversations[id]; c != nil && c.Unread > 0 && c.NewFrom <= c.ReadSeq {
		c.NewFrom = c.ReadSeq + 1
	}
}

// MarkRead says that the user has seen all of a conversation. It reports whether
// that was news.
func (m *Model) MarkRead(id string) bool {
	c := m.conversations[id]
	if c == nil || c.Unread == 0 && c.ReadSeq >= c.lastSeq() {
		return false
	}
	c.read(c.lastSeq(), m.me)
	return true
}

// Received takes in what the stream has handed on. Known messages change nothing.
func (m *Model) Received(page []*wire.Message) {
	for _, pushed := range page {
		msg := fromPush(pushed)
		c := m.ensure(pushed.GetConversationId())
		if change := client.ChangeOf(pushed); change != nil {
			m.change(change)
		}
		own, sentHere := msg.by(m.me), false
		if own && msg.ClientMsgID != "" {
			_, sentHere = c.takePending(msg.ClientMsgID)
		}
		if msg.ReplyTo != nil && msg.ReplyTo.Seq == 0 { // sent here
			msg.ReplyTo = c.replyOf(msg.ReplyTo.ID)
		}
		delete(c.typing, msg.Sender)
		if m.deleted[msg.ID] || !c.add(msg) {
			continue
		}
		switch {
		case own:
			c.NewFrom = 0
			if sentHere { // elsewhere, and by the business, to send is not to read
				c.read(msg.Seq, m.me)
			}
		case msg.IsEvent():
			c.rename(msg.event())
		case msg.Stage == Stored && msg.Seq > c.ReadSeq:
			c.Unread++
			c.Mentioned = c.Mentioned || msg.Names(m.me)
		}
		if c.ID != m.open {
			c.trim()
		}
	}
}

// Begin takes in a message that is about to be sent; it needs a client_msg_id.
func (m *Model) Begin(send *wire.Send, now time.Time) {
	c := m.ensure(conversationOf(send.GetTo()))
	c.NewFrom = 0
	c.Pending = append(c.Pending, Message{
		SenderType: "user", Sender: m.me, Type: send.GetType(), Content: send.GetContent(), Mentions: send.GetMentions(),
		ClientMsgID: send.GetClientMsgId(), SentAt: now, Stage: Sending, Once: isOnce(send),
		ReplyTo: c.replyOf(send.GetReplyTo()),
	})
	if now.After(c.At) {
		c.At = now
	}
}

// Sent settles a message that was under way: the server has it.
func (m *Model) Sent(send *wire.Send, sent *wire.Sent) {
	c := m.ensure(conversationOf(send.GetTo()))
	msg, ok := c.takePending(send.GetClientMsgId())
	if !ok {
		return // the stream was first
	}
	msg.ID, msg.SentAt = sent.GetMessageId(), time.UnixMilli(sent.GetSentAt())
	if msg.Stage = Passing; sent.GetDurable() {
		msg.Stage, msg.Seq = Stored, sent.GetConversationSeq()
	}
	if c.add(msg) && msg.Stage == Stored {
		c.read(msg.Seq, m.me)
	}
}

// Fail settles a message that was under way: it was refused, and why says so to a
// person.
func (m *Model) Fail(send *wire.Send, why string) {
	c := m.ensure(conversationOf(send.GetTo()))
	if msg, ok := c.takePending(send.GetClientMsgId()); ok {
		msg.Stage, msg.Failure = Failed, why
		c.add(msg)
	}
}

// TakeFailed removes the newest message of a conversation that failed and returns
// how to send it anew.
func (m *Model) TakeFailed(id string) (*wire.Send, bool) {
	c := m.conversations[id]
	if c == nil {
		return nil, false
	}
	for i, msg := range slices.Backward(c.Messages) {
		if msg.Stage == Failed {
			c.Messages = slices.Delete(c.Messages, i, i+1)
			return &wire.Send{To: TargetOf(id), Type: msg.Type, Content: msg.Content, Mentions: msg.Mentions, ReplyTo: msg.replyTo()}, true
		}
	}
	return nil, false
}

// History takes in a page of older messages. more says whether there is anything
// before them.
func (m *Model) History(id string, page []client.Message, more bool) {
	c := m.ensure(id)
	for _, got := range page {
		if !m.deleted[got.MessageId] {
			c.add(fromHistory(got))
		}
	}
	if !more {
		c.Complete = true
	}
}

// Name takes in what a group is called.
func (m *Model) Name(id, name string) { m.ensure(id).Name = name }

// Signal takes in that somebody types, or up to where it has read or got what was sent.
func (m *Model) Signal(s *wire.PushedSignal, now time.Time) {
	user := s.GetSender().GetUserId()
	if seq, ok := client.PositionOf(s); ok {
		if s.GetKind() == client.KindDelivered {
			m.Delivered(s.GetConversationId(), user, seq)
		} else {
			m.Seen(s.GetConversationId(), user, seq)
		}
		return
	}
	c := m.conversations[s.GetConversationId()]
	if c == nil || s.GetKind() != client.KindTyping || user == "" || user == m.me {
		return
	}
	if c.typing == nil {
		c.typing = make(map[string]time.Time)
	}
	for other, until := range c.typing { // so that it does not grow
		if !now.Before(until) {
			delete(c.typing, other)
		}
	}
	c.typing[user] = now.Add(typingFor)
}

// Presence takes in how it stands with users.
func (m *Model) Presence(users []*wire.UserPresence) {
	for _, u := range users {
		p := Presence{Known: u.Online != nil, Online: u.GetOnline()}
		for _, d := range u.GetDevices() {
			if t := d.GetTransport(); !slices.Contains(p.Transports, t) {
				p.Transports = append(p.Transports, t)
			}
		}
		slices.Sort(p.Transports)
		if at := u.GetLastSeenAt(); at != 0 {
			p.LastSeen = time.UnixMilli(at)
		}
		m.people[u.GetUserId()] = p
	}
}

// ForgetPresence says that nothing is known of anybody, as while there is no
// connection.
func (m *Model) ForgetPresence() {
	for user, p := range m.people {
		p.Known = false
		m.people[user] = p
	}
}

// PresenceOf returns how it stands with a user.
func (m *Model) PresenceOf(user string) Presence { return m.people[user] }

// Peers returns the users of the conversations with one, in no order.
func (m *Model) Peers() []string {
	var users []string
	for id := range m.conversations {
		if user := Peer(id); user != "" && user != m.me {
			users = append(users, user)
		}
	}
	return users
}

// Reset drops what came from a log that is no more. What is under way stays.
func (m *Model) Reset() {
	for id, c := range m.conversations {
		if len(c.Pending) == 0 && id != m.open {
			delete(m.conversations, id)
			continue
		}
		m.conversations[id] = &Conversation{ID: id, Name: c.Name, Pending: c.Pending}
	}
}

// isOnce reports whether a send asks not to be stored.
func isOnce(send *wire.Send) bool { return send.Persist != nil && !send.GetPersist() }

func (m *Model) ensure(id string) *Conversation {
	c := m.conversations[id]
	if c == nil {
		c = &Conversation{ID: id}
		m.conversations[id] = c
	}
	return c
}

// Pending returns how many messages are under way.
func (m *Model) Pending() (total int) {
	for _, c := range m.conversations {
		total += len(c.Pending)
	}
	return total
}
