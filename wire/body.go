package wire

import (
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/domain"
)

// Body is a message together with its encodings. Receivers differ only in
// their seq and in their name of the conversation, so everything else is encoded
// once in each form and shared. Whoever finds an encoding missing makes it, and
// nobody waits for another who does: of two made at one moment one is kept. It is
// safe for concurrent use.
type Body struct {
	message    *domain.Message
	toSender   string // the conversation as its sender names it
	toReceiver string

	proto, json atomic.Pointer[[]byte]

	eventOnce sync.Once
	event     *domain.GroupEvent
}

// NewBody wraps m, which must not be changed afterwards.
func NewBody(m *domain.Message) *Body {
	return &Body{message: m, toSender: m.ConversationID(true), toReceiver: m.ConversationID(false)}
}

// Message returns the message; treat it as immutable.
func (b *Body) Message() *domain.Message { return b.message }

// ConversationID returns the name of the conversation for the message's sender
// or for any other receiver.
func (b *Body) ConversationID(toSender bool) string {
	if toSender {
		return b.toSender
	}
	return b.toReceiver
}

// GroupEvent returns what the message tells of its group, or nil when it is none of
// gim's own.
func (b *Body) GroupEvent() *domain.GroupEvent {
	if b.message.Sender.Type != domain.SenderSystem {
		return nil
	}
	b.eventOnce.Do(func() {
		if e, ok := domain.EventOf(b.message); ok {
			b.event = &e
		}
	})
	return b.event
}

// Size estimates the bytes that the message takes in a frame or in a queue,
// without encoding it.
func (b *Body) Size() int {
	const rest = 480 // names, ids, times and the receiver's own fields
	m := b.message
	size := rest + len(m.Content) + len(m.ClientMsgID)
	for _, id := range m.Mentions {
		size += len(id) + 3
	}
	for _, r := range m.Reactions {
		size += len(r.Reaction) + 64
	}
	return size
}

// CommonProto returns the message as bytes of gim.v1.Message without seq and
// conversation_id. The bytes are shared: do not change them.
func (b *Body) CommonProto() []byte {
	if made := b.proto.Load(); made != nil {
		return *made
	}
	return keepFirst(&b.proto, marshalCommon(b.message))
}

// keepFirst keeps an encoding unless there is one, and returns the one that is kept.
func keepFirst(kept *atomic.Pointer[[]byte], made []byte) []byte {
	kept.CompareAndSwap(nil, &made)
	return *kept.Load()
}

func marshalCommon(m *domain.Message) []byte {
	// The only failure is text that is not UTF-8, which domain never lets in; an
	// empty encoding is then refused by whoever reads it.
	common, _ := proto.Marshal(&Message{
		MessageId:       string(m.ID),
		ConversationSeq: m.ConversationSeq,
		Sender:          &Sender{Type: string(m.Sender.Type), UserId: string(m.Sender.User), DeviceId: string(m.Sender.Device)},
		To:              &Target{UserId: string(m.To.User), GroupId: string(m.To.Group)},
		Type:            string(m.Type),
		Content:         m.Content,
		Mentions:        m.Mentions,
		ClientMsgId:     m.ClientMsgID,
		SentAt:          m.SentAt.UnixMilli(),
		Status:          string(m.Status),
		EditedAt:        millisOf(m.EditedAt),
		Reactions:       reactionsOf(m),
		ReplyTo:         replyOf(m),
		Forwarded:       m.Forwarded,
	})
	return common
}

func replyOf(m *domain.Message) *Reply {
	if m.ReplyTo == "" {
		return nil
	}
	_, seq := m.ReplyTo.Place()
	return &Reply{MessageId: string(m.ReplyTo), ConversationSeq: seq}
}

func reactionsOf(m *domain.Message) []*Reaction {
	if len(m.Reactions) == 0 {
		return nil
	}
	all := make([]*Reaction, len(m.Reactions))
	for i, r := range m.Reactions {
		all[i] = &Reaction{Reaction: r.Reaction, Count: r.Count, Me: r.Me}
	}
	return all
}

