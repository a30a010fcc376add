package domain

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"
)

// SendParams is what a caller wants sent.
type SendParams struct {
	To          Target
	Type        ContentType
	Content     json.RawMessage
	ClientMsgID string     // "" for none
	Mentions    []string   // user ids, or ["@all"]
	ReplyTo     MessageID  // a message of the conversation that it answers; "" for none
	Ephemeral   bool       // push to those online and do not store
	SenderType  SenderType // business or system, for app keys; "" for the default
	Origin      string     // the connection it came by, or ""
}

// Outgoing is a send that passed every rule that needs no store.
type Outgoing struct {
	App     AppNum
	User    UserNum // the sender's number; 0 for business and system
	Message Message // without conversation, number and id
	// Digest is over everything that makes two sends the same request; nil
	// when there is no ClientMsgID.
	Digest []byte
	// Refusal is why it may not be sent, unless it was before with its ClientMsgID.
	Refusal error
	Origin  string
	Request RequestInfo
}

// Receipt is the answer to a send.
type Receipt struct {
	MessageID       MessageID
	ConversationID  string // as the sender names it
	ConversationSeq int64
	Seq             int64 // entry in the sender's own log; 0 when the business sends
	SentAt          time.Time
	Durable         bool // stored; false when pushed only
	Repeated        bool // the first answer again, for the same client_msg_id
}

// MessageStore appends messages and names their receivers.
type MessageStore interface {
	// Append stores the message and, but for large groups, an entry in the log of
	// every member of its conversation, all or nothing, gives them their numbers, and publishes.
	// It returns after commit. ErrUnauthorized when the sender is gone,
	// ErrUserNotFound, ErrGroupNotFound, ErrNotInGroup, ErrIdempotencyConflict; forbidden
	// for who may not mention all of the group;
	// ErrBlocked when the receiver has blocked the user who sends, ErrNotFriend when the
	// two are no contacts where the app asks for that;
	// ErrUnavailable when the outcome is not known.
	Append(ctx context.Context, out Outgoing) (Receipt, error)
	// Receivers returns who would receive the message now, with the errors of Append.
	Receivers(ctx context.Context, out Outgoing) (Receivers, error)
	StoredMessages
}

// Messenger is the use case of sending and reading messages.
type Messenger struct {
	messages MessageStore
	logs     LogStore
	notify   Notifier
	publish  Publisher
	ids      IDSource
	clock    Clock
	signals  SignalPublisher

	limitSends   Limiter
	limitSignals Limiter
	limitGroups  Limiter // nil for no limit
	limitApps    Limiter // nil for no limit
	sizes        GroupSizer
	apps         AppReader
}

// MessengerOptions are what a Messenger needs; all are required but where it says
// otherwise.
type MessengerOptions struct {
	Messages  MessageStore
	Logs      LogStore
	Notifier  Notifier
	Publisher Publisher
	IDs       IDSource
	Clock     Clock
	Signals   SignalPublisher

	Limiter       Limiter // of the sends of each user
	SignalLimiter Limiter // of the signals of each user
	GroupLimiter  Limiter // of the deliveries of each group; nil is no limit
	AppLimiter    Limiter // of the deliveries of each app; nil is no limit
	GroupSizes    GroupSizer
	Apps          AppReader
}

// NewMessenger returns the use case.
func NewMessenger(o MessengerOptions) *Messenger {
	return &Messenger{
		messages: o.Messages, logs: o.Logs, notify: o.Notifier, publish: o.Publisher,
		ids: o.IDs, clock: o.Clock, signals: o.Signals,
		limitSends: o.Limiter, limitSignals: o.SignalLimiter, limitGroups: o.GroupLimiter, limitApps: o.AppLimiter, sizes: o.GroupSizes, apps: o.Apps,
	}
}

// Send accepts a message. When it returns without error and the receipt is
// durable, the message is stored and in the log of every receiver, or in that of a
// large group. bad_request,
// too_large, forbidden, rate_limited, unauthorized, user_not_found,
// group_not_found, not_in_group, blocked, not_friend, idempotency_conflict, unavailable.
func (m *Messenger) Send(ctx context.Context, by Principal, p SendParams) (Receipt, error) {
	sender, err := senderOf(by, p.SenderType)
	if err != nil {
		return Receipt{}, err
	}
	content, err := p.validate()
	if err != nil {
		return Receipt{}, err
	}
	return m.accept(ctx, by, p.Ephemeral, Outgoing{
		App: by.App.Num, User: by.User.Num, Origin: p.Origin, Request: RequestOf(ctx),
		Message: Message{
			Sender: sender, To: p.To, Type: p.Type, Content: content, Mentions: p.Mentions, ReplyTo: p.ReplyTo,
			ClientMsgID: p.ClientMsgID, SentAt: Millis(m.clock.Now()), Status: StatusNormal,
		},
	})
}

// accept charges for a message and delivers it.
func (m *Messenger) accept(ctx context.Context, by Principal, ephemeral bool, out Outgoing) (Receipt, error) {
	deliveries, err := m.charge(ctx, by, out.Message.Sender, out.Message.To)
	if err != nil {
		return Receipt{}, err
	}
	receipt, err := m.deliver(ctx, out, ephemeral)
	if !delivered(receipt, err) {
		deliveries.giveBack()
	}
	if err == nil {
		noteReceipt(ctx, receipt)
	}
	return receipt, err
}

