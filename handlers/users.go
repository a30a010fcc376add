package handlers

import (
	"context"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
)

// PutUser handles PUT /v1/users/{user_id}.
func (s *server) PutUser(ctx context.Context, req api.PutUserRequestObject) (api.PutUserResponseObject, error) {
	by := principalOf(ctx)
	id, err := userID(by, req.UserId)
	if err != nil {
		return nil, err
	}
	user, isNew, err := s.Users.Put(ctx, by, fromAPIProfile(id, req.Body))
	if err != nil {
		return nil, err
	}
	if isNew {
		return api.PutUser201JSONResponse(toAPIUser(user)), nil
	}
	return api.PutUser200JSONResponse(toAPIUser(user)), nil
}

// PutUsers handles POST /v1/users/batch.
func (s *server) PutUsers(ctx context.Context, req api.PutUsersRequestObject) (api.PutUsersResponseObject, error) {
	users, err := s.Users.PutBatch(ctx, principalOf(ctx), convertAll(req.Body.Users, fromAPIUser))
	if err != nil {
		return nil, err
	}
	return api.PutUsers200JSONResponse{Items: convertAll(users, toAPIUser)}, nil
}

// GetUser handles GET /v1/users/{user_id}.
func (s *server) GetUser(ctx context.Context, req api.GetUserRequestObject) (api.GetUserResponseObject, error) {
	by := principalOf(ctx)
	id, err := userID(by, req.UserId)
	if err != nil {
		return nil, err
	}
	user, err := s.Users.Get(ctx, by, id)
	if err != nil {
		return nil, err
	}
	return api.GetUser200JSONResponse(toAPIUser(user)), nil
}

// UpdateUser handles PATCH /v1/users/{user_id}.
func (s *server) UpdateUser(ctx context.Context, req api.UpdateUserRequestObject) (api.UpdateUserResponseObject, error) {
	by := principalOf(ctx)
	id, err := userID(by, req.UserId)
	if err != nil {
		return nil, err
	}
	user, err := s.Users.Update(ctx, by, id, domain.UserPatch{
		Nickname:  req.Body.Nickname,
		Sex:       (*domain.Sex)(req.Body.Sex),
		AvatarURL: req.Body.AvatarUrl,
		Extra:     fromAPIObject(req.Body.Extra),
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateUser200JSONResponse(toAPIUser(user)), nil
}

// DeleteUser handles DELETE /v1/users/{user_id}.
func (s *server) DeleteUser(ctx context.Context, req api.DeleteUserRequestObject) (api.DeleteUserResponseObject, error) {
	by := principalOf(ctx)
	id, err := userID(by, req.UserId)
	if err != nil {
		return nil, err
	}
	return api.DeleteUser204Response{}, s.Users.Delete(ctx, by, id)
}

// ListUsers handles GET /v1/users.
func (s *server) ListUsers(ctx context.Context, req api.ListUsersRequestObject) (api.ListUsersResponseObject, error) {
	page, err := domain.NewPage(req.Params.Limit, req.Params.Cursor)
	if err != nil {
		return nil, err
	}
	users, err := s.Users.List(ctx, principalOf(ctx), page)
	if err != nil {
		return nil, err
	}
	return api.ListUsers200JSONResponse{Items: convertAll(users.Items, toAPIUser), NextCursor: toAPICursor(users.NextCursor)}, nil
}
