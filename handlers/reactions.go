package handlers

import (
	"context"
	"net/http"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
)

// AddReaction handles PUT /v1/messages/{message_id}/reactions/{reaction}.
func (s *server) AddReaction(ctx context.Context, req api.AddReactionRequestObject) (api.AddReactionResponseObject, error) {
	by := principalOf(ctx)
	return answerMessage(by)(s.Messenger.React(ctx, by, domain.MessageID(req.MessageId), req.Reaction))
}

// VisitAddReactionResponse implements api.AddReactionResponseObject.
func (m oneMessage) VisitAddReactionResponse(w http.ResponseWriter) error { return writePage(w, m) }

// RemoveReaction handles DELETE /v1/messages/{message_id}/reactions/{reaction}.
func (s *server) RemoveReaction(ctx context.Context, req api.RemoveReactionRequestObject) (api.RemoveReactionResponseObject, error) {
	if err := s.Messenger.Unreact(ctx, principalOf(ctx), domain.MessageID(req.MessageId), req.Reaction); err != nil {
		return nil, err
	}
	return api.RemoveReaction204Response{}, nil
}

// ListReactions handles GET /v1/messages/{message_id}/reactions.
func (s *server) ListReactions(ctx context.Context, req api.ListReactionsRequestObject) (api.ListReactionsResponseObject, error) {
	page, err := domain.NewPage(req.Params.Limit, req.Params.Cursor)
	if err != nil {
		return nil, err
	}
	list, err := s.Messenger.Reactors(ctx, principalOf(ctx), domain.MessageID(req.MessageId), orZero(req.Params.Reaction), page)
	if err != nil {
		return nil, err
	}
	return api.ListReactions200JSONResponse{Items: convertAll(list.Items, toAPIReactor), NextCursor: toAPICursor(list.NextCursor)}, nil
}

func toAPIReactor(r domain.Reactor) api.Reactor {
	return api.Reactor{UserId: string(r.User), Reaction: r.Reaction, ReactedAt: toAPITime(r.At)}
}