// ParseBody reads what CommonProto wrote; it keeps common, which must not be
// changed afterwards. It fails on anything that is not a whole message.
func ParseBody(common []byte) (*Body, error) {
	var p Message
	if err := proto.Unmarshal(common, &p); err != nil {
		return nil, err
	}
	switch {
	case p.GetMessageId() == "" || p.GetType() == "" || p.GetSender().GetType() == "":
		return nil, errors.New("message lacks its id, type or sender")
	case p.GetSeq() != 0 || p.GetConversationId() != "":
		return nil, errors.New("message is one receiver's, not everyone's")
	case !json.Valid(p.GetContent()):
		return nil, errors.New("content is not JSON")
	}
	m := p.message()
	m.Conversation = m.ID.Conversation()
	b := NewBody(m)
	b.proto.Store(&common)
	return b, nil
}

// message is what a message says to all its readers.
func (p *Message) message() *domain.Message {
	m := &domain.Message{
		ConversationSeq: p.GetConversationSeq(),
		ID:              domain.MessageID(p.GetMessageId()),
		Sender: domain.Sender{
			Type: domain.SenderType(p.GetSender().GetType()),
			User: domain.UserID(p.GetSender().GetUserId()), Device: domain.DeviceID(p.GetSender().GetDeviceId()),
		},
		To:          domain.Target{User: domain.UserID(p.GetTo().GetUserId()), Group: domain.GroupID(p.GetTo().GetGroupId())},
		Type:        domain.ContentType(p.GetType()),
		Content:     p.GetContent(),
		Mentions:    p.GetMentions(),
		ClientMsgID: p.GetClientMsgId(),
		SentAt:      time.UnixMilli(p.GetSentAt()).UTC(),
		Status:      domain.Status(p.GetStatus()),
		EditedAt:    timeOf(p.GetEditedAt()),
		ReplyTo:     domain.MessageID(p.GetReplyTo().GetMessageId()),
		Forwarded:   p.GetForwarded(),
	}
	for _, r := range p.GetReactions() {
		m.Reactions = append(m.Reactions, domain.Reaction{Reaction: r.GetReaction(), Count: r.GetCount(), Me: r.GetMe()})
	}
	return m
}

// millisOf and timeOf write and read a time that may never have been.
func millisOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func timeOf(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis).UTC()
}

// AppendMessageJSON appends a message as its reader has got it, in the JSON form
// of the REST API.
func AppendMessageJSON(dst []byte, m *Message) []byte {
	return NewBody(m.message()).AppendJSON(dst, m.GetSeq(), m.GetConversationId())
}

// Numbers of the fields that are one receiver's own, as in gim.proto.
const (
	fieldSeq            protowire.Number = 1
	fieldConversationID protowire.Number = 2
)

// AppendProto appends the message as gim.v1.Message, as one receiver reads it.
func (b *Body) AppendProto(dst []byte, seq int64, conversationID string) []byte {
	if seq != 0 {
		dst = protowire.AppendTag(dst, fieldSeq, protowire.VarintType)
		dst = protowire.AppendVarint(dst, uint64(seq)) //nolint:gosec // two's complement, as protobuf has it
	}
	dst = protowire.AppendTag(dst, fieldConversationID, protowire.BytesType)
	dst = protowire.AppendString(dst, conversationID)
	return append(dst, b.CommonProto()...)
}

// sizeProto is the length of what AppendProto appends.
func (b *Body) sizeProto(seq int64, conversationID string) int {
	size := protowire.SizeTag(fieldConversationID) + protowire.SizeBytes(len(conversationID)) + len(b.CommonProto())
	if seq != 0 {
		size += protowire.SizeTag(fieldSeq) + protowire.SizeVarint(uint64(seq)) //nolint:gosec // as above
	}
	return size
}
