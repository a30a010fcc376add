package domain

import (
	"context"
	"encoding/json"
	"errors"
)

// ForwardParams says to whom a message is forwarded.
type ForwardParams struct {
	To          Target
	ClientMsgID string     // "" for none
	SenderType  SenderType // as in SendParams
}

// Forward sends a message with the type and the content of one that the caller may
// read. Nothing else of it is told, so that who gets it learns nothing about a
// conversation that it is not in. bad_request, forbidden, message_not_found,
// message_recalled, and what Send refuses.
func (m *Messenger) Forward(ctx context.Context, by Principal, id MessageID, p ForwardParams) (Receipt, error) {
	sender, err := senderOf(by, p.SenderType)
	if err != nil {
		return Receipt{}, err
	}
	if err := join(id.validate("message_id"), p.To.validate(), validateClientMsgID(p.ClientMsgID)); err != nil {
		return Receipt{}, err
	}
	out := Outgoing{
		App: by.App.Num, User: by.User.Num, Request: RequestOf(ctx),
		Message: Message{Sender: sender, To: p.To, Forwarded: true, ClientMsgID: p.ClientMsgID, SentAt: Millis(m.clock.Now()), Status: StatusNormal},
	}
	source, err := m.forwardable(ctx, by, id)
	if refused, expected := errors.AsType[*Error](err); err != nil && (!expected || refused.Code == CodeUnavailable || p.ClientMsgID == "") {
		return Receipt{}, err
	}
	if out.Refusal = err; err == nil {
		out.Message.Type, out.Message.Content = source.Type, source.Content
	}
	if p.ClientMsgID != "" { // the same request, whatever becomes of the message that is forwarded
		same := Message{Sender: sender, To: p.To, Type: "forward", Content: json.RawMessage(id)}
		out.Digest = same.digest()
	}
	return m.accept(ctx, by, false, out)
}

// forwardable returns a message that the caller may read and forward.
func (m *Messenger) forwardable(ctx context.Context, by Principal, id MessageID) (*Message, error) {
	source, err := m.messages.Message(ctx, by.App.Num, by.User, id)
	switch {
	case err != nil:
		return nil, err
	case source.isEvent():
		return nil, Failure(CodeForbidden, "This entry tells what happened; it cannot be forwarded.")
	case source.Status == StatusRecalled:
		return nil, ErrMessageRecalled
	}
	return source, nil
}
