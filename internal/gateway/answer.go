package gateway

import (
	"context"
	"errors"
	"strings"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// reply queues an answer that has no place among the pushes.
func (s *Session) reply(payload []byte) {
	if !s.box.reply(reply{payload: payload}) {
		s.end(ending{code: wire.CloseSlowConsumer})
	}
}

func (s *Session) fail(ctx context.Context, id uint64, err error) { s.reply(s.failure(ctx, id, err)) }

// failure encodes the answer to a frame that failed. Here unknown errors end:
// they are logged and shown as the id of the request.
func (s *Session) failure(ctx context.Context, id uint64, err error) []byte {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = domain.ErrUnavailable
	}
	known, ok := errors.AsType[*domain.Error](err)
	if !ok {
		s.gw.logUnknown(ctx, "handling a frame failed", s.id, err)
		known = domain.Failure(domain.CodeInternal, "Something went wrong inside gim; report request %s.", domain.RequestOf(ctx).ID)
	}
	return s.encode(&wire.ServerFrame{Id: id, Body: &wire.ServerFrame_Error{Error: &wire.Error{
		Code: string(known.Code), Message: sentence(known),
		Retryable: domain.Describe(known.Code).Retryable, RetryAfterMs: known.RetryAfter.Milliseconds(),
	}}})
}

// sentence is an error's detail, with the fields that it is about: an error
// frame has no list of its own for them.
func sentence(e *domain.Error) string {
	if len(e.Fields) == 0 {
		return e.Detail
	}
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = strings.TrimSpace(f.Pointer + " " + f.Detail)
	}
	return strings.Join(parts, "; ") + "."
}

// closing announces that a close is near.
func (s *Session) closing(code wire.CloseCode) []byte {
	return wire.AppendClosing(nil, s.conn.Encoding(), code, 0)
}

// encode makes a frame that is neither a push nor a page.
func (s *Session) encode(f *wire.ServerFrame) []byte {
	return wire.AppendFrame(nil, s.conn.Encoding(), f)
}
