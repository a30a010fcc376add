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

// ListMembers handles GET /v1/groups/{group_id}/members.
func (s *server) ListMembers(ctx context.Context, req api.ListMembersRequestObject) (api.ListMembersResponseObject, error) {
	page, err := domain.NewPage(req.Params.Limit, req.Params.Cursor)
	if err != nil {
		return nil, err
	}
	members, err := s.Groups.Members(ctx, principalOf(ctx), domain.GroupID(req.GroupId), page)
	if err != nil {
		return nil, err
	}
	return api.ListMembers200JSONResponse{
		Items: convertAll(members.Items, toAPIMember), NextCursor: toAPICursor(members.NextCursor),
	}, nil
}

// AddMembers handles POST /v1/groups/{group_id}/members.
func (s *server) AddMembers(ctx context.Context, req api.AddMembersRequestObject) (api.AddMembersResponseObject, error) {
	added, err := s.Groups.AddMembers(ctx, principalOf(ctx), domain.GroupID(req.GroupId), fromAPIUserIDs(req.Body.UserIds))
	if err != nil {
		return nil, err
	}
	return api.AddMembers200JSONResponse{Added: convertAll(added, func(id domain.UserID) string { return string(id) })}, nil
}

// RemoveMember handles DELETE /v1/groups/{group_id}/members/{user_id}.
func (s *server) RemoveMember(ctx context.Context, req api.RemoveMemberRequestObject) (api.RemoveMemberResponseObject, error) {
	err := s.Groups.RemoveMember(ctx, principalOf(ctx), domain.GroupID(req.GroupId), domain.UserID(req.UserId))
	return api.RemoveMember204Response{}, err
}
