package domain

import (
	"context"
	"encoding/json"
	"time"
)

// Delete takes a message from the caller, on all its devices, and from nobody else.
// bad_request, forbidden, unauthorized, message_not_found, rate_limited.
func (m *Messenger) Delete(ctx context.Context, by Principal, id MessageID) error {
	if err := by.RequireUser(); err != nil {
		return err
	}
	if err := join(id.validate("message_id")); err != nil {
		return err
	}
	if err := ofUser(by, m.limitSends, "This user sends and deletes faster than allowed.").take(); err != nil {
		return err
	}
	return m.messages.DeleteMessage(ctx, by.App.Num, by.User, id)
}

// MessageDeleted tells a user, in its conversation with the business, that it has
// deleted a message for itself: nobody else may learn of it.
func MessageDeleted(user UserID, m *Message, at time.Time) (Message, error) {
	isSender := m.Sender.Type == SenderUser && m.Sender.User == user
	content, err := json.Marshal(MessageEvent{EventMessageDeleted, MessageEventData{
		Message: m.ID, Seq: m.ConversationSeq, Conversation: m.ConversationID(isSender),
	}})
	if err != nil {
		return Message{}, Trace(err)
	}
	return Message{
		Sender: Sender{Type: SenderSystem}, To: Target{User: user}, Type: ContentCommand, Content: content, SentAt: at, Status: StatusNormal,
	}, nil
}
