package handlers

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
)

// convertAll converts every item; an empty list is [] in JSON and never null.
func convertAll[From, To any](items []From, convert func(From) To) []To {
	out := make([]To, len(items))
	for i, item := range items {
		out[i] = convert(item)
	}
	return out
}

// toAPICursor makes the opaque cursor after a list position, null at the end.
func toAPICursor(position string) *string { return orNil(domain.EncodeCursor(position)) }

func toAPITime(t time.Time) api.Time { return api.Time{Time: t} }

// toAPITimeOrNil is nil for a time that never was.
func toAPITimeOrNil(t time.Time) *api.Time {
	if t.IsZero() {
		return nil
	}
	shown := toAPITime(t)
	return &shown
}

func fromAPITimeOrNil(t *api.Time) *time.Time {
	if t == nil {
		return nil
	}
	return &t.Time
}

func orZero[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func orNil[T comparable](v T) *T {
	if v == *new(T) {
		return nil
	}
	return &v
}

// compact returns JSON without white space, as it is stored and as its size is
// counted. raw was checked before.
func compact(raw json.RawMessage) json.RawMessage {
	var buf bytes.Buffer
	if err := json.Compact(&buf, raw); err != nil {
		return raw // the rules of the domain refuse it
	}
	return buf.Bytes()
}

func fromAPIObject(raw *json.RawMessage) json.RawMessage {
	if raw == nil {
		return nil
	}
	return compact(*raw)
}

func fromAPITarget(t api.Target) domain.Target {
	return domain.Target{User: domain.UserID(orZero(t.UserId)), Group: domain.GroupID(orZero(t.GroupId))}
}

func fromAPISend(b *api.SendMessageRequest) domain.SendParams {
	return domain.SendParams{
		To:          fromAPITarget(b.To),
		Type:        domain.ContentType(b.Type),
		Content:     b.Content,
		ClientMsgID: orZero(b.ClientMsgId),
		Mentions:    orZero(b.Mentions),
		ReplyTo:     domain.MessageID(orZero(b.ReplyTo)),
		Ephemeral:   b.Persist != nil && !*b.Persist,
		SenderType:  domain.SenderType(orZero(b.SenderType)),
	}
}

func toAPIReceipt(r domain.Receipt) api.SentMessage {
	return api.SentMessage{
		MessageId: string(r.MessageID), ConversationId: r.ConversationID, ConversationSeq: r.ConversationSeq,
		Seq: orNil(r.Seq), SentAt: toAPITime(r.SentAt),
	}
}

// toAPIMessage writes m as a reader sees it; seq is 0 in a history.
func toAPIMessage(m *domain.Message, seq int64, isSender bool) api.Message {
	mentions := m.Mentions
	if mentions == nil {
		mentions = []string{}
	}
	var reactions *[]api.Reaction
	if len(m.Reactions) > 0 {
		all := convertAll(m.Reactions, func(r domain.Reaction) api.Reaction {
			return api.Reaction{Reaction: r.Reaction, Count: r.Count, Me: r.Me}
		})
		reactions = &all
	}
	var reply *api.Reply
	if m.ReplyTo != "" {
		_, at := m.ReplyTo.Place()
		reply = &api.Reply{MessageId: string(m.ReplyTo), ConversationSeq: at}
	}
	return api.Message{
		Seq: seq, MessageId: string(m.ID),
		ConversationId: m.ConversationID(isSender), ConversationSeq: m.ConversationSeq,
		Sender: api.Sender{
			Type: api.SenderType(m.Sender.Type), UserId: orNil(string(m.Sender.User)), DeviceId: orNil(string(m.Sender.Device)),
		},
		To:   api.MessageTarget{UserId: orNil(string(m.To.User)), GroupId: orNil(string(m.To.Group))},
		Type: string(m.Type), Content: m.Content, Mentions: mentions, ClientMsgId: orNil(m.ClientMsgID),
		SentAt: toAPITime(m.SentAt), Status: api.MessageStatus(m.Status), EditedAt: toAPITimeOrNil(m.EditedAt),
		Reactions: reactions, ReplyTo: reply, Forwarded: orNil(m.Forwarded),
	}
}

// isSentBy reports whether m is the reader's own: the business's are those that
// no user sent.
func isSentBy(m *domain.Message, by domain.Principal) bool {
	if by.ActsForUser() {
		return m.Sender.Type == domain.SenderUser && m.Sender.User == by.User.ID
	}
	return m.Sender.Type != domain.SenderUser
}

func fromAPIProfile(id domain.UserID, b *api.UserProfile) domain.User {
	return domain.User{
		ID: id, Nickname: orZero(b.Nickname), Sex: domain.Sex(orZero(b.Sex)), AvatarURL: orZero(b.AvatarUrl),
		Extra: fromAPIObject(b.Extra),
	}
}

func fromAPIUser(u api.UserWithID) domain.User {
	return fromAPIProfile(domain.UserID(u.UserId), &api.UserProfile{
		Nickname: u.Nickname, Sex: u.Sex, AvatarUrl: u.AvatarUrl, Extra: u.Extra,
	})
}

func toAPIUser(u domain.User) api.User {
	return api.User{
		UserId: string(u.ID), Nickname: u.Nickname, Sex: api.Sex(u.Sex), AvatarUrl: u.AvatarURL, Extra: u.Extra,
		CreatedAt: toAPITime(u.CreatedAt), UpdatedAt: toAPITime(u.UpdatedAt),
	}
}

func fromAPIUserIDs(ids []string) []domain.UserID {
	return convertAll(ids, func(id string) domain.UserID { return domain.UserID(id) })
}
