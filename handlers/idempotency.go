package handlers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"time"

	"github.com/gim-im/gim/domain"
)

const (
	headerIdempotencyKey = "Idempotency-Key"
	headerReplayed       = "Idempotent-Replayed"

	answerLife  = 24 * time.Hour         // how long a first answer is kept
	staleAfter  = time.Minute            // a request under way for longer died with its server
	callTimeout = 30 * time.Second       // for the call itself: well below staleAfter
	twinWait    = 5 * time.Second        // how long to wait for the twin that came first
	firstPoll   = 20 * time.Millisecond  // then doubled up to
	longestPoll = 320 * time.Millisecond // this
)

// once runs the call unless the same caller made it before with the same key:
// then the first answer is given again. The same key with another method, path
// or body is idempotency_conflict, and so is an answer that was sealed with a
// credential which is no longer the caller's (an admin key that was replaced).
//
// Answers that say nothing lasting (401, 403, 429 and 5xx) are not kept: the
// next try runs again.
func (s *server) once(w *writeAnswer, r *http.Request, c call, next http.Handler) {
	seal, err := newSealer(c)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	record := domain.IdempotencyRecord{Key: callerDigest(c), Request: requestDigest(r, c.body)}
	first, isFirst, err := s.begin(r.Context(), c.by.App.Num, record)
	switch {
	case err != nil:
		s.fail(w, r, err)
	case isFirst:
		s.runFirst(w, r, c.by.App.Num, record, seal, next)
	case !bytes.Equal(first.Request, record.Request):
		s.fail(w, r, domain.ErrIdempotencyConflict)
	default:
		s.replay(w, r, first, seal)
	}
}

// begin records that the call is under way, or returns the settled record of the
// one that came first. It waits for a twin that is under way.
func (s *server) begin(ctx context.Context, app domain.AppNum, r domain.IdempotencyRecord) (domain.IdempotencyRecord, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, twinWait)
	defer cancel()
	for pause := firstPoll; ; pause = min(2*pause, longestPoll) {
		now := domain.Millis(s.Clock.Now())
		r.At = now
		known, isFirst, err := s.Idempotency.BeginIdempotent(ctx, app, r, now.Add(-staleAfter), now.Add(-answerLife))
		if err != nil || isFirst || known.Status != 0 || !bytes.Equal(known.Request, r.Request) {
			return known, isFirst, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return known, false, &domain.Error{
				Code: domain.CodeUnavailable, Detail: "The same request is under way; its outcome is not known yet.",
				RetryAfter: time.Second,
			}
		}
	}
}

// runFirst makes the call, keeps its answer and only then gives it. A caller that
// hangs up does not stop it: the answer is there when the caller asks again.
func (s *server) runFirst(w *writeAnswer, r *http.Request, app domain.AppNum, record domain.IdempotencyRecord, seal sealer, next http.Handler) {
	lasting := context.WithoutCancel(r.Context())
	ctx, cancel := context.WithTimeout(lasting, callTimeout)
	defer cancel()
	answer := newRecordedAnswer(w)
	isKept := false
	defer func() { // after a panic too
		if !isKept {
			s.reportStore(r, s.Idempotency.ForgetIdempotent(lasting, app, record.Key))
		}
	}()
	next.ServeHTTP(answer, r.WithContext(ctx))
	if isLasting(answer.status) {
		record.Status, record.At = answer.status, domain.Millis(s.Clock.Now())
		w.tellPositions(answer.header)
		record.Answer = seal.seal(record, answer.header, answer.body.Bytes())
		err := s.Idempotency.SettleIdempotent(lasting, app, record)
		// What was done is done: the caller gets the answer, and a repetition
		// meets the record under way until that is stale.
		isKept = true
		s.reportStore(r, err)
	}
	answer.sendTo(w)
}

func isLasting(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return false
	}
	return status < http.StatusInternalServerError
}

func (s *server) replay(w http.ResponseWriter, r *http.Request, first domain.IdempotencyRecord, seal sealer) {
	header, body, err := seal.open(first)
	if err != nil {
		s.fail(w, r, domain.ErrIdempotencyConflict)
		return
	}
	maps.Copy(w.Header(), header)
	w.Header().Set(headerReplayed, "true")
	w.WriteHeader(first.Status)
	_, _ = w.Write(body) // the caller is gone; nothing left to tell it
}

// reportStore logs what went wrong with the record, not with the call.
func (s *server) reportStore(r *http.Request, err error) {
	if err != nil {
		s.log.ErrorContext(r.Context(), "idempotency record not kept",
			slog.String("request_id", domain.RequestOf(r.Context()).ID),
			slog.Any("err", err), slog.Any("stack", domain.Stack(err)))
	}
}

// callerDigest names a key of a caller: keys of different credentials never meet.
func callerDigest(c call) []byte {
	by, key := "", ""
	if c.by.Kind != domain.PrincipalUser { // a user's tokens change all the time
		key = c.by.KeyID
	}
	by = fmt.Sprintf("%d:%d:%d:%d:%s:", c.by.Kind, c.by.App.Num, c.by.User.Num, len(key), key)
	sum := sha256.Sum256([]byte(by + c.idempotencyKey))
	return sum[:]
}

func requestDigest(r *http.Request, body []byte) []byte {
	h := sha256.New()
	target := r.URL.RequestURI()
	_, _ = fmt.Fprintf(h, "%s %d:%s\n", r.Method, len(target), target) // a hash takes everything
	_, _ = h.Write(body)
	return h.Sum(nil)
}

// recordedAnswer holds an answer back until it is kept. Its header starts as a
// copy of what was set so far.
type recordedAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newRecordedAnswer(w http.ResponseWriter) *recordedAnswer {
	return &recordedAnswer{header: w.Header().Clone()}
}

// Header implements http.ResponseWriter.
func (a *recordedAnswer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *recordedAnswer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *recordedAnswer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// Status returns what was answered, 0 while there is nothing.
func (a *recordedAnswer) Status() int { return a.status }

func (a *recordedAnswer) sendTo(w http.ResponseWriter) {
	clear(w.Header())
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = a.body.WriteTo(w) // the caller is gone; nothing left to tell it
}
