package handlers

import (
	"bytes"
	"cmp"
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

// ForwardMessage handles POST /v1/messages/{message_id}/forward.
func (s *server) ForwardMessage(ctx context.Context, req api.ForwardMessageRequestObject) (api.ForwardMessageResponseObject, error) {
	receipt, err := s.Messenger.Forward(ctx, principalOf(ctx), domain.MessageID(req.MessageId), domain.ForwardParams{
		To:          fromAPITarget(req.Body.To),
		ClientMsgID: orZero(req.Body.ClientMsgId),
		SenderType:  domain.SenderType(orZero(req.Body.SenderType)),
	})
	switch {
	case err != nil:
		return nil, err
	case receipt.Repeated:
		return api.ForwardMessage200JSONResponse(toAPIReceipt(receipt)), nil
	}
	return api.ForwardMessage201JSONResponse(toAPIReceipt(receipt)), nil
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
		MinSeq: orZero(req.Params.MinSeq),
		Groups: groups,
	})
	if err == nil && (orZero(req.Params.Wait) > 0 || orZero(req.Params.MinSeq) > 0) {
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
	r, err := fromAPIHistory(req.Params)
	if err != nil {
		return nil, err
	}
	by := principalOf(ctx)
	page, err := s.Messenger.History(ctx, by, req.ConversationId, r)
	if err == nil && r.MinSeq > 0 {
		err = stillGood(ctx)
	}
	if err != nil {
		return nil, err
	}
	return messagePage{
		Items: convertAll(page.Messages, func(m *domain.Message) api.Message {
			return toAPIMessage(m, 0, isSentBy(m, by))
		}),
		HasMore: page.HasMore(), NextBefore: page.NextBefore, NextAfter: page.NextAfter,
	}, nil
}

func fromAPIHistory(p api.ListMessagesParams) (domain.HistoryRange, error) {
	r := domain.HistoryRange{
		Before: p.Before, After: p.After, Around: p.Around, Sender: domain.UserID(orZero(p.Sender)), MinSeq: orZero(p.MinSeq),
	}
	var errs [3]error
	r.Limit, errs[0] = domain.PageLimit(p.Limit)
	r.Types, errs[1] = domain.ParseContentTypes("type", orZero(p.Type))
	if p.From != nil {
		r.From, errs[2] = domain.ParseMoment("from", *p.From)
	}
	return r, cmp.Or(errs[0], errs[1], errs[2])
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

// GetMessage handles GET /v1/messages/{message_id}.
func (s *server) GetMessage(ctx context.Context, req api.GetMessageRequestObject) (api.GetMessageResponseObject, error) {
	by := principalOf(ctx)
	return answerMessage(by)(s.Messenger.Message(ctx, by, domain.MessageID(req.MessageId)))
}

// EditMessage handles PATCH /v1/messages/{message_id}.
func (s *server) EditMessage(ctx context.Context, req api.EditMessageRequestObject) (api.EditMessageResponseObject, error) {
	by := principalOf(ctx)
	return answerMessage(by)(s.Messenger.Edit(ctx, by, domain.MessageID(req.MessageId), req.Body.Content))
}

// RecallMessage handles POST /v1/messages/{message_id}/recall.
func (s *server) RecallMessage(ctx context.Context, req api.RecallMessageRequestObject) (api.RecallMessageResponseObject, error) {
	by := principalOf(ctx)
	return answerMessage(by)(s.Messenger.Recall(ctx, by, domain.MessageID(req.MessageId)))
}

// DeleteMessage handles DELETE /v1/messages/{message_id}.
func (s *server) DeleteMessage(ctx context.Context, req api.DeleteMessageRequestObject) (api.DeleteMessageResponseObject, error) {
	return api.DeleteMessage204Response{}, s.Messenger.Delete(ctx, principalOf(ctx), domain.MessageID(req.MessageId))
}

// ListMessageReads handles GET /v1/messages/{message_id}/reads.
func (s *server) ListMessageReads(ctx context.Context, req api.ListMessageReadsRequestObject) (api.ListMessageReadsResponseObject, error) {
	page, err := domain.NewPage(req.Params.Limit, req.Params.Cursor)
	if err != nil {
		return nil, err
	}
	var read *bool
	if req.Params.Read != nil {
		read = new(*req.Params.Read == "true")
	}
	reads, err := s.Messenger.Reads(ctx, principalOf(ctx), domain.MessageID(req.MessageId), read, page)
	if err != nil {
		return nil, err
	}
	return api.ListMessageReads200JSONResponse{
		Items: convertAll(reads.Items, func(r domain.MessageRead) api.MessageRead {
			return api.MessageRead{UserId: string(r.User), Read: r.Read}
		}),
		NextCursor: toAPICursor(reads.NextCursor), MemberCount: reads.MemberCount, ReadCount: reads.ReadCount,
	}, nil
}

// ListMessageEdits handles GET /v1/messages/{message_id}/edits.
func (s *server) ListMessageEdits(ctx context.Context, req api.ListMessageEditsRequestObject) (api.ListMessageEditsResponseObject, error) {
	page, err := domain.NewPage(req.Params.Limit, req.Params.Cursor)
	if err != nil {
		return nil, err
	}
	edits, err := s.Messenger.MessageEdits(ctx, principalOf(ctx), domain.MessageID(req.MessageId), page)
	if err != nil {
		return nil, err
	}
	return editList{Items: convertAll(edits.Items, toAPIMessageEdit), NextCursor: toAPICursor(edits.NextCursor)}, nil
}

func toAPIMessageEdit(e domain.MessageEdit) api.MessageEdit {
	return api.MessageEdit{Content: e.Content, ReplacedAt: toAPITime(e.ReplacedAt)}
}

// answerMessage answers with one message as by names its conversation. The business
// has no name for a chat between two users; it is told the sender's.
func answerMessage(by domain.Principal) func(*domain.Message, error) (oneMessage, error) {
	return func(m *domain.Message, err error) (oneMessage, error) {
		if err != nil {
			return oneMessage{}, err
		}
		return oneMessage(toAPIMessage(m, 0, !by.ActsForUser() || isSentBy(m, by))), nil
	}
}

// What holds contents of messages is written as pages of them are.
type (
	oneMessage api.Message
	editList   api.MessageEditList
)

// VisitGetMessageResponse implements api.GetMessageResponseObject.
func (m oneMessage) VisitGetMessageResponse(w http.ResponseWriter) error { return writePage(w, m) }

// VisitEditMessageResponse implements api.EditMessageResponseObject.
func (m oneMessage) VisitEditMessageResponse(w http.ResponseWriter) error { return writePage(w, m) }

// VisitRecallMessageResponse implements api.RecallMessageResponseObject.
func (m oneMessage) VisitRecallMessageResponse(w http.ResponseWriter) error { return writePage(w, m) }

// VisitListMessageEditsResponse implements api.ListMessageEditsResponseObject.
func (l editList) VisitListMessageEditsResponse(w http.ResponseWriter) error { return writePage(w, l) }
