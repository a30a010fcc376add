package domain

import (
	"context"
	"encoding/json"
)

// ConversationType says who takes part in a conversation.
type ConversationType string

// The types of conversations.
const (
	ConversationSingle   ConversationType = "single"   // the user and another one, or the user alone
	ConversationGroup    ConversationType = "group"    // the members of a group, large or not
	ConversationBusiness ConversationType = "business" // the user and the business
)

// Conversation is a conversation as one of its users stands to it.
type Conversation struct {
	Num     ConversationNum
	ID      string // as the user names it
	Type    ConversationType
	LastSeq int64 // of its last message; 0 when there never was one
	ReadSeq int64 // up to where the user has read
	// Unread counts the messages behind ReadSeq, but for the user's own and for events
	// of the group.
	Unread int64
	// MentionSeq is the first message behind ReadSeq, not the user's own, that mentions it
	// or everybody; 0 when there is none.
	MentionSeq int64
	// LastMessage is the message LastSeq; nil where there is none that the user may read.
	LastMessage  *Message
	LastIsSender bool // the user sent it

	Pinned       bool
	Muted        bool
	MarkedUnread bool // by the user, until it reads on
	Hidden       bool // from the list, until the next message

	// MemberCount and Members are there when a single conversation was asked for; the
	// members of a large group are only counted.
	MemberCount int
	Members     []ConversationMember
}

// ConversationMember is up to where somebody has come in a conversation.
type ConversationMember struct {
	User    UserID
	ReadSeq int64
	// DeliveredSeq is the last message of others that a device of the user has
	// acknowledged, or ReadSeq where that is further.
	DeliveredSeq int64
}

// ConversationList is a page of a user's conversations.
type ConversationList struct {
	List[Conversation]
	TotalUnread int64 // over all pages
	// Removed are the ids of conversations that are in the list no more, of those that
	// changed.
	Removed []string
	Changes ChangesCursor // what a device that has this page asks with for what changes then
}

// ConversationChange is what is to become of how a user stands to a conversation;
// nil leaves a part as it is.
type ConversationChange struct {
	Pinned, Muted, MarkedUnread, Hidden *bool
}

// ReadResult is what came of reading.
type ReadResult struct {
	Advanced bool // the position is further than before
	ReadSeq  int64
	// Peers are told where the user is: the others of the conversation, but for who
	// has blocked the user; nobody in a large group.
	Peers []UserNum
}

// ConversationStore keeps how users stand to their conversations. A conversation is
// named as its user does it. Every method also returns ErrUserNotFound,
// ErrGroupNotFound, ErrNotInGroup, and ErrConversationNotFound for one that has no
// messages or that the user has deleted and that had no message since.
type ConversationStore interface {
	// Conversations lists those of a user by their last messages, newest first. Hidden and
	// deleted ones are left out, and those with users who are gone.
	Conversations(ctx context.Context, app AppNum, user UserNum, p Page) (ConversationList, error)
	// ChangedConversations lists up to limit of those that changed behind since, and what is
	// in the list no more, the oldest change first, and whether there are more. A change is
	// a message, anything that the user made of the conversation, or that somebody has
	// read, or got what was delivered, whose position the user may see.
	ChangedConversations(ctx context.Context, app AppNum, user UserNum, since ChangesCursor, limit int) (list ConversationList, hasMore bool, err error)
	// Conversation returns one of them, with its members.
	Conversation(ctx context.Context, app AppNum, user UserNum, target Target) (Conversation, error)
	// ChangeConversation changes how the user stands to a conversation.
	ChangeConversation(ctx context.Context, app AppNum, user UserNum, target Target, c ConversationChange) error
	// DeleteConversation takes all of a conversation from the user: the others keep it.
	DeleteConversation(ctx context.Context, app AppNum, user UserNum, target Target) error
	// ReadConversation moves the user's read position to seq; one that is not further
	// leaves it. It ends MarkedUnread. bad_request where seq is beyond the last message.
	ReadConversation(ctx context.Context, app AppNum, user UserNum, target Target, seq int64) (ReadResult, error)
}

// ReadBeyondHead is the answer to a read position behind the last message.
func ReadBeyondHead(head int64) *Error {
	return Invalid("/conversation_seq", "must not be beyond the last message, which is %d", head)
}

// Conversations is the use case around the conversations of users.
type Conversations struct {
	store   ConversationStore
	signals SignalPublisher
	clock   Clock
}

