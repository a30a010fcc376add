package handlers

import (
	"context"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
)

// PutContact handles PUT /v1/contacts/{user_id}.
func (s *server) PutContact(ctx context.Context, req api.PutContactRequestObject) (api.PutContactResponseObject, error) {
	c, isNew, err := s.Contacts.Put(ctx, principalOf(ctx), domain.UserID(req.UserId), domain.ContactParams{
		Message: req.Body.Message, Remark: req.Body.Remark, IsAccepted: orZero(req.Body.Accepted),
	})
	if err != nil {
		return nil, err
	}
	if isNew {
		return api.PutContact201JSONResponse(toAPIContact(c)), nil
	}
	return api.PutContact200JSONResponse(toAPIContact(c)), nil
}

// GetContact handles GET /v1/contacts/{user_id}.
func (s *server) GetContact(ctx context.Context, req api.GetContactRequestObject) (api.GetContactResponseObject, error) {
	c, err := s.Contacts.Get(ctx, principalOf(ctx), domain.UserID(req.UserId))
	if err != nil {
		return nil, err
	}
	return api.GetContact200JSONResponse(toAPIContact(c)), nil
}

// ListContacts handles GET /v1/contacts.
func (s *server) ListContacts(ctx context.Context, req api.ListContactsRequestObject) (api.ListContactsResponseObject, error) {
	page, err := domain.NewPage(req.Params.Limit, req.Params.Cursor)
	if err != nil {
		return nil, err
	}
	status := domain.ContactMutual
	if req.Params.Status != nil {
		status = domain.ContactStatus(*req.Params.Status)
	}
	contacts, err := s.Contacts.List(ctx, principalOf(ctx), status, page)
	if err != nil {
		return nil, err
	}
	return api.ListContacts200JSONResponse{Items: convertAll(contacts.Items, toAPIContact), NextCursor: toAPICursor(contacts.NextCursor)}, nil
}

// UpdateContact handles PATCH /v1/contacts/{user_id}.
func (s *server) UpdateContact(ctx context.Context, req api.UpdateContactRequestObject) (api.UpdateContactResponseObject, error) {
	c, err := s.Contacts.Update(ctx, principalOf(ctx), domain.UserID(req.UserId), req.Body.Remark)
	if err != nil {
		return nil, err
	}
	return api.UpdateContact200JSONResponse(toAPIContact(c)), nil
}

// DeleteContact handles DELETE /v1/contacts/{user_id}.
func (s *server) DeleteContact(ctx context.Context, req api.DeleteContactRequestObject) (api.DeleteContactResponseObject, error) {
	return api.DeleteContact204Response{}, s.Contacts.Delete(ctx, principalOf(ctx), domain.UserID(req.UserId))
}

func toAPIContact(c domain.Contact) api.Contact {
	return api.Contact{UserId: string(c.User), Status: api.ContactStatus(c.Status), Remark: c.Remark, Message: c.Message, CreatedAt: toAPITime(c.CreatedAt)}
}
