package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
)

// statusOf is the only place where a domain code meets HTTP. A test holds it to
// the catalogue.
var statusOf = map[domain.Code]int{
	domain.CodeBadRequest:           http.StatusBadRequest,
	domain.CodeBadAck:               http.StatusBadRequest,
	domain.CodeUnsupported:          http.StatusBadRequest,
	domain.CodeUnauthorized:         http.StatusUnauthorized,
	domain.CodeDeviceNotBound:       http.StatusUnauthorized,
	domain.CodeForbidden:            http.StatusForbidden,
	domain.CodeNotInGroup:           http.StatusForbidden,
	domain.CodeMuted:                http.StatusForbidden,
	domain.CodeGroupDismissed:       http.StatusForbidden,
	domain.CodeApprovalRequired:     http.StatusForbidden,
	domain.CodeNotFriend:            http.StatusForbidden,
	domain.CodeBlocked:              http.StatusForbidden,
	domain.CodeNotFound:             http.StatusNotFound,
	domain.CodeAppNotFound:          http.StatusNotFound,
	domain.CodeKeyNotFound:          http.StatusNotFound,
	domain.CodeSigningKeyNotFound:   http.StatusNotFound,
	domain.CodeUserNotFound:         http.StatusNotFound,
	domain.CodeDeviceNotFound:       http.StatusNotFound,
	domain.CodeBlockNotFound:        http.StatusNotFound,
	domain.CodeContactNotFound:      http.StatusNotFound,
	domain.CodeGroupNotFound:        http.StatusNotFound,
	domain.CodeMemberNotFound:       http.StatusNotFound,
	domain.CodeJoinRequestNotFound:  http.StatusNotFound,
	domain.CodeConversationNotFound: http.StatusNotFound,
	domain.CodeMessageNotFound:      http.StatusNotFound,
	domain.CodeMessageRecalled:      http.StatusConflict,
	domain.CodeTooLate:              http.StatusForbidden,
	domain.CodeReactionNotFound:     http.StatusNotFound,
	domain.CodeMethodNotAllowed:     http.StatusMethodNotAllowed,
	domain.CodeNotAcceptable:        http.StatusNotAcceptable,
	domain.CodeAppExists:            http.StatusConflict,
	domain.CodeUserExists:           http.StatusConflict,
	domain.CodeDeviceExists:         http.StatusConflict,
	domain.CodeGroupExists:          http.StatusConflict,
	domain.CodeSigningKeyExists:     http.StatusConflict,
	domain.CodeResyncRequired:       http.StatusConflict,
	domain.CodeTooLarge:             http.StatusRequestEntityTooLarge,
	domain.CodeUnsupportedMediaType: http.StatusUnsupportedMediaType,
	domain.CodeIdempotencyConflict:  http.StatusUnprocessableEntity,
	domain.CodeConnectionLimit:      http.StatusTooManyRequests,
	domain.CodeDeviceLimit:          http.StatusConflict,
	domain.CodeRateLimited:          http.StatusTooManyRequests,
	domain.CodeSearchUnavailable:    http.StatusNotImplemented,
	domain.CodeUnavailable:          http.StatusServiceUnavailable,
	domain.CodeInternal:             http.StatusInternalServerError,
}

// maxFieldErrors bounds the entries of one problem: a body of 1,000 wrong users
// is understood after the first hundred.
const maxFieldErrors = 100

// Refuser returns what answers a request with an error exactly as the REST API
// does, for handlers that stand beside it. It may be used concurrently.
func Refuser(log *slog.Logger) func(w http.ResponseWriter, r *http.Request, err error) {
	return (&server{log: log}).fail
}

// fail answers r with err. Expected errors are shown and not logged; anything
// else is logged once, with its stack, and shown only as a request id.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	known, ok := errors.AsType[*domain.Error](err)
	switch {
	case ok:
	case errors.Is(r.Context().Err(), context.Canceled): // the caller hung up, which is no failure of ours
		known = domain.ErrUnavailable
	case errors.Is(err, context.DeadlineExceeded): // the outcome is open; sending again settles it
		s.report(r, err)
		known = domain.ErrUnavailable
	default:
		s.report(r, err)
		known = domain.Failure(domain.CodeInternal, "")
	}
	s.writeProblem(w, r, known)
}

