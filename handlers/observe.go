package handlers

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/gim-im/gim/domain"
)

// observe catches panics and measures the time to the answer.
func (s *server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.Clock.Now()
		answer := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		defer func() {
			panicked := recover()
			if panicked != nil && panicked != http.ErrAbortHandler {
				s.failPanic(answer, r, panicked)
			}
			if !isConnection(answer) {
				s.count(r, answer.Status(), start)
			}
			if panicked == http.ErrAbortHandler {
				panic(panicked) // the server's own way to cut a connection
			}
		}()
		next.ServeHTTP(answer, r)
	})
}

// failPanic answers 500 where nothing was sent yet.
func (s *server) failPanic(w http.ResponseWriter, r *http.Request, panicked any) {
	s.report(r, domain.Trace(fmt.Errorf("panic: %v", panicked)))
	s.writeProblem(w, r, domain.Failure(domain.CodeInternal, ""))
}

// count records a request under its route pattern: paths have ids in them, and
// a label with ids would grow without end.
func (s *server) count(r *http.Request, status int, start time.Time) {
	route := chi.RouteContext(r.Context()).RoutePattern()
	switch {
	case s.Metrics == nil:
		return
	case route == "":
		route = "other"
	}
	if r.Context().Err() != nil {
		status = statusClientClosed
	}
	if status == 0 {
		status = http.StatusOK
	}
	method := r.Method
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		method = "other"
	}
	s.Metrics.HTTPRequestSeconds.WithLabelValues(method, route, strconv.Itoa(status)).Observe(s.Clock.Now().Sub(start).Seconds())
}

// isConnection reports whether an answer became a connection, the life of which is no
// time to an answer.
func isConnection(answer middleware.WrapResponseWriter) bool {
	return answer.Status() == http.StatusSwitchingProtocols || answer.Header().Get("Content-Type") == mediaEventStream
}

const mediaEventStream = "text/event-stream"

// statusClientClosed stands in the metrics for requests whose caller went away
// before the answer.
const statusClientClosed = 499