// NewConversations returns the use case; all arguments are needed.
func NewConversations(store ConversationStore, signals SignalPublisher, clock Clock) *Conversations {
	return &Conversations{store: store, signals: signals, clock: clock}
}

// List returns a page of the caller's conversations, newest first. bad_request, forbidden.
func (s *Conversations) List(ctx context.Context, by Principal, p Page) (ConversationList, error) {
	if err := by.RequireUser(); err != nil {
		return ConversationList{}, err
	}
	return s.store.Conversations(ctx, by.App.Num, by.User.Num, p)
}

// Changes returns what changed in the caller's list behind since, a cursor of a list,
// oldest first, and whether there is more. bad_request, forbidden.
func (s *Conversations) Changes(ctx context.Context, by Principal, since string, limit int) (ConversationList, bool, error) {
	if err := by.RequireUser(); err != nil {
		return ConversationList{}, false, err
	}
	cursor, err := ParseChangesCursor(since)
	if err != nil {
		return ConversationList{}, false, err
	}
	return s.store.ChangedConversations(ctx, by.App.Num, by.User.Num, cursor, limit)
}

// Get returns a conversation of the caller. bad_request, forbidden, user_not_found,
// group_not_found, not_in_group, conversation_not_found, as all that follow.
func (s *Conversations) Get(ctx context.Context, by Principal, id string) (Conversation, error) {
	target, err := s.target(by, id)
	if err != nil {
		return Conversation{}, err
	}
	return s.store.Conversation(ctx, by.App.Num, by.User.Num, target)
}

// Change changes how the caller stands to a conversation.
func (s *Conversations) Change(ctx context.Context, by Principal, id string, c ConversationChange) (Conversation, error) {
	target, err := s.target(by, id)
	if err != nil {
		return Conversation{}, err
	}
	if c != (ConversationChange{}) {
		if err := s.store.ChangeConversation(ctx, by.App.Num, by.User.Num, target, c); err != nil {
			return Conversation{}, err
		}
	}
	return s.store.Conversation(ctx, by.App.Num, by.User.Num, target)
}

// Delete takes a conversation from the caller, and nobody else. It comes back, without
// what was deleted, with its next message.
func (s *Conversations) Delete(ctx context.Context, by Principal, id string) error {
	target, err := s.target(by, id)
	if err != nil {
		return err
	}
	return s.store.DeleteConversation(ctx, by.App.Num, by.User.Num, target)
}

// Read moves the caller's read position to seq, if that is further, and tells the
// caller's devices and the others of the conversation.
func (s *Conversations) Read(ctx context.Context, by Principal, id string, seq int64) (Conversation, error) {
	target, err := s.target(by, id)
	if err != nil {
		return Conversation{}, err
	}
	if seq < 0 {
		return Conversation{}, Invalid("/conversation_seq", "must not be negative")
	}
	result, err := s.store.ReadConversation(ctx, by.App.Num, by.User.Num, target, seq)
	if err != nil {
		return Conversation{}, err
	}
	if result.Advanced {
		s.tellRead(by, target, result)
	}
	return s.store.Conversation(ctx, by.App.Num, by.User.Num, target)
}

// tellRead says how far the caller has read, to the caller's devices under their name
// of the conversation.
func (s *Conversations) tellRead(by Principal, target Target, r ReadResult) {
	data, _ := json.Marshal(positionData{r.ReadSeq}) // numbers cannot fail
	signal := Signal{
		App: by.App.Num, Sender: Sender{Type: SenderUser, User: by.User.ID, Device: by.Device}, To: target,
		Kind: SignalRead, Data: data, SentAt: Millis(s.clock.Now()),
	}
	own := signal
	own.Receivers, own.ToSender = []UserNum{by.User.Num}, true
	s.signals.PublishSignal(&own)
	if len(r.Peers) > 0 {
		signal.Receivers = r.Peers
		s.signals.PublishSignal(&signal)
	}
}

// positionData is what signals of the kinds SignalRead and SignalDelivered carry.
type positionData struct {
	ConversationSeq int64 `json:"conversation_seq"`
}

func (s *Conversations) target(by Principal, id string) (Target, error) {
	if err := by.RequireUser(); err != nil {
		return Target{}, err
	}
	return ParseConversationID("conversation_id", id, false)
}
