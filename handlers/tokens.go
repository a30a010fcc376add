package handlers

import (
	"context"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
)

// CreateToken handles POST /v1/users/{user_id}/tokens.
func (s *server) CreateToken(ctx context.Context, req api.CreateTokenRequestObject) (api.CreateTokenResponseObject, error) {
	want := domain.TokenRequest{DeviceID: domain.DeviceID(orZero(req.Body.DeviceId))}
	if req.Body.Device != nil {
		device := fromAPIDevice(req.Body.Device)
		want.Device = &device
	}
	if req.Body.TtlSeconds != nil {
		ttl := time.Duration(*req.Body.TtlSeconds) * time.Second
		want.TTL = &ttl
	}
	token, err := s.Credentials.Mint(ctx, principalOf(ctx), domain.UserID(req.UserId), want)
	if err != nil {
		return nil, err
	}
	return api.CreateToken201JSONResponse{
		Token: token.Token, TokenId: token.ID, ExpiresAt: toAPITime(token.ExpiresAt), DeviceId: orNil(string(token.Device)),
	}, nil
}

// RevokeTokens handles DELETE /v1/users/{user_id}/tokens.
func (s *server) RevokeTokens(ctx context.Context, req api.RevokeTokensRequestObject) (api.RevokeTokensResponseObject, error) {
	return api.RevokeTokens204Response{}, s.Credentials.RevokeTokens(ctx, principalOf(ctx), domain.UserID(req.UserId))
}

// RevokeToken handles DELETE /v1/users/{user_id}/tokens/{token_id}.
func (s *server) RevokeToken(ctx context.Context, req api.RevokeTokenRequestObject) (api.RevokeTokenResponseObject, error) {
	return api.RevokeToken204Response{}, s.Credentials.RevokeToken(ctx, principalOf(ctx), domain.UserID(req.UserId), req.TokenId)
}

// PutSigningKey handles PUT /v1/signing-keys/{kid}.
func (s *server) PutSigningKey(ctx context.Context, req api.PutSigningKeyRequestObject) (api.PutSigningKeyResponseObject, error) {
	key, err := s.Credentials.PutSigningKey(ctx, principalOf(ctx), req.Kid, string(req.Body.Alg), compact(req.Body.Jwk))
	if err != nil {
		return nil, err
	}
	return api.PutSigningKey200JSONResponse(toAPISigningKey(key)), nil
}

// GetSigningKey handles GET /v1/signing-keys/{kid}.
func (s *server) GetSigningKey(ctx context.Context, req api.GetSigningKeyRequestObject) (api.GetSigningKeyResponseObject, error) {
	key, err := s.Credentials.SigningKey(ctx, principalOf(ctx), req.Kid)
	if err != nil {
		return nil, err
	}
	return api.GetSigningKey200JSONResponse(toAPISigningKey(key)), nil
}

// DeleteSigningKey handles DELETE /v1/signing-keys/{kid}.
func (s *server) DeleteSigningKey(ctx context.Context, req api.DeleteSigningKeyRequestObject) (api.DeleteSigningKeyResponseObject, error) {
	return api.DeleteSigningKey204Response{}, s.Credentials.RevokeSigningKey(ctx, principalOf(ctx), req.Kid)
}
