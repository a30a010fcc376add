package domain

import (
	"bytes"
	"context"
	"encoding/json"
	"time"
)

// The kinds of signals that gim knows. Others belong to the business.
const (
	SignalTyping = "typing" // the sender is writing
	SignalRead   = "read"   // the sender has read up to somewhere; only gim says it
	// SignalDelivered says that a device of the sender has messages up to somewhere; only
	// gim says it.
	SignalDelivered = "delivered"
)

// SignalParams is what a caller wants signalled.
type SignalParams struct {
	To   Target
	Kind string          // 1 to MaxSignalKind of a-z 0-9 _ . and -
	Data json.RawMessage // an object of at most MaxSignalBytes; empty means {}
}

// Signal tells those of a conversation who are online something that is never
// stored. Treat it as immutable.
type Signal struct {
	App    AppNum
	Sender Sender
	To     Target
	Kind   string
	Data   json.RawMessage // compact
	SentAt time.Time
	// Receivers does not hold the sender, unless ToSender.
	Receivers []UserNum
	// ToSender tells that the receiver is the sender, on all its devices.
	ToSender bool
	// Group is the large group whose followers get it, but for the sender, and then
	// Receivers is empty.
	Group ConversationNum
}

// ConversationID returns the name of the conversation for every receiver.
func (s *Signal) ConversationID() string {
	if s.To == (Target{}) {
		return BusinessConversation
	}
	return (&Message{Sender: s.Sender, To: s.To}).ConversationID(s.ToSender)
}

// SignalPublisher tells the nodes that hold connections about signals.
type SignalPublisher interface {
	// PublishSignal hands a signal over. It does not wait and reports nothing: a
	// signal may be lost.
	PublishSignal(s *Signal)
}

// Signal tells the others of a conversation something, if they are online.
// bad_request, forbidden, rate_limited, unauthorized, user_not_found,
// group_not_found, not_in_group, blocked, not_friend.
func (m *Messenger) Signal(ctx context.Context, by Principal, p SignalParams) error {
	sender, err := senderOf(by, "")
	if err != nil {
		return err
	}
	data, err := p.validate()
	if err != nil {
		return err
	}
	if err := ofUser(by, m.limitSignals, "This user signals faster than allowed.").take(); err != nil {
		return err
	}
	now := Millis(m.clock.Now())
	to, err := m.messages.Receivers(ctx, Outgoing{App: by.App.Num, User: by.User.Num, Message: Message{Sender: sender, To: p.To, SentAt: now}})
	if err != nil {
		return err
	}
	s := &Signal{App: by.App.Num, Sender: sender, To: p.To, Kind: p.Kind, Data: data, SentAt: now, Group: to.Group}
	for _, r := range to.Each {
		if !r.IsSender {
			s.Receivers = append(s.Receivers, r.User)
		}
	}
	if len(s.Receivers) > 0 || s.Group != 0 {
		m.signals.PublishSignal(s)
	}
	return nil
}

// validate checks everything that needs no store and returns the data as it is
// passed on.
func (p SignalParams) validate() (json.RawMessage, error) {
	if err := join(p.To.validate(), validateSignalKind(p.Kind)); err != nil {
		return nil, err
	}
	const pointer = "/data"
	if len(p.Data) == 0 {
		return json.RawMessage("{}"), nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, p.Data); err != nil || compact.Bytes()[0] != '{' {
		return nil, Invalid(pointer, "must be a JSON object")
	}
	if compact.Len() > MaxSignalBytes {
		return nil, Invalid(pointer, "is larger than %d bytes", MaxSignalBytes)
	}
	return compact.Bytes(), nil
}

func validateSignalKind(kind string) *Error {
	const pointer = "/kind"
	if kind == SignalRead || kind == SignalDelivered {
		return Invalid(pointer, "%q is told by gim itself", kind)
	}
	if kind == "" || len(kind) > MaxSignalKind {
		return Invalid(pointer, "must have 1 to %d characters", MaxSignalKind)
	}
	for _, c := range []byte(kind) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '.' && c != '-' {
			return Invalid(pointer, "may contain only a-z, 0-9 and the characters _ . -")
		}
	}
	return nil
}
