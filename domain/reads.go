package domain

import "context"

// MessageReads tells who has read a message, of those who were members of its
// conversation when it was sent and still are, without its sender.
type MessageReads struct {
	List[MessageRead] // none of a large group
	MemberCount       int
	ReadCount         int
}

// MessageRead is whether somebody has read a message.
type MessageRead struct {
	Num  UserNum
	User UserID
	Read bool // the position is at the message or behind it
}

// Reads returns how many have read a message, and a page of them, or of those only who
// have read it or have not. In a large group nobody sees the positions of others, and its
// sender and the back end get the counts. bad_request, forbidden, message_not_found.
func (m *Messenger) Reads(ctx context.Context, by Principal, id MessageID, read *bool, p Page) (MessageReads, error) {
	if err := by.RequireUserOrApp(); err != nil {
		return MessageReads{}, err
	}
	if err := join(id.validate("message_id")); err != nil {
		return MessageReads{}, err
	}
	return m.messages.MessageReads(ctx, by.App.Num, by.User, id, read, p)
}

// RefuseReads is the answer to who asks for the reads of a message in a large group that
// somebody else has sent; reader is 0 for the business.
func RefuseReads(reader, sender UserNum) error {
	if reader == 0 || reader == sender {
		return nil
	}
	return Failure(CodeForbidden, "In a large group only the sender of a message learns how many have read it.")
}
