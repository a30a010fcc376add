package domain

import (
	"context"
	"crypto/sha256"
	"strconv"
)

// LogDigest is the running hash over a log, a user's or a conversation's, from its
// first entry up to Seq. The zero value is that of no entries.
type LogDigest struct {
	Seq int64
	Sum [sha256.Size]byte
}

// With returns the digest with the entry n, which is message m, behind it. What goes in
// is what every reader has of m and what never changes: so not the content, which a
// recall or an edit replaces. docs/verify.md is the contract.
func (d LogDigest) With(n int64, m *Message) LogDigest {
	to := prefixUser + string(m.To.User)
	if m.To.Group != "" {
		to = prefixGroup + string(m.To.Group)
	}
	raw := make([]byte, 0, 512)
	raw = append(raw, d.Sum[:]...)
	raw = append(strconv.AppendInt(raw, n, 10), '\n')
	raw = append(append(raw, m.ID...), '\n')
	raw = append(strconv.AppendInt(raw, m.ConversationSeq, 10), '\n')
	for _, field := range []string{string(m.Sender.Type), string(m.Sender.User), string(m.Sender.Device), to, string(m.Type)} {
		raw = append(append(raw, field...), '\n')
	}
	raw = append(strconv.AppendInt(raw, m.SentAt.UnixMilli(), 10), '\n')
	raw = append(raw, m.ClientMsgID...) // anything may be in it, so it is the last
	return LogDigest{Seq: n, Sum: sha256.Sum256(raw)}
}

// DigestStore digests logs. A digest may end before the entry that was asked for, so that
// no call takes long; the next one goes on from there.
type DigestStore interface {
	// LogDigest returns the digest of the user's log up to an entry, or up to the head
	// when upto is nil. bad_request below First, ErrResyncRequired beyond the head,
	// ErrUserNotFound.
	LogDigest(ctx context.Context, app AppNum, user UserNum, upto *int64) (LogDigest, LogHead, error)
	// ConversationDigest does so with a conversation as viewer reads it, see History:
	// bad_request where viewer may not read the message behind upto.
	ConversationDigest(ctx context.Context, app AppNum, viewer UserRef, target Target, upto *int64) (LogDigest, error)
}

// DigestUpTo returns the entry up to which a log from first to head is digested.
func DigestUpTo(upto *int64, first, head int64) (int64, error) {
	switch {
	case upto == nil:
		return head, nil
	case *upto > head:
		return 0, ErrResyncRequired
	case *upto < first-1:
		return 0, Invalid("upto", "must not be below %d: what comes before cannot be read", first-1)
	}
	return *upto, nil
}

// LogDigest returns the digest of the caller's log. bad_request, forbidden,
// resync_required, unavailable.
func (m *Messenger) LogDigest(ctx context.Context, by Principal, upto *int64, epoch string) (LogDigest, LogHead, error) {
	if err := by.RequireUser(); err != nil {
		return LogDigest{}, LogHead{}, err
	}
	d, head, err := m.logs.LogDigest(ctx, by.App.Num, by.User.Num, upto)
	if err == nil {
		err = head.CheckCursor(d.Seq, epoch)
	}
	return d, head, err
}

// ConversationDigest returns the digest of a conversation that the caller may read, as
// History does. bad_request, forbidden, user_not_found, group_not_found, not_in_group,
// resync_required, unavailable.
func (m *Messenger) ConversationDigest(ctx context.Context, by Principal, conversationID string, upto *int64) (LogDigest, error) {
	if err := by.RequireUserOrApp(); err != nil {
		return LogDigest{}, err
	}
	target, err := ParseConversationID("conversation_id", conversationID, !by.ActsForUser())
	if err != nil {
		return LogDigest{}, err
	}
	return m.logs.ConversationDigest(ctx, by.App.Num, by.User, target, upto)
}
