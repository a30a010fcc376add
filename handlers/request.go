package handlers

import (
	"net/http"
	"strings"

	"github.com/gim-im/gim/domain"
)

const (
	headerRequestID   = "X-Request-Id"
	headerTraceParent = "Traceparent"
	maxRequestID      = 64
)

// identify gives the request its id, the caller's own where that is fit to be
// logged, and sets the header fields that every answer has.
func (s *server) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := domain.RequestInfo{ID: r.Header.Get(headerRequestID), TraceParent: r.Header.Get(headerTraceParent)}
		if !isRequestID(info.ID) {
			info.ID = s.IDs.NewID()
		}
		if !isTraceParent(info.TraceParent) {
			info.TraceParent = ""
		}
		h := w.Header()
		h.Set(headerRequestID, info.ID)
		if info.TraceParent != "" {
			h.Set(headerTraceParent, info.TraceParent)
		}
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store") // answers are private; files that are not say so themselves
		next.ServeHTTP(w, r.WithContext(domain.WithRequest(r.Context(), info)))
	})
}

func isRequestID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// isTraceParent checks the form that W3C Trace Context gives the field: version,
// trace id, parent id, flags. Versions after 00 may have more parts at the end.
func isTraceParent(s string) bool {
	const length, maxLength = 55, 128
	if len(s) < length || len(s) > maxLength {
		return false
	}
	version, trace, parent, flags := s[:2], s[3:35], s[36:52], s[53:55]
	if s[2] != '-' || s[35] != '-' || s[52] != '-' || !isHex(version+trace+parent+flags) {
		return false
	}
	if len(s) > length && (version == "00" || s[length] != '-' || !isRequestID(s[length:][:1])) {
		return false
	}
	for i := length; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return version != "ff" && strings.Trim(trace, "0") != "" && strings.Trim(parent, "0") != ""
}

func isHex(s string) bool {
	for i := range len(s) {
		if (s[i] < '0' || s[i] > '9') && (s[i] < 'a' || s[i] > 'f') {
			return false
		}
	}
	return true
}

// limitBody refuses what says that it is too long before a byte is read, and
// cuts off what does not say so.
func (s *server) limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > domain.MaxBodyBytes {
			s.fail(w, r, errBodyTooLarge())
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, domain.MaxBodyBytes)
		next.ServeHTTP(w, r)
	})
}

func errBodyTooLarge() error {
	return domain.Failure(domain.CodeTooLarge, "The body is larger than %d bytes.", domain.MaxBodyBytes)
}
