package handlers

import (
	"context"
	"encoding/hex"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
)

// GetSyncDigest handles GET /v1/sync/digest.
func (s *server) GetSyncDigest(ctx context.Context, req api.GetSyncDigestRequestObject) (api.GetSyncDigestResponseObject, error) {
	d, head, err := s.Messenger.LogDigest(ctx, principalOf(ctx), req.Params.Upto, orZero(req.Params.Epoch))
	if err != nil {
		return nil, err
	}
	return api.GetSyncDigest200JSONResponse(toAPIDigest(d, &head.Epoch)), nil
}

// GetConversationDigest handles GET /v1/conversations/{conversation_id}/digest.
func (s *server) GetConversationDigest(ctx context.Context, req api.GetConversationDigestRequestObject) (api.GetConversationDigestResponseObject, error) {
	d, err := s.Messenger.ConversationDigest(ctx, principalOf(ctx), req.ConversationId, req.Params.Upto)
	if err != nil {
		return nil, err
	}
	return api.GetConversationDigest200JSONResponse(toAPIDigest(d, nil)), nil
}

func toAPIDigest(d domain.LogDigest, epoch *string) api.LogDigest {
	return api.LogDigest{Seq: d.Seq, Digest: hex.EncodeToString(d.Sum[:]), Epoch: epoch}
}