// badRequest answers what the generated code could not bind or decode. Bodies
// and parameters were held to the contract before, so little is left.
func (s *server) badRequest(w http.ResponseWriter, r *http.Request, err error) {
	if param, ok := errors.AsType[*api.InvalidParamFormatError](err); ok {
		err = domain.Invalid(param.ParamName, "is malformed")
	} else if absent, ok := errors.AsType[*api.RequiredParamError](err); ok {
		err = domain.Invalid(absent.ParamName, "is required")
	} else if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		// JSON Schema calls 1.0 and 1e3 integers, Go does not.
		err = domain.Invalid("/"+strings.ReplaceAll(wrong.Field, ".", "/"), "must be written without fraction or exponent, in 64 bits")
	} else if _, known := errors.AsType[*domain.Error](err); !known {
		err = domain.Invalid("", "is malformed")
	}
	s.fail(w, r, err)
}

func (s *server) notFound(w http.ResponseWriter, r *http.Request) {
	if s.Page != nil && (r.Method == http.MethodGet || r.Method == http.MethodHead) && !strings.HasPrefix(r.URL.Path, "/v1/") {
		if servePage(w, r, s.Page) {
			return
		}
	}
	s.fail(w, r, domain.Failure(domain.CodeNotFound, ""))
}

// methodNotAllowed names the methods that the path takes. chi knows them but
// does not tell its handler.
func (s *server) methodNotAllowed(routes chi.Routes) http.HandlerFunc {
	methods := []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	}
	return func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.RawPath
		if path == "" {
			path = r.URL.Path
		}
		var allowed []string
		for _, method := range methods {
			if routes.Match(chi.NewRouteContext(), method, path) {
				allowed = append(allowed, method)
			}
		}
		if len(allowed) == 0 { // a method that chi does not know, on no route
			s.notFound(w, r)
			return
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		s.fail(w, r, domain.Failure(domain.CodeMethodNotAllowed, ""))
	}
}

func (s *server) report(r *http.Request, err error) {
	s.log.ErrorContext(r.Context(), "request failed",
		slog.String("request_id", domain.RequestOf(r.Context()).ID),
		slog.String("method", r.Method),
		slog.String("route", chi.RouteContext(r.Context()).RoutePattern()),
		slog.Any("err", err), slog.Any("stack", domain.Stack(err)))
}

// writeProblem is where every failure becomes an answer. After the first byte of
// another answer it does nothing: the only failure then is a caller who is gone.
func (s *server) writeProblem(w http.ResponseWriter, r *http.Request, err *domain.Error) {
	if sent, ok := w.(interface{ Status() int }); ok && sent.Status() != 0 {
		return
	}
	info := domain.Describe(err.Code)
	p := api.Problem{
		Type: "/docs/errors#" + string(info.Code), Title: info.Title, Status: statusOf[info.Code], Detail: err.Detail,
		Code: string(info.Code), RequestId: domain.RequestOf(r.Context()).ID, Retryable: info.Retryable,
	}
	if info.Code == domain.CodeUnauthorized || p.Detail == "" { // one body for all: it must not tell what was wrong
		p.Detail = info.Title + "."
	}
	if len(err.Fields) > 0 && info.Code != domain.CodeUnauthorized {
		fields := make([]api.FieldProblem, min(len(err.Fields), maxFieldErrors))
		for i := range fields {
			fields[i] = api.FieldProblem{Pointer: err.Fields[i].Pointer, Detail: err.Fields[i].Detail}
		}
		p.Errors = &fields
	}
	s.setFailureHeaders(w.Header(), p.Status, err)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller is gone; nothing left to tell it
}

func (s *server) setFailureHeaders(h http.Header, status int, err *domain.Error) {
	h.Set("Content-Type", "application/problem+json")
	h.Del("Content-Length")
	h.Del("Etag")
	switch status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="gim"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		seconds := max(1, int(math.Ceil(err.RetryAfter.Seconds())))
		h.Set("Retry-After", fmt.Sprint(seconds))
		if err.Limit != "" {
			h.Set("RateLimit", fmt.Sprintf(`%q;r=0;t=%d`, err.Limit, seconds))
		}
		if err.Limit == domain.LimitSends && s.SendRate > 0 && s.SendBurst > 0 {
			h.Set("RateLimit-Policy", fmt.Sprintf(`%q;q=%d;w=%d`, err.Limit, s.SendBurst, max(1, s.SendBurst/s.SendRate)))
		}
	}
}
