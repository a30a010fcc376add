package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
)

var sendHi = request{"POST", "/v1/messages", `{"to":{"user_id":"bob"},"type":"text","content":{"text":"hi"}}`, []string{asAlice}}

func problemOf(tb testing.TB, w *httptest.ResponseRecorder) api.Problem {
	tb.Helper()
	var p api.Problem
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		tb.Fatalf("status %d has type %q, want a problem: %s", w.Code, got, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		tb.Fatal(err)
	}
	if p.Status != w.Code || p.RequestId == "" || p.RequestId != w.Header().Get("X-Request-Id") || p.Type != "/docs/errors#"+p.Code {
		tb.Errorf("status %d, X-Request-Id %q, and the problem is %+v", w.Code, w.Header().Get("X-Request-Id"), p)
	}
	return p
}

func TestStatusOf_CoversTheCatalogueAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, info := range domain.Catalogue() {
		if statusOf[info.Code] < 400 {
			t.Errorf("%s has no status", info.Code)
		}
	}
	if got, want := len(statusOf), len(domain.Catalogue()); got != want {
		t.Errorf("%d codes have a status, %d are in the catalogue", got, want)
	}
}

func TestProblem_ShowsWhatTheDomainExpects(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.fail = &domain.Error{Code: domain.CodeUserNotFound, Detail: "There is no such user.", Fields: []domain.FieldError{{Pointer: "/to/user_id", Detail: "is not a user"}}}
	q := sendHi
	q.header = append(q.header, "X-Request-Id: mine")
	w := q.do(newAPI(t, f.options()))
	want := api.Problem{
		Type: "/docs/errors#user_not_found", Title: "There is no such user", Status: 404, Detail: "There is no such user.",
		Code: "user_not_found", RequestId: "mine", Errors: &[]api.FieldProblem{{Pointer: "/to/user_id", Detail: "is not a user"}},
	}
	if diff := cmp.Diff(want, problemOf(t, w)); diff != "" {
		t.Error(diff)
	}
}

func TestProblem_LogsTheUnknownOnceAndShowsItsIDOnly(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*fake){
		"error":    func(f *fake) { f.fail = domain.Trace(errors.New("disk is full of secrets")) },
		"panic":    func(f *fake) { f.panics = "disk is full of secrets" },
		"deadline": func(f *fake) { f.fail = errors.Join(context.DeadlineExceeded, errors.New("disk is full of secrets")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, log := newFake(), &bytes.Buffer{}
			prepare(f)
			o := f.options()
			o.Logger = slog.New(slog.NewJSONHandler(log, nil))
			w := sendHi.do(newAPI(t, o))
			p := problemOf(t, w)
			if p.Errors != nil || !p.Retryable || strings.Contains(w.Body.String(), "secrets") {
				t.Errorf("got %s", w.Body)
			}
			if want := map[string]string{"error": "internal", "panic": "internal", "deadline": "unavailable"}[name]; p.Code != want {
				t.Errorf("code %q, want %q", p.Code, want)
			}
			if n := strings.Count(log.String(), "\n"); n != 1 {
				t.Fatalf("%d lines logged, want 1: %s", n, log)
			}
			for _, want := range []string{"disk is full of secrets", `"request_id":"made-by-gim"`, `"route":"/v1/messages"`} {
				if !strings.Contains(log.String(), want) {
					t.Errorf("the log has no %s: %s", want, log)
				}
			}
			if name != "deadline" && !strings.Contains(log.String(), "handlers.") {
				t.Errorf("the log has no stack: %s", log)
			}
		})
	}
}

