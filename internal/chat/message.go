package chat

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/wire"
)

// Stage is how far a message has come.
type Stage int

// The stages of a message.
const (
	// Stored is in the log: received, or sent and acknowledged.
	Stored Stage = iota
	// Passing was pushed to those online and is stored nowhere but here.
	Passing
	// Sending is not acknowledged yet. It may be stored or not.
	Sending
	// Failed was refused; Failure says why. Nobody else has seen it.
	Failed
)

// Message is a message as the client shows it.
type Message struct {
	ID string `json:"message_id,omitempty"` // "" while it is sending, and when it failed
	// Seq is its number in the conversation. What has none of its own has that of
	// the message that it came after.
	Seq         int64           `json:"conversation_seq"`
	SenderType  string          `json:"sender_type"` // user, business or system
	Sender      string          `json:"sender,omitempty"`
	Type        string          `json:"type"`
	Content     json.RawMessage `json:"content"`
	Mentions    []string        `json:"mentions,omitempty"`
	ClientMsgID string          `json:"client_msg_id,omitempty"`
	SentAt      time.Time       `json:"sent_at"`
	Status      string          `json:"status,omitempty"` // Recalled, Edited or nothing to say
	EditedAt    time.Time       `json:"edited_at,omitzero"`
	ReplyTo     *Reply          `json:"reply_to,omitempty"`
	Forwarded   bool            `json:"forwarded,omitempty"` // copied from another message
	Reactions   []Reaction      `json:"reactions,omitempty"` // in the order of their first use

	Stage   Stage  `json:"stage,omitempty"`
	Failure string `json:"failure,omitempty"` // of a failed one: a sentence
	// Once is true for one that the server is not to store: it cannot be sent again,
	// because nobody could tell it from its repetition.
	Once bool `json:"-"`
}

func fromPush(m *wire.Message) Message {
	stage := Stored
	if m.GetSeq() == 0 && m.GetConversationSeq() == 0 { // else it is in the log of the user, or of a large group
		stage = Passing
	}
	got := Message{
		ID: m.GetMessageId(), Seq: m.GetConversationSeq(), SenderType: m.GetSender().GetType(), Sender: m.GetSender().GetUserId(),
		Type: m.GetType(), Content: m.GetContent(), Mentions: m.GetMentions(), ClientMsgID: m.GetClientMsgId(),
		SentAt: time.UnixMilli(m.GetSentAt()), Stage: stage, Status: m.GetStatus(), Forwarded: m.GetForwarded(),
	}
	if to := m.GetReplyTo(); to != nil {
		got.ReplyTo = &Reply{ID: to.GetMessageId(), Seq: to.GetConversationSeq()}
	}
	for _, r := range m.GetReactions() {
		got.Reactions = append(got.Reactions, Reaction{Reaction: r.GetReaction(), Count: r.GetCount(), Me: r.GetMe()})
	}
	if at := m.GetEditedAt(); at != 0 {
		got.EditedAt = time.UnixMilli(at)
	}
	return got
}

func fromHistory(m client.Message) Message {
	got := Message{
		ID: m.MessageId, Seq: m.ConversationSeq, SenderType: string(m.Sender.Type), Type: m.Type, Content: m.Content,
		Mentions: m.Mentions, SentAt: m.SentAt, Status: string(m.Status),
	}
	if m.EditedAt != nil {
		got.EditedAt = *m.EditedAt
	}
	if m.ReplyTo != nil {
		got.ReplyTo = &Reply{ID: m.ReplyTo.MessageId, Seq: m.ReplyTo.ConversationSeq}
	}
	if m.Reactions != nil {
		for _, r := range *m.Reactions {
			got.Reactions = append(got.Reactions, Reaction{Reaction: r.Reaction, Count: r.Count, Me: r.Me})
		}
	}
	got.Forwarded = m.Forwarded != nil && *m.Forwarded
	if m.Sender.UserId != nil {
		got.Sender = *m.Sender.UserId
	}
	if m.ClientMsgId != nil {
		got.ClientMsgID = *m.ClientMsgId
	}
	return got
}

// by reports whether user sent m.
func (m *Message) by(user string) bool { return m.SenderType == "user" && m.Sender == user }

// Names reports whether m mentions user.
func (m *Message) Names(user string) bool {
	return slices.Contains(m.Mentions, user) || slices.Contains(m.Mentions, "@all")
}
