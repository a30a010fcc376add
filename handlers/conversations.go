package handlers

import (
	"context"
	"net/http"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
)

// ListConversations handles GET /v1/conversations.
func (s *server) ListConversations(ctx context.Context, req api.ListConversationsRequestObject) (api.ListConversationsResponseObject, error) {
	page, err := domain.NewPage(req.Params.Limit, req.Params.Cursor)
	if err != nil {
		return nil, err
	}
	if req.Params.ChangedSince != nil {
		return s.listChanges(ctx, req.Params, page)
	}
	list, err := s.Conversations.List(ctx, principalOf(ctx), page)
	if err != nil {
		return nil, err
	}
	return toConversationList(list), nil
}

func (s *server) listChanges(ctx context.Context, p api.ListConversationsParams, page domain.Page) (api.ListConversationsResponseObject, error) {
	if p.Cursor != nil {
		return nil, domain.Invalid("cursor", "must not be given together with changed_since")
	}
	list, hasMore, err := s.Conversations.Changes(ctx, principalOf(ctx), *p.ChangedSince, page.Limit)
	if err != nil {
		return nil, err
	}
	out := toConversationList(list)
	if hasMore {
		out.NextCursor = &out.Changes
	}
	return out, nil
}

func toConversationList(list domain.ConversationList) conversationList {
	return conversationList{
		Items:   convertAll(list.Items, toAPIConversation),
		Removed: append([]string{}, list.Removed...), Changes: list.Changes.String(),
		NextCursor: toAPICursor(list.NextCursor), TotalUnread: list.TotalUnread,
	}
}

// GetConversation handles GET /v1/conversations/{conversation_id}.
func (s *server) GetConversation(ctx context.Context, req api.GetConversationRequestObject) (api.GetConversationResponseObject, error) {
	return toConversation(s.Conversations.Get(ctx, principalOf(ctx), req.ConversationId))
}

// UpdateConversation handles PATCH /v1/conversations/{conversation_id}.
func (s *server) UpdateConversation(ctx context.Context, req api.UpdateConversationRequestObject) (api.UpdateConversationResponseObject, error) {
	return toConversation(s.Conversations.Change(ctx, principalOf(ctx), req.ConversationId, domain.ConversationChange{
		Pinned: req.Body.Pinned, Muted: req.Body.Muted, MarkedUnread: req.Body.MarkedUnread, Hidden: req.Body.Hidden,
	}))
}

// DeleteConversation handles DELETE /v1/conversations/{conversation_id}.
func (s *server) DeleteConversation(ctx context.Context, req api.DeleteConversationRequestObject) (api.DeleteConversationResponseObject, error) {
	return api.DeleteConversation204Response{}, s.Conversations.Delete(ctx, principalOf(ctx), req.ConversationId)
}

// ReadConversation handles PUT /v1/conversations/{conversation_id}/read.
func (s *server) ReadConversation(ctx context.Context, req api.ReadConversationRequestObject) (api.ReadConversationResponseObject, error) {
	return toConversation(s.Conversations.Read(ctx, principalOf(ctx), req.ConversationId, req.Body.ConversationSeq))
}

// What has messages in it is written like pages of them.
type (
	conversationList api.ConversationList
	conversation     api.Conversation
)

// VisitListConversationsResponse implements api.ListConversationsResponseObject.
func (l conversationList) VisitListConversationsResponse(w http.ResponseWriter) error {
	return writePage(w, l)
}

// VisitGetConversationResponse implements api.GetConversationResponseObject.
func (c conversation) VisitGetConversationResponse(w http.ResponseWriter) error {
	return writePage(w, c)
}

// VisitUpdateConversationResponse implements api.UpdateConversationResponseObject.
func (c conversation) VisitUpdateConversationResponse(w http.ResponseWriter) error {
	return writePage(w, c)
}

// VisitReadConversationResponse implements api.ReadConversationResponseObject.
func (c conversation) VisitReadConversationResponse(w http.ResponseWriter) error {
	return writePage(w, c)
}

// toConversation answers with one conversation and its members.
func toConversation(c domain.Conversation, err error) (conversation, error) {
	if err != nil {
		return conversation{}, err
	}
	out := toAPIConversation(c)
	out.MemberCount = &c.MemberCount
	if c.Members != nil {
		members := convertAll(c.Members, func(m domain.ConversationMember) api.ConversationMember {
			return api.ConversationMember{UserId: string(m.User), ReadSeq: m.ReadSeq, DeliveredSeq: m.DeliveredSeq}
		})
		out.Members = &members
	}
	return conversation(out), nil
}

func toAPIConversation(c domain.Conversation) api.Conversation {
	out := api.Conversation{
		ConversationId: c.ID, Type: api.ConversationType(c.Type), LastSeq: c.LastSeq, ReadSeq: c.ReadSeq, Unread: c.Unread,
		Mentioned: c.MentionSeq != 0, FirstMentionSeq: orNil(c.MentionSeq),
		Pinned: c.Pinned, Muted: c.Muted, MarkedUnread: c.MarkedUnread, Hidden: c.Hidden,
	}
	if c.LastMessage != nil {
		last := toAPIMessage(c.LastMessage, 0, c.LastIsSender)
		out.LastMessage = &last
	}
	return out
}
