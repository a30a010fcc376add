package wire

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/gim-im/gim/domain"
)

// AppendJSON appends the message as JSON, as one receiver reads it.
func (b *Body) AppendJSON(dst []byte, seq int64, conversationID string) []byte {
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendInt(dst, seq, 10)
	dst = append(dst, `,"conversation_id":`...)
	dst = appendString(dst, conversationID)
	return append(dst, b.commonJSON()...)
}

// commonJSON is the rest of the object, from the comma to the closing brace.
func (b *Body) commonJSON() []byte {
	if made := b.json.Load(); made != nil {
		return *made
	}
	return keepFirst(&b.json, b.appendCommonJSON(make([]byte, 0, b.Size())))
}

func (b *Body) appendCommonJSON(dst []byte) []byte {
	m := b.message
	dst = appendField(dst, `,"message_id":`, string(m.ID))
	dst = append(dst, `,"conversation_seq":`...)
	dst = strconv.AppendInt(dst, m.ConversationSeq, 10)
	dst = appendSender(dst, string(m.Sender.Type), string(m.Sender.User), string(m.Sender.Device))
	if m.To.Group != "" {
		dst = appendField(dst, `,"to":{"group_id":`, string(m.To.Group))
	} else {
		dst = appendField(dst, `,"to":{"user_id":`, string(m.To.User))
	}
	dst = appendField(dst, `},"type":`, string(m.Type))
	dst = append(dst, `,"content":`...)
	dst = append(dst, m.Content...)
	dst = append(dst, `,"mentions":[`...)
	for i, id := range m.Mentions {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, id)
	}
	dst = append(dst, ']')
	dst = appendOptional(dst, `,"client_msg_id":`, m.ClientMsgID)
	dst = append(dst, `,"sent_at":"`...)
	dst = appendTime(dst, m.SentAt)
	dst = appendField(dst, `","status":`, string(m.Status))
	if !m.EditedAt.IsZero() {
		dst = append(appendTime(append(dst, `,"edited_at":"`...), m.EditedAt), '"')
	}
	if m.ReplyTo != "" {
		_, seq := m.ReplyTo.Place()
		dst = appendField(dst, `,"reply_to":{"message_id":`, string(m.ReplyTo))
		dst = append(strconv.AppendInt(append(dst, `,"conversation_seq":`...), seq, 10), '}')
	}
	if m.Forwarded {
		dst = append(dst, `,"forwarded":true`...)
	}
	if len(m.Reactions) > 0 {
		dst = appendReactions(dst, m.Reactions)
	}
	return append(dst, '}')
}

func appendReactions(dst []byte, all []domain.Reaction) []byte {
	dst = append(dst, `,"reactions":[`...)
	for i, r := range all {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendField(dst, `{"reaction":`, r.Reaction)
		dst = strconv.AppendInt(append(dst, `,"count":`...), r.Count, 10)
		dst = strconv.AppendBool(append(dst, `,"me":`...), r.Me)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// appendSender writes a member of an object that has others before it.
func appendSender(dst []byte, kind, user, device string) []byte {
	dst = appendField(dst, `,"sender":{"type":`, kind)
	dst = appendOptional(dst, `,"user_id":`, user)
	dst = appendOptional(dst, `,"device_id":`, device)
	return append(dst, '}')
}

// appendTime writes RFC 3339 in UTC with milliseconds, as everywhere in gim.
func appendTime(dst []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
}

func appendField(dst []byte, name, value string) []byte {
	return appendString(append(dst, name...), value)
}

func appendOptional(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return appendField(dst, name, value)
}

// appendString appends a JSON string. What is not UTF-8 becomes U+FFFD: JSON has
// no other way, and no such text gets into gim.
func appendString(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}