func TestProblem_CallerWhoHungUpIsNoFailure(t *testing.T) {
	t.Parallel()
	f, log := newFake(), &bytes.Buffer{}
	f.fail = domain.Trace(errors.New("driver: bad connection"))
	o := f.options()
	o.Logger = slog.New(slog.NewJSONHandler(log, nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, sendHi.method, sendHi.path, strings.NewReader(sendHi.body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer alice")
	newAPI(t, o).ServeHTTP(httptest.NewRecorder(), r)
	if log.Len() > 0 {
		t.Errorf("logged: %s", log)
	}
}

func TestProblem_UnauthorizedHasOneBody(t *testing.T) {
	t.Parallel()
	h := newAPI(t, newFake().options())
	var bodies []string
	for _, header := range [][]string{nil, {"Authorization: Bearer stale"}, {asAlice, asAlice}, {"Authorization: Basic YTpi"}} {
		w := request{"GET", "/v1/sync", "", header}.do(h)
		if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") != `Bearer realm="gim"` {
			t.Errorf("%q: status %d, WWW-Authenticate %q", header, w.Code, w.Header().Get("WWW-Authenticate"))
		}
		bodies = append(bodies, w.Body.String())
	}
	for _, body := range bodies[1:] {
		if body != bodies[0] {
			t.Errorf("bodies tell refusals apart:\n%s%s", bodies[0], body)
		}
	}
}

func TestProblem_RateLimitedSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.limited = 1200 * time.Millisecond
	o := f.options()
	o.SendRate, o.SendBurst = 100, 200
	w := sendHi.do(newAPI(t, o))
	want := map[string]string{"Retry-After": "2", "Ratelimit": `"sends";r=0;t=2`, "Ratelimit-Policy": `"sends";q=200;w=2`}
	for name, value := range want {
		if got := w.Header().Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	if p := problemOf(t, w); p.Code != "rate_limited" || w.Code != 429 {
		t.Errorf("got %d %s", w.Code, w.Body)
	}

	f.limited, f.fail = 0, domain.ErrUnavailable
	if w := sendHi.do(newAPI(t, o)); w.Code != 503 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("status %d, Retry-After %q, want 503 and 1", w.Code, w.Header().Get("Retry-After"))
	}
}

func TestProblem_ListsAHundredFieldsAtMost(t *testing.T) {
	t.Parallel()
	body := `{"user_ids":["` + strings.Repeat(`!","`, 299) + `!"]}`
	w := request{"POST", "/v1/groups/team/members", body, []string{asApp}}.do(newAPI(t, newFake().options()))
	if p := problemOf(t, w); w.Code != 400 || len(*p.Errors) != 100 {
		t.Errorf("status %d with %d fields, want 400 with 100", w.Code, len(*p.Errors))
	}
}

func TestUnknownRouteAndWrongMethodAreProblems(t *testing.T) {
	t.Parallel()
	h := newAPI(t, newFake().options())
	for _, tt := range []struct {
		method, path string
		status       int
		code, allow  string
	}{
		{"GET", "/v1/nothing", 404, "not_found", ""},
		{"GET", "/", 404, "not_found", ""},
		{"GET", "/v1/users/", 404, "not_found", ""},
		{"GET", "/v1/users//tokens", 405, "method_not_allowed", "POST, DELETE"},
		{"GET", "/v1/users/alice/", 404, "not_found", ""},
		{"POST", "/v1/users/alice", 405, "method_not_allowed", "GET, PUT, PATCH, DELETE"},
		{"PUT", "/v1/messages", 405, "method_not_allowed", "POST"},
		{"OPTIONS", "/v1/messages", 405, "method_not_allowed", "POST"},
		{"BREW", "/v1/messages", 405, "method_not_allowed", "POST"},
		{"BREW", "/v1/nothing", 404, "not_found", ""},
		{"POST", "/docs", 405, "method_not_allowed", "GET, HEAD"},
		{"DELETE", "/v1/users/a%40b/tokens/x/y", 404, "not_found", ""},
	} {
		w := request{tt.method, tt.path, "", []string{asApp}}.do(h)
		if p := problemOf(t, w); w.Code != tt.status || p.Code != tt.code || w.Header().Get("Allow") != tt.allow {
			t.Errorf("%s %s: %d %s, Allow %q, want %d %s, %q", tt.method, tt.path, w.Code, p.Code, w.Header().Get("Allow"), tt.status, tt.code, tt.allow)
		}
	}
}
