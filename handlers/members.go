package handlers

import (
	"context"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
)

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

// GetMember handles GET /v1/groups/{group_id}/members/{user_id}.
func (s *server) GetMember(ctx context.Context, req api.GetMemberRequestObject) (api.GetMemberResponseObject, error) {
	m, err := s.Groups.Member(ctx, principalOf(ctx), domain.GroupID(req.GroupId), domain.UserID(req.UserId))
	if err != nil {
		return nil, err
	}
	return api.GetMember200JSONResponse(toAPIMember(m)), nil
}

// PutMember handles PUT /v1/groups/{group_id}/members/{user_id}.
func (s *server) PutMember(ctx context.Context, req api.PutMemberRequestObject) (api.PutMemberResponseObject, error) {
	m, isNew, err := s.Groups.PutMember(ctx, principalOf(ctx), domain.GroupID(req.GroupId), domain.UserID(req.UserId))
	if err != nil {
		return nil, err
	}
	if isNew {
		return api.PutMember201JSONResponse(toAPIMember(m)), nil
	}
	return api.PutMember200JSONResponse(toAPIMember(m)), nil
}

// UpdateMember handles PATCH /v1/groups/{group_id}/members/{user_id}.
func (s *server) UpdateMember(ctx context.Context, req api.UpdateMemberRequestObject) (api.UpdateMemberResponseObject, error) {
	m, err := s.Groups.UpdateMember(ctx, principalOf(ctx), domain.GroupID(req.GroupId), domain.UserID(req.UserId), fromAPIMemberPatch(req.Body))
	if err != nil {
		return nil, err
	}
	return api.UpdateMember200JSONResponse(toAPIMember(m)), nil
}

// RemoveMember handles DELETE /v1/groups/{group_id}/members/{user_id}.
func (s *server) RemoveMember(ctx context.Context, req api.RemoveMemberRequestObject) (api.RemoveMemberResponseObject, error) {
	err := s.Groups.RemoveMember(ctx, principalOf(ctx), domain.GroupID(req.GroupId), domain.UserID(req.UserId))
	return api.RemoveMember204Response{}, err
}
