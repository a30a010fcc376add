// Package history judges what a test has seen of gim against what gim promises:
// nothing acknowledged is lost, nothing comes twice, nothing is out of order,
// and everybody gets what is theirs and nothing else.
//
// A test tells a [Recorder] what was sent, what was answered, what each
// connection got and what the logs hold in the end; [Recorder.Check] names every
// promise that was broken. A history in which nothing happened is refused, so
// that a test cannot pass by doing nothing.
//
// Recorders and their connections may be used concurrently, except that one
// connection is fed by one goroutine. Check is called when all is over.
package history

import "sync"

// Conversation names a conversation as nobody's side sees it, see [Single] and
// [Group].
type Conversation string

// Single names the conversation of two users.
func Single(a, b string) Conversation {
	return Conversation(min(a, b) + "|" + max(a, b))
}

// Group names the conversation of a group.
func Group(id string) Conversation { return Conversation("group:" + id) }

// Send is a message that somebody means to send, however often they have to try.
type Send struct {
	ClientMsgID string // unique in the history
	Sender      string
	To          Conversation
	// Lane is a number of the test's own: what one sender sends in one lane is
	// sent one after the other, each settled before the next is begun, and so has
	// an order.
	Lane int
}

// Receipt is what the sender was told.
type Receipt struct {
	MessageID       string
	ConversationSeq int64
	Seq             int64 // in the sender's log; 0 where the sender has none
}

// Entry is a message as a reader gets it.
type Entry struct {
	Seq             int64
	MessageID       string
	ClientMsgID     string
	Sender          string
	To              Conversation
	ConversationSeq int64
}

// isEvent reports whether e is an event of a group, which nobody sent.
func (e Entry) isEvent() bool { return e.ClientMsgID == "" && e.Sender == "" }

// outcome is how a send ended.
type outcome int

const (
	unknown outcome = iota // it may be stored or not
	acked
	refused // it must not be stored
)

type sent struct {
	Send
	place   int // among the sends of its lane
	outcome outcome
	receipt Receipt
}

type lane struct {
	sender string
	number int
}

// Recorder holds a history.
type Recorder struct {
	mu            sync.Mutex // guards what follows
	conversations map[Conversation][]string
	sends         map[string]*sent
	lanes         map[lane]int
	logs          map[string][]Entry
	connections   []*Connection
	misuse        []Problem
}

// New returns an empty history.
func New() *Recorder {
	return &Recorder{
		conversations: make(map[Conversation][]string), sends: make(map[string]*sent),
		lanes: make(map[lane]int), logs: make(map[string][]Entry),
	}
}

// Converse declares a conversation and who gets its messages.
func (r *Recorder) Converse(c Conversation, members ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conversations[c] = members
}

// Sends notes that s is about to be sent. It comes before the first attempt.
func (r *Recorder) Sends(s Send) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.sends[s.ClientMsgID]; ok {
		r.misuse = append(r.misuse, Problem{Nothing, "the test uses client_msg_id " + s.ClientMsgID + " for two messages"})
		return
	}
	l := lane{s.Sender, s.Lane}
	r.lanes[l]++
	r.sends[s.ClientMsgID] = &sent{Send: s, place: r.lanes[l]}
}

// Acked notes that a send was answered with a receipt. A second receipt for the
// same send has to be the same.
func (r *Recorder) Acked(clientMsgID string, receipt Receipt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.sends[clientMsgID]
	switch {
	case !ok:
		r.misuse = append(r.misuse, Problem{Nothing, "the test has a receipt for " + clientMsgID + ", which it did not send"})
	case s.outcome == acked && s.receipt != receipt:
		r.misuse = append(r.misuse, problem(Doubled, "%s has two receipts: %+v and %+v", clientMsgID, s.receipt, receipt))
	default:
		s.outcome, s.receipt = acked, receipt
	}
}

// Refused notes that a send was rejected for good.
func (r *Recorder) Refused(clientMsgID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := r.sends[clientMsgID]; ok {
		s.outcome = refused
	}
}

// Log notes the whole of a user's log, read from its beginning when all was
// over. Every member of every conversation needs one.
func (r *Recorder) Log(user string, entries []Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logs[user] = entries
}

// Connection is what one connection of a device got.
type Connection struct {
	user, device string
	after        int64
	entries      []Entry
}

// Connect notes a connection that was to get everything beyond after: the cursor
// of its sign-in, or the head that it was told. A device has to have got, over
// all its connections, everything beyond the lowest.
func (r *Recorder) Connect(user, device string, after int64) *Connection {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &Connection{user: user, device: device, after: after}
	r.connections = append(r.connections, c)
	return c
}

// Got notes an entry of the log in the order in which it came: a push, or the
// answer to a send of the connection's own.
func (c *Connection) Got(e Entry) { c.entries = append(c.entries, e) }

// Cursor returns the last entry that the connection has up to now.
func (c *Connection) Cursor() int64 {
	if len(c.entries) == 0 {
		return c.after
	}
	return c.entries[len(c.entries)-1].Seq
}
