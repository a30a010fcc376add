package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
)

// SendMessage handles POST /v1/messages.
func (s *server) SendMessage(ctx context.Context, req api.SendMessageRequestObject) (api.SendMessageResponseObject, error) {
	receipt, err := s.Messenger.Send(ctx, principalOf(ctx), fromAPISend(req.Body))
	switch {
	case err != nil:
		return nil, err
	case !receipt.Durable:
		return api.SendMessage202JSONResponse{MessageId: string(receipt.MessageID), SentAt: toAPITime(receipt.SentAt)}, nil
	case receipt.Repeated:
		return api.SendMessage200JSONResponse(toAPIReceipt(receipt)), nil
	}
	return api.SendMessage201JSONResponse(toAPIReceipt(receipt)), nil
}

// Sync handles GET /v1/sync.
func (s *server) Sync(ctx context.Context, req api.SyncRequestObject) (api.SyncResponseObject, error) {
	limit, err := domain.PageLimit(req.Params.Limit)
	if err != nil {
		return nil, err
	}
	groups, err := domain.ParsePositions("groups", orZero(req.Params.Groups))
	if err != nil {
		return nil, err
	}
	page, err := s.Messenger.Sync(ctx, principalOf(ctx), domain.SyncParams{
		After:  orZero(req.Params.After),
		Epoch:  orZero(req.Params.Epoch),
		Limit:  limit,
		Wait:   time.Duration(orZero(req.Params.Wait)) * time.Second,
		Groups: groups,
	})
	if err == nil && orZero(req.Params.Wait) > 0 {
		err = stillGood(ctx)
	}
	if err != nil {
		return nil, err
	}
	return syncPage{
		Items: convertAll(page.Entries, func(e domain.Entry) api.Message {
			return toAPIMessage(e.Message, e.Seq, e.IsSender)
		}),
		HasMore: page.HasMore, FirstSeq: page.First, HeadSeq: page.Head, Epoch: page.Epoch,
		Groups: convertAll(page.Groups, func(g domain.LargeGroup) api.GroupHead {
			return api.GroupHead{GroupId: string(g.ID), Head: g.Head, Acked: g.Acked, Unread: g.Unread}
		}),
	}, nil
}

// ListMessages handles GET /v1/conversations/{conversation_id}/messages.
func (s *server) ListMessages(ctx context.Context, req api.ListMessagesRequestObject) (api.ListMessagesResponseObject, error) {
	limit, err := domain.PageLimit(req.Params.Limit)
	if err != nil {
		return nil, err
	}
	by := principalOf(ctx)
	page, err := s.Messenger.History(ctx, by, req.ConversationId, domain.HistoryRange{
		Before: req.Params.Before, After: req.Params.After, Limit: limit,
	})
	if err != nil {
		return nil, err
	}
	return messagePage{
		Items: convertAll(page.Messages, func(m *domain.Message) api.Message {
			return toAPIMessage(m, 0, isSentBy(m, by))
		}),
		HasMore: page.HasMore,
	}, nil
}

// Pages of messages are not written by the generated code, which would put
// escapes for <, > and & into contents: the same JSON, but not the bytes that
// were sent, and up to six times as many.
type (
	syncPage    api.SyncPage
	messagePage api.MessagePage
)

// VisitSyncResponse implements api.SyncResponseObject.
func (p syncPage) VisitSyncResponse(w http.ResponseWriter) error { return writePage(w, p) }

// VisitListMessagesResponse implements api.ListMessagesResponseObject.
func (p messagePage) VisitListMessagesResponse(w http.ResponseWriter) error { return writePage(w, p) }

func writePage(w http.ResponseWriter, page any) error {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(page); err != nil {
		return domain.Trace(err)
	}
	w.Header().Set("Content-Type", mediaJSON)
	_, err := buf.WriteTo(w)
	return err
}
