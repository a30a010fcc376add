package app

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
)

// refuse answers what is not part of the REST API, a handshake or a demo
// sign-in, with the same problem that the API would send.
func refuse(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	known, ok := errors.AsType[*domain.Error](err)
	if !ok {
		log.ErrorContext(r.Context(), "request failed", slog.String("path", r.URL.Path),
			slog.Any("err", err), slog.Any("stack", domain.Stack(err)))
		known = domain.Failure(domain.CodeInternal, "")
	}
	status := http.StatusInternalServerError
	switch known.Code {
	case domain.CodeBadRequest:
		status = http.StatusBadRequest
	case domain.CodeForbidden:
		status = http.StatusForbidden
	case domain.CodeUnavailable:
		status = http.StatusServiceUnavailable
	}
	info := domain.Describe(known.Code)
	answer(w, status, "application/problem+json", api.Problem{
		Type: "/docs/errors#" + string(info.Code), Title: info.Title, Status: status, Detail: known.Detail,
		Code: string(info.Code), RequestId: domain.RequestOf(r.Context()).ID, Retryable: info.Retryable,
	})
}

// answer sends body as JSON, for this caller only.
func answer(w http.ResponseWriter, status int, contentType string, body any) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller is gone; nothing left to tell it
}
