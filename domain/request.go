package domain

import "context"

// RequestInfo identifies a request across gim: it is logged, answered and
// carried to the pushes that the request causes.
type RequestInfo struct {
	ID          string // X-Request-Id
	TraceParent string // W3C traceparent, or ""
}

type requestKey struct{}

// WithRequest returns ctx carrying info.
func WithRequest(ctx context.Context, info RequestInfo) context.Context {
	return context.WithValue(ctx, requestKey{}, info)
}

// RequestOf returns what WithRequest put into ctx, or the zero value.
func RequestOf(ctx context.Context) RequestInfo {
	info, _ := ctx.Value(requestKey{}).(RequestInfo)
	return info
}
