package handlers

import (
	"context"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
)

// CreateGroup handles POST /v1/groups.
func (s *server) CreateGroup(ctx context.Context, req api.CreateGroupRequestObject) (api.CreateGroupResponseObject, error) {
	group, err := s.Groups.Create(ctx, principalOf(ctx), fromAPIGroup(req.Body), fromAPIUserIDs(orZero(req.Body.Members)))
	if err != nil {
		return nil, err
	}
	return api.CreateGroup201JSONResponse(toAPIGroup(group)), nil
}

// GetGroup handles GET /v1/groups/{group_id}.
func (s *server) GetGroup(ctx context.Context, req api.GetGroupRequestObject) (api.GetGroupResponseObject, error) {
	group, err := s.Groups.Get(ctx, principalOf(ctx), domain.GroupID(req.GroupId))
	if err != nil {
		return nil, err
	}
	return api.GetGroup200JSONResponse(toAPIGroup(group)), nil
}

// ListGroups handles GET /v1/groups.
func (s *server) ListGroups(ctx context.Context, req api.ListGroupsRequestObject) (api.ListGroupsResponseObject, error) {
	page, err := domain.NewPage(req.Params.Limit, req.Params.Cursor)
	if err != nil {
		return nil, err
	}
	groups, err := s.Groups.List(ctx, principalOf(ctx), page)
	if err != nil {
		return nil, err
	}
	return api.ListGroups200JSONResponse{Items: convertAll(groups.Items, toAPIGroup), NextCursor: toAPICursor(groups.NextCursor)}, nil
}

// UpdateGroup handles PATCH /v1/groups/{group_id}.
func (s *server) UpdateGroup(ctx context.Context, req api.UpdateGroupRequestObject) (api.UpdateGroupResponseObject, error) {
	group, err := s.Groups.Update(ctx, principalOf(ctx), domain.GroupID(req.GroupId), fromAPIGroupPatch(req.Body))
	if err != nil {
		return nil, err
	}
	return api.UpdateGroup200JSONResponse(toAPIGroup(group)), nil
}

// DismissGroup handles DELETE /v1/groups/{group_id}.
func (s *server) DismissGroup(ctx context.Context, req api.DismissGroupRequestObject) (api.DismissGroupResponseObject, error) {
	return api.DismissGroup204Response{}, s.Groups.Dismiss(ctx, principalOf(ctx), domain.GroupID(req.GroupId))
}

// GetOccupancy handles GET /v1/groups/{group_id}/occupancy.
func (s *server) GetOccupancy(ctx context.Context, req api.GetOccupancyRequestObject) (api.GetOccupancyResponseObject, error) {
	n, err := s.Occupancies.Of(ctx, principalOf(ctx), domain.GroupID(req.GroupId))
	if err != nil {
		return nil, err
	}
	return api.GetOccupancy200JSONResponse{GroupId: req.GroupId, Connections: n}, nil
}

// ListJoinRequests handles GET /v1/groups/{group_id}/join-requests.
func (s *server) ListJoinRequests(ctx context.Context, req api.ListJoinRequestsRequestObject) (api.ListJoinRequestsResponseObject, error) {
	page, err := domain.NewPage(req.Params.Limit, req.Params.Cursor)
	if err != nil {
		return nil, err
	}
	requests, err := s.Groups.JoinRequests(ctx, principalOf(ctx), domain.GroupID(req.GroupId), page)
	if err != nil {
		return nil, err
	}
	return api.ListJoinRequests200JSONResponse{
		Items: convertAll(requests.Items, toAPIJoinRequest), NextCursor: toAPICursor(requests.NextCursor),
	}, nil
}

// GetJoinRequest handles GET /v1/groups/{group_id}/join-requests/{user_id}.
func (s *server) GetJoinRequest(ctx context.Context, req api.GetJoinRequestRequestObject) (api.GetJoinRequestResponseObject, error) {
	r, err := s.Groups.JoinRequest(ctx, principalOf(ctx), domain.GroupID(req.GroupId), domain.UserID(req.UserId))
	if err != nil {
		return nil, err
	}
	return api.GetJoinRequest200JSONResponse(toAPIJoinRequest(r)), nil
}

// PutJoinRequest handles PUT /v1/groups/{group_id}/join-requests/{user_id}.
func (s *server) PutJoinRequest(ctx context.Context, req api.PutJoinRequestRequestObject) (api.PutJoinRequestResponseObject, error) {
	r, isNew, err := s.Groups.PutJoinRequest(ctx, principalOf(ctx), domain.GroupID(req.GroupId), domain.UserID(req.UserId), orZero(req.Body.Message))
	if err != nil {
		return nil, err
	}
	if isNew {
		return api.PutJoinRequest201JSONResponse(toAPIJoinRequest(r)), nil
	}
	return api.PutJoinRequest200JSONResponse(toAPIJoinRequest(r)), nil
}

// DeleteJoinRequest handles DELETE /v1/groups/{group_id}/join-requests/{user_id}.
func (s *server) DeleteJoinRequest(ctx context.Context, req api.DeleteJoinRequestRequestObject) (api.DeleteJoinRequestResponseObject, error) {
	err := s.Groups.DeleteJoinRequest(ctx, principalOf(ctx), domain.GroupID(req.GroupId), domain.UserID(req.UserId))
	return api.DeleteJoinRequest204Response{}, err
}
