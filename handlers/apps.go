package handlers

import (
	"context"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
)

// CreateApp handles POST /v1/apps.
func (s *server) CreateApp(ctx context.Context, req api.CreateAppRequestObject) (api.CreateAppResponseObject, error) {
	settings := fromAPIAppPatch(nil, req.Body.Settings)
	app, key, err := s.Apps.Create(ctx, principalOf(ctx), domain.AppID(req.Body.AppId), orZero(req.Body.Name), &settings)
	if err != nil {
		return nil, err
	}
	shown := toAPIApp(app)
	return api.CreateApp201JSONResponse{
		AppId: shown.AppId, Name: shown.Name, Settings: shown.Settings, CreatedAt: shown.CreatedAt, Key: toAPINewKey(key),
	}, nil
}

// GetApp handles GET /v1/apps/{app_id}.
func (s *server) GetApp(ctx context.Context, req api.GetAppRequestObject) (api.GetAppResponseObject, error) {
	app, err := s.Apps.Get(ctx, principalOf(ctx), domain.AppID(req.AppId))
	if err != nil {
		return nil, err
	}
	return api.GetApp200JSONResponse(toAPIApp(app)), nil
}

// ListApps handles GET /v1/apps.
func (s *server) ListApps(ctx context.Context, req api.ListAppsRequestObject) (api.ListAppsResponseObject, error) {
	page, err := domain.NewPage(req.Params.Limit, req.Params.Cursor)
	if err != nil {
		return nil, err
	}
	apps, err := s.Apps.List(ctx, principalOf(ctx), page)
	if err != nil {
		return nil, err
	}
	return api.ListApps200JSONResponse{Items: convertAll(apps.Items, toAPIApp), NextCursor: toAPICursor(apps.NextCursor)}, nil
}

// UpdateApp handles PATCH /v1/apps/{app_id}.
func (s *server) UpdateApp(ctx context.Context, req api.UpdateAppRequestObject) (api.UpdateAppResponseObject, error) {
	patch := fromAPIAppPatch(req.Body.Name, req.Body.Settings)
	app, err := s.Apps.Update(ctx, principalOf(ctx), domain.AppID(req.AppId), patch)
	if err != nil {
		return nil, err
	}
	return api.UpdateApp200JSONResponse(toAPIApp(app)), nil
}

// DeleteApp handles DELETE /v1/apps/{app_id}.
func (s *server) DeleteApp(ctx context.Context, req api.DeleteAppRequestObject) (api.DeleteAppResponseObject, error) {
	return api.DeleteApp204Response{}, s.Apps.Delete(ctx, principalOf(ctx), domain.AppID(req.AppId))
}

// CreateAppKey handles POST /v1/apps/{app_id}/keys.
func (s *server) CreateAppKey(ctx context.Context, req api.CreateAppKeyRequestObject) (api.CreateAppKeyResponseObject, error) {
	key, err := s.Apps.CreateKey(ctx, principalOf(ctx), domain.AppID(req.AppId), orZero(req.Body.Name))
	if err != nil {
		return nil, err
	}
	return api.CreateAppKey201JSONResponse(toAPINewKey(key)), nil
}

// ListAppKeys handles GET /v1/apps/{app_id}/keys.
func (s *server) ListAppKeys(ctx context.Context, req api.ListAppKeysRequestObject) (api.ListAppKeysResponseObject, error) {
	page, err := domain.NewPage(req.Params.Limit, req.Params.Cursor)
	if err != nil {
		return nil, err
	}
	keys, err := s.Apps.Keys(ctx, principalOf(ctx), domain.AppID(req.AppId), page)
	if err != nil {
		return nil, err
	}
	return api.ListAppKeys200JSONResponse{Items: convertAll(keys.Items, toAPIKey), NextCursor: toAPICursor(keys.NextCursor)}, nil
}

// RevokeAppKey handles DELETE /v1/apps/{app_id}/keys/{key_id}.
func (s *server) RevokeAppKey(ctx context.Context, req api.RevokeAppKeyRequestObject) (api.RevokeAppKeyResponseObject, error) {
	return api.RevokeAppKey204Response{}, s.Apps.RevokeKey(ctx, principalOf(ctx), domain.AppID(req.AppId), req.KeyId)
}
