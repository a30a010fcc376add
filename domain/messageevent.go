package domain

import (
	"encoding/json"
	"time"
)

// MessageEventCode says what happened to a message. It is the code of a command,
// below FirstBusinessCommand and apart from those of groups and contacts.
type MessageEventCode int64

// The codes of message events. They never change their meaning.
const (
	EventMessageRecalled MessageEventCode = 300
	EventMessageEdited   MessageEventCode = 301
	EventReactionAdded   MessageEventCode = 302
	EventReactionRemoved MessageEventCode = 303
	EventMessageDeleted  MessageEventCode = 304 // by a user for itself, told to nobody else
)

// MessageEvent is a change of a message as those learn of it who may have the
// message: an entry of their logs, or of that of a large group, in the message's
// conversation. It has the sender and the target of the message.
type MessageEvent struct {
	Code MessageEventCode `json:"code"`
	Data MessageEventData `json:"data"`
}

// MessageEventData are the fields of all events; those that an event does not have
// are left out.
type MessageEventData struct {
	By      UserID    `json:"by,omitempty"` // who did it; "" for the business
	Message MessageID `json:"message_id"`
	Seq     int64     `json:"message_seq"` // conversation_seq of the message
	// Content is what an edit made of the message. It is taken out again when that is no
	// longer what the message says.
	Content  json.RawMessage `json:"content,omitempty"`
	EditedAt string          `json:"edited_at,omitempty"` // RFC 3339, UTC, milliseconds
	// Reaction is what By has given or taken back, and Count how many have it then.
	Reaction string `json:"reaction,omitempty"`
	Count    *int64 `json:"count,omitempty"`
	// Conversation is that of the message where the event is told in another one.
	Conversation string `json:"conversation_id,omitempty"`
}

// Entry returns the event as a message to the conversation of m.
func (e MessageEvent) Entry(m *Message, at time.Time) (Message, error) {
	content, err := json.Marshal(e)
	if err != nil {
		return Message{}, Trace(err)
	}
	sender := Sender{Type: m.Sender.Type, User: m.Sender.User}
	return Message{Sender: sender, To: m.To, Type: ContentCommand, Content: content, SentAt: at, Status: StatusNormal}, nil
}

// WithoutContent returns the content of an event's entry when the message says
// something else.
func WithoutContent(entry json.RawMessage) (json.RawMessage, error) {
	var e MessageEvent
	if err := json.Unmarshal(entry, &e); err != nil {
		return nil, Trace(err)
	}
	e.Data.Content = nil
	stripped, err := json.Marshal(e)
	return stripped, Trace(err)
}

// isEvent reports whether m is an entry that gim has made.
func (m *Message) isEvent() bool {
	code := m.commandCode()
	return code > 0 && code < FirstBusinessCommand
}

// IsMessageEvent reports whether m is an entry that tells of a change of another message.
func (m *Message) IsMessageEvent() bool {
	code := MessageEventCode(m.commandCode())
	return code >= EventMessageRecalled && code <= EventMessageDeleted
}

// commandCode is the code of a command, 0 of anything else.
func (m *Message) commandCode() int64 {
	if m.Type != ContentCommand {
		return 0
	}
	var c struct {
		Code int64 `json:"code"`
	}
	if json.Unmarshal(m.Content, &c) != nil {
		return 0
	}
	return c.Code
}
