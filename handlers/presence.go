package handlers

import (
	"context"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
)

// QueryPresence handles POST /v1/presence/query.
func (s *server) QueryPresence(ctx context.Context, req api.QueryPresenceRequestObject) (api.QueryPresenceResponseObject, error) {
	found, err := s.Presences.Query(ctx, principalOf(ctx), fromAPIUserIDs(req.Body.UserIds))
	if err != nil {
		return nil, err
	}
	return api.QueryPresence200JSONResponse{Items: convertAll(found, toAPIPresence)}, nil
}

func toAPIPresence(p domain.UserPresence) api.UserPresence {
	return api.UserPresence{
		UserId: string(p.User.ID), Online: orUnknown(p.Known, p.IsOnline()), LastSeenAt: toAPITimeOrNil(p.LastSeenAt),
		Devices: convertAll(p.Devices, func(d domain.OnlineDevice) api.OnlineDevice {
			return api.OnlineDevice{DeviceId: string(d.ID), Type: api.DeviceType(d.Type), Transport: d.Transport}
		}),
	}
}

// orUnknown is nil for what is not known.
func orUnknown(known, value bool) *bool {
	if !known {
		return nil
	}
	return &value
}
