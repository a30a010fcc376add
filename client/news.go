package client

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/gim-im/gim/wire"
)

// firstBusinessCode is the first code of commands that mean what the business
// wants; those below are gim's.
const firstBusinessCode = 1000

// The codes of what becomes of a message; docs/messages.md has them. They come in
// the name of the sender of the message.
const (
	codeRecalled      = 300
	codeEdited        = 301
	codeReacted       = 302
	codeTakenBack     = 303
	codeDeleted       = 304
	endOfMessageCodes = 400
)

// The kinds of signals that have a meaning for gim.
const (
	KindTyping    = "typing"    // the sender is writing; forget it after some seconds
	KindRead      = "read"      // the sender has read up to a position, see PositionOf
	KindDelivered = "delivered" // a device of the sender has what others sent up to a position
)

// News is an entry by which gim tells what happened to a group, a contact or a
// message: nobody has written it, and it is never unread. docs/groups.md,
// docs/contacts.md and docs/messages.md have the codes and their data.
type News struct {
	Code int64           `json:"code"`
	Data json.RawMessage `json:"data"`
}

// NewsOf returns what gim tells by m; nil for what somebody wrote.
func NewsOf(m *wire.Message) *News {
	if m.GetType() != "command" {
		return nil
	}
	var n News
	if json.Unmarshal(m.GetContent(), &n) != nil {
		return nil
	}
	ofMessage := n.Code >= codeRecalled && n.Code < endOfMessageCodes
	if ofMessage || m.GetSender().GetType() == "system" && n.Code < firstBusinessCode {
		return &n
	}
	return nil
}

// Change is what became of a message. It is told by a later entry of the same
// conversation, but for a deletion, which is told in the one with the business.
// Recalled, Deleted and Reaction say what it is; it is an edit where none of them
// does.
type Change struct {
	MessageID  string
	MessageSeq int64 // the conversation_seq of the message
	// ConversationID is the conversation of the message.
	ConversationID string
	By             string // who did it; "" where the business did, and for a deletion
	Recalled       bool   // it has no content any more
	Deleted        bool   // the user has deleted it for itself: it is to be shown no more
	// Reaction is what By has reacted with or, where TakenBack, does no more. Count is
	// how many have it now: take it over instead of counting. At 0 it is gone.
	Reaction  string
	TakenBack bool
	Count     int64
	// Content is what an edited message says now; nil where a later entry tells that:
	// then the message is left as it is.
	Content  json.RawMessage
	EditedAt time.Time // zero for all but an edit
}

// ChangeOf returns what m tells of another message; nil where it tells nothing of
// the kind.
func ChangeOf(m *wire.Message) *Change {
	n := NewsOf(m)
	if n == nil || n.Code < codeRecalled || n.Code > codeDeleted {
		return nil
	}
	var data struct {
		MessageID    string          `json:"message_id"`
		MessageSeq   int64           `json:"message_seq"`
		Conversation string          `json:"conversation_id"`
		By           string          `json:"by"`
		Reaction     string          `json:"reaction"`
		Count        int64           `json:"count"`
		Content      json.RawMessage `json:"content"`
		EditedAt     time.Time       `json:"edited_at"`
	}
	if json.Unmarshal(n.Data, &data) != nil {
		return nil
	}
	return &Change{
		MessageID: data.MessageID, MessageSeq: data.MessageSeq, ConversationID: cmp.Or(data.Conversation, m.GetConversationId()), By: data.By,
		Recalled: n.Code == codeRecalled, Deleted: n.Code == codeDeleted,
		Reaction: data.Reaction, TakenBack: n.Code == codeTakenBack, Count: data.Count,
		Content: data.Content, EditedAt: data.EditedAt,
	}
}

// PositionOf returns up to which conversation_seq the sender of a signal of
// KindRead has read, or one of KindDelivered has the messages; ok is false for other
// signals. Positions go only forward, what is read is delivered too, and a signal may
// be lost: all positions are in the members of GET /v1/conversations/{id}.
func PositionOf(s *wire.PushedSignal) (seq int64, ok bool) {
	if s.GetKind() != KindRead && s.GetKind() != KindDelivered {
		return 0, false
	}
	var data struct {
		Seq *int64 `json:"conversation_seq"`
	}
	if json.Unmarshal(s.GetData(), &data) != nil || data.Seq == nil {
		return 0, false
	}
	return *data.Seq, true
}
