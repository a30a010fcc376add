package handlers

import (
	"context"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
)

// RegisterDevice handles POST /v1/devices.
func (s *server) RegisterDevice(ctx context.Context, req api.RegisterDeviceRequestObject) (api.RegisterDeviceResponseObject, error) {
	device, err := s.Devices.Register(ctx, principalOf(ctx), fromAPIDevice(req.Body))
	if err != nil {
		return nil, err
	}
	return api.RegisterDevice201JSONResponse(s.showDevices(ctx, device)[0]), nil
}

// GetDevice handles GET /v1/devices/{device_id}.
func (s *server) GetDevice(ctx context.Context, req api.GetDeviceRequestObject) (api.GetDeviceResponseObject, error) {
	device, err := s.Devices.Get(ctx, principalOf(ctx), domain.DeviceID(req.DeviceId))
	if err != nil {
		return nil, err
	}
	return api.GetDevice200JSONResponse(s.showDevices(ctx, device)[0]), nil
}

// ListDevices handles GET /v1/devices.
func (s *server) ListDevices(ctx context.Context, req api.ListDevicesRequestObject) (api.ListDevicesResponseObject, error) {
	page, err := domain.NewPage(req.Params.Limit, req.Params.Cursor)
	if err != nil {
		return nil, err
	}
	devices, err := s.Devices.List(ctx, principalOf(ctx), page)
	if err != nil {
		return nil, err
	}
	return api.ListDevices200JSONResponse{
		Items: s.showDevices(ctx, devices.Items...), NextCursor: toAPICursor(devices.NextCursor),
	}, nil
}

// showDevices adds to devices of the caller's user which of them are online.
func (s *server) showDevices(ctx context.Context, devices ...domain.Device) []api.Device {
	shown := make([]api.Device, len(devices))
	for i, p := range s.Presences.OfDevices(ctx, principalOf(ctx), devices) {
		shown[i] = toAPIDevice(devices[i], p)
	}
	return shown
}

// DeleteDevice handles DELETE /v1/devices/{device_id}.
func (s *server) DeleteDevice(ctx context.Context, req api.DeleteDeviceRequestObject) (api.DeleteDeviceResponseObject, error) {
	return api.DeleteDevice204Response{}, s.Devices.Delete(ctx, principalOf(ctx), domain.DeviceID(req.DeviceId))
}

// AckDevice handles PUT /v1/devices/{device_id}/ack.
func (s *server) AckDevice(ctx context.Context, req api.AckDeviceRequestObject) (api.AckDeviceResponseObject, error) {
	by, device, b := principalOf(ctx), domain.DeviceID(req.DeviceId), req.Body
	switch {
	case b.Seq != nil && b.GroupId == nil && b.ConversationSeq == nil:
		acked, err := s.Devices.Ack(ctx, by, device, *b.Seq)
		if err != nil {
			return nil, err
		}
		return api.AckDevice200JSONResponse{AckedSeq: acked}, nil
	case b.Seq == nil && b.GroupId != nil && b.ConversationSeq != nil:
		acked, err := s.Devices.AckGroup(ctx, by, device, domain.GroupID(*b.GroupId), *b.ConversationSeq)
		if err != nil {
			return nil, err
		}
		return api.AckDevice200JSONResponse{GroupId: b.GroupId, AckedSeq: acked}, nil
	}
	return nil, domain.Invalid("", "must have either seq, or group_id and conversation_seq")
}
