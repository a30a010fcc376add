package handlers

import (
	"context"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
)

// TraceMessage handles GET /v1/messages/{message_id}/trace.
func (s *server) TraceMessage(ctx context.Context, req api.TraceMessageRequestObject) (api.TraceMessageResponseObject, error) {
	page, err := domain.NewPage(req.Params.Limit, req.Params.Cursor)
	if err != nil {
		return nil, err
	}
	trace, err := s.Traces.Of(ctx, principalOf(ctx), domain.MessageID(req.MessageId), page)
	if err != nil {
		return nil, err
	}
	return api.TraceMessage200JSONResponse(toAPITrace(trace)), nil
}

func toAPITrace(t domain.MessageTrace) api.MessageTrace {
	return api.MessageTrace{
		MessageId: string(t.Message.ID), ConversationSeq: t.Message.ConversationSeq,
		AcceptedAt: toAPITime(t.Message.SentAt), Committed: true, PublishedAt: toAPITimeOrNil(t.Published),
		PushTimes: api.MessageTracePushTimes(t.Known), WrittenCount: t.Written, ReceiverCount: t.Receivers,
		Items: convertAll(t.Steps.Items, toAPITraceStep), NextCursor: toAPICursor(t.Steps.NextCursor),
	}
}

func toAPITraceStep(s domain.TraceStep) api.TraceStep {
	return api.TraceStep{
		UserId: string(s.User.ID), Seq: orNil(s.Seq), Reached: api.TraceStepReached(s.Reached),
		Reasons:      convertAll(s.Reasons, func(r string) api.TraceStepReasons { return api.TraceStepReasons(r) }),
		OfflineSince: toAPITimeOrNil(s.OfflineSince),
		Devices: convertAll(s.Devices, func(d domain.TracedDevice) api.TraceDevice {
			return api.TraceDevice{
				DeviceId: string(d.ID), Type: api.DeviceType(d.Type), Acked: d.Acked,
				Writes: convertAll(d.Pushes, func(p domain.Push) api.TraceWrite {
					return api.TraceWrite{Transport: p.Transport, WrittenAt: toAPITime(p.At)}
				}),
			}
		}),
	}
}
