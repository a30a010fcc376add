package handlers

import (
	"context"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
)

// PutBlock handles PUT /v1/blocks/{user_id}.
func (s *server) PutBlock(ctx context.Context, req api.PutBlockRequestObject) (api.PutBlockResponseObject, error) {
	block, isNew, err := s.Blocks.Put(ctx, principalOf(ctx), domain.UserID(req.UserId))
	if err != nil {
		return nil, err
	}
	if isNew {
		return api.PutBlock201JSONResponse(toAPIBlock(block)), nil
	}
	return api.PutBlock200JSONResponse(toAPIBlock(block)), nil
}

// GetBlock handles GET /v1/blocks/{user_id}.
func (s *server) GetBlock(ctx context.Context, req api.GetBlockRequestObject) (api.GetBlockResponseObject, error) {
	block, err := s.Blocks.Get(ctx, principalOf(ctx), domain.UserID(req.UserId))
	if err != nil {
		return nil, err
	}
	return api.GetBlock200JSONResponse(toAPIBlock(block)), nil
}

// ListBlocks handles GET /v1/blocks.
func (s *server) ListBlocks(ctx context.Context, req api.ListBlocksRequestObject) (api.ListBlocksResponseObject, error) {
	page, err := domain.NewPage(req.Params.Limit, req.Params.Cursor)
	if err != nil {
		return nil, err
	}
	blocks, err := s.Blocks.List(ctx, principalOf(ctx), page)
	if err != nil {
		return nil, err
	}
	return api.ListBlocks200JSONResponse{Items: convertAll(blocks.Items, toAPIBlock), NextCursor: toAPICursor(blocks.NextCursor)}, nil
}

// DeleteBlock handles DELETE /v1/blocks/{user_id}.
func (s *server) DeleteBlock(ctx context.Context, req api.DeleteBlockRequestObject) (api.DeleteBlockResponseObject, error) {
	return api.DeleteBlock204Response{}, s.Blocks.Delete(ctx, principalOf(ctx), domain.UserID(req.UserId))
}

func toAPIBlock(b domain.Block) api.Block {
	return api.Block{UserId: string(b.User), CreatedAt: toAPITime(b.CreatedAt)}
}
