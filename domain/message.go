package domain

import (
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"strings"
	"time"
)

// MessageID is a message's opaque name outside. It is made from the time, the
// conversation and the number, so it is not stored and sorts by time of sending.
type MessageID string

// SenderType says who speaks.
type SenderType string

// The types of senders.
const (
	SenderUser     SenderType = "user"     // a user of the app
	SenderBusiness SenderType = "business" // the business back end
	SenderSystem   SenderType = "system"   // gim, or the back end speaking for the system
)

// Sender is who sent a message.
type Sender struct {
	Type   SenderType
	User   UserID   // "" unless Type is user
	Device DeviceID // "" when not known
}

// Target is whom a message is for: exactly one of its parts is set.
type Target struct {
	User  UserID
	Group GroupID
}

// Status is a message's state.
type Status string

// The states of a message.
const (
	StatusNormal   Status = "normal"   // as sent
	StatusRecalled Status = "recalled" // without its content, for ever
	StatusEdited   Status = "edited"   // with another content than it was sent with
)

// Message is one message as every receiver reads it, but for the parts that
// differ between receivers (their own seq and their name of the conversation).
// It is shared between receivers: treat it as immutable.
type Message struct {
	Conversation    ConversationNum // 0 when not persisted
	ConversationSeq int64           // contiguous from 1 in the conversation; 0 when not persisted
	ID              MessageID
	Sender          Sender
	To              Target
	Type            ContentType
	Content         json.RawMessage // compact
	Mentions        []string        // user ids, or ["@all"]
	ClientMsgID     string
	SentAt          time.Time
	Status          Status
	EditedAt        time.Time // of the last edit; zero when there was none
	// ReplyTo is the message of the same conversation that this one answers, or "";
	// Forwarded tells that its content was copied from another message.
	ReplyTo   MessageID
	Forwarded bool
	// Reactions are in the order of their first use, as they stand when the message is
	// read and as its reader has them: the message is nobody else's then.
	Reactions []Reaction
}

// Conversation ids as a caller writes them.
const (
	prefixUser  = "user:"
	prefixGroup = "group:"
	// BusinessConversation is, for a user, the conversation with the business:
	// what the back end and the system sent to that user.
	BusinessConversation = "business"
)

// MentionsAll reports whether m mentions everybody in its conversation.
func (m *Message) MentionsAll() bool { return len(m.Mentions) == 1 && m.Mentions[0] == MentionAll }

// ConversationID returns the name of m's conversation for a viewer: the sender
// of m (toSender), any other receiver, or, for a message of the business, the
// business itself (toSender as well).
func (m *Message) ConversationID(toSender bool) string {
	switch {
	case m.To.Group != "":
		return prefixGroup + string(m.To.Group)
	case toSender:
		return prefixUser + string(m.To.User)
	case m.Sender.Type == SenderUser:
		return prefixUser + string(m.Sender.User)
	}
	return BusinessConversation
}

// ParseConversationID takes a conversation id apart, as seen by a user or, with
// forBusiness, by the back end: then user:ID is the conversation of the
// business with that user. The zero Target is the user's conversation with the
// business. pointer names the parameter in the error.
func ParseConversationID(pointer, id string, forBusiness bool) (Target, error) {
	if user, ok := strings.CutPrefix(id, prefixUser); ok {
		return Target{User: UserID(user)}, join(ValidateID(pointer, user))
	}
	if group, ok := strings.CutPrefix(id, prefixGroup); ok {
		return Target{Group: GroupID(group)}, join(ValidateID(pointer, group))
	}
	if id == BusinessConversation && !forBusiness {
		return Target{}, nil
	}
	return Target{}, Invalid(pointer, "must be user:ID, group:ID or, for a user, %s", BusinessConversation)
}

var idEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// NewMessageID makes the id of a message from 48 bits of time in milliseconds,
// the conversation's number and 48 bits of the message's number in it:
// 32 characters. For a message that is not persisted, entropy stands for the
// conversation and seq is 0.
func NewMessageID(sentAt time.Time, conversation ConversationNum, seq int64) MessageID {
	var raw [20]byte
	ms := uint64(sentAt.UnixMilli()) //nolint:gosec // times before 1970 do not occur
	binary.BigEndian.PutUint16(raw[0:], uint16(ms>>32))
	binary.BigEndian.PutUint32(raw[2:], uint32(ms)) //nolint:gosec // low half
	binary.BigEndian.PutUint64(raw[6:], uint64(conversation))
	binary.BigEndian.PutUint16(raw[14:], uint16(seq>>32)) //nolint:gosec // 48 bits
	binary.BigEndian.PutUint32(raw[16:], uint32(seq))     //nolint:gosec // low half
	return MessageID(idEncoding.EncodeToString(raw[:]))
}

// Conversation returns the number of the conversation that the id was made with; 0
// for what is no id of a message that is stored.
func (id MessageID) Conversation() ConversationNum {
	conversation, _ := id.Place()
	return conversation
}

// Place returns the conversation that the id was made with and the message's number
// in it; zeros for what is no id of a message that is stored. That there is such a
// message it does not say.
func (id MessageID) Place() (conversation ConversationNum, seq int64) {
	raw, ok := id.decode()
	if !ok || [6]byte(raw[14:]) == [6]byte{} {
		return 0, 0
	}
	seq = int64(binary.BigEndian.Uint16(raw[14:]))<<32 | int64(binary.BigEndian.Uint32(raw[16:]))
	return ConversationNum(binary.BigEndian.Uint64(raw[6:])), seq //nolint:gosec // bits
}

func (id MessageID) decode() (raw [20]byte, ok bool) {
	if len(id) != idEncoding.EncodedLen(len(raw)) {
		return raw, false
	}
	n, err := idEncoding.Decode(raw[:], []byte(id))
	return raw, err == nil && n == len(raw)
}

// validate refuses what cannot be the id of a message.
func (id MessageID) validate(pointer string) *Error {
	if _, ok := id.decode(); !ok {
		return Invalid(pointer, "is not the id of a message")
	}
	return nil
}