// charge charges user, group and app for a message, or none of them. It returns
// what the deliveries cost.
func (m *Messenger) charge(ctx context.Context, by Principal, sender Sender, to Target) (deliveries charges, err error) {
	user := ofUser(by, m.limitSends, "This user sends faster than allowed.")
	if err := user.take(); err != nil {
		return nil, err
	}
	deliveries, err = m.ofDeliveries(ctx, by.App.Num, sender.User, to)
	if err == nil {
		err = deliveries.take()
	}
	if err != nil {
		user.giveBack()
		return nil, err
	}
	return deliveries, nil
}

func (m *Messenger) deliver(ctx context.Context, out Outgoing, ephemeral bool) (Receipt, error) {
	if ephemeral {
		return m.sendEphemeral(ctx, out)
	}
	if out.Message.ClientMsgID != "" && out.Digest == nil {
		out.Digest = out.Message.digest()
	}
	return m.messages.Append(ctx, out)
}

// sendEphemeral pushes to whoever is online now; nothing is stored.
func (m *Messenger) sendEphemeral(ctx context.Context, out Outgoing) (Receipt, error) {
	to, err := m.messages.Receivers(ctx, out)
	if err != nil {
		return Receipt{}, err
	}
	msg := out.Message
	entropy := sha256.Sum256([]byte(m.ids.NewID()))
	msg.ID = NewMessageID(msg.SentAt, ConversationNum(uint64be(entropy[:])), 0) //nolint:gosec // any bits do
	m.publish.Publish([]Delivery{{App: out.App, Message: &msg, To: to.Each, Group: to.Group, Origin: out.Origin, Request: out.Request}})
	return Receipt{MessageID: msg.ID, ConversationID: msg.ConversationID(true), SentAt: msg.SentAt}, nil
}

func uint64be(b []byte) (n uint64) {
	for _, c := range b[:8] {
		n = n<<8 | uint64(c)
	}
	return n
}

func senderOf(by Principal, as SenderType) (Sender, error) {
	if err := by.RequireUserOrApp(); err != nil {
		return Sender{}, err
	}
	switch {
	case by.ActsForUser() && as != "" && as != SenderUser:
		return Sender{}, Failure(CodeForbidden, "A user cannot speak for the business or the system.")
	case by.ActsForUser():
		return Sender{Type: SenderUser, User: by.User.ID, Device: by.Device}, nil
	case as == "" || as == SenderBusiness:
		return Sender{Type: SenderBusiness}, nil
	case as == SenderSystem:
		return Sender{Type: SenderSystem}, nil
	}
	return Sender{}, Invalid("/sender_type", "must be business or system; to speak for a user, send the Gim-User header")
}

// validate checks everything that needs no store and returns the content in
// the form that is stored.
func (p SendParams) validate() (json.RawMessage, error) {
	if err := join(p.To.validate(), validateClientMsgID(p.ClientMsgID), validateMentions(p.Mentions), p.validateReply()); err != nil {
		return nil, err
	}
	return ParseContent(p.Type, p.Content)
}

func (p SendParams) validateReply() *Error {
	switch {
	case p.ReplyTo == "":
		return nil
	case p.Ephemeral:
		return Invalid("/reply_to", "needs a message that is stored")
	}
	return p.ReplyTo.validate("/reply_to")
}

// ErrBadReply is the answer to a message that answers what is not there for its sender.
var ErrBadReply = Invalid("/reply_to", "is not a message of this conversation that its sender may read")

func (t Target) validate() *Error {
	switch {
	case t.User != "" && t.Group != "":
		return Invalid("/to", "must name a user or a group, not both")
	case t.User != "":
		return ValidateID("/to/user_id", string(t.User))
	case t.Group != "":
		return ValidateID("/to/group_id", string(t.Group))
	}
	return Invalid("/to", "must name a user (user_id) or a group (group_id)")
}

func validateClientMsgID(id string) *Error {
	const pointer = "/client_msg_id"
	if utf8.RuneCountInString(id) > MaxClientMsgID {
		return Invalid(pointer, "is longer than %d characters", MaxClientMsgID)
	}
	return validateText(pointer, id, MaxClientMsgID)
}

// MentionAll in mentions means everybody in the conversation.
const MentionAll = "@all"

func validateMentions(mentions []string) *Error {
	if len(mentions) > MaxMentions {
		return Invalid("/mentions", "has more than %d entries", MaxMentions)
	}
	seen := make(map[string]bool, len(mentions))
	for i, id := range mentions {
		at := fmt.Sprintf("/mentions/%d", i)
		switch {
		case id == MentionAll && len(mentions) > 1:
			return Invalid(at, "%s must be the only mention", MentionAll)
		case id == MentionAll:
			return nil
		case seen[id]:
			return Invalid(at, "is mentioned twice")
		}
		if err := ValidateID(at, id); err != nil {
			return err
		}
		seen[id] = true
	}
	return nil
}

// digest covers what the caller asked for: two sends with one client_msg_id
// are the same request when their digests are equal.
func (m *Message) digest() []byte {
	h := sha256.New()
	for _, part := range []string{string(m.Sender.Type), string(m.To.User), string(m.To.Group), string(m.Type), string(m.Content)} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part) // a hash takes everything
	}
	for _, id := range m.Mentions {
		_, _ = fmt.Fprintf(h, "%d:%s", len(id), id)
	}
	if m.ReplyTo != "" {
		_, _ = fmt.Fprintf(h, "reply:%s", m.ReplyTo)
	}
	return h.Sum(nil)
}
