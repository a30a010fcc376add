package handlers

import (
	"context"
	"net/http"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
)

// SearchMessages handles GET /v1/messages/search.
func (s *server) SearchMessages(ctx context.Context, req api.SearchMessagesRequestObject) (api.SearchMessagesResponseObject, error) {
	p := req.Params
	page, err := domain.NewPage(p.Limit, p.Cursor)
	if err != nil {
		return nil, err
	}
	by := principalOf(ctx)
	found, err := s.Searches.Search(ctx, by, orZero(p.ConversationId), domain.Search{
		Query: p.Q, Sender: domain.UserID(orZero(p.Sender)), From: orZero(p.From).Time, To: orZero(p.To).Time, Type: domain.ContentType(orZero(p.Type)),
	}, page)
	if err != nil {
		return nil, err
	}
	return foundMessages{
		Items:      convertAll(found.Items, func(m *domain.Message) api.Message { return toAPIMessage(m, 0, isSentBy(m, by)) }),
		NextCursor: toAPICursor(found.NextCursor),
	}, nil
}

// foundMessages is written as pages of messages are.
type foundMessages api.FoundMessages

// VisitSearchMessagesResponse implements api.SearchMessagesResponseObject.
func (f foundMessages) VisitSearchMessagesResponse(w http.ResponseWriter) error {
	return writePage(w, f)
}
