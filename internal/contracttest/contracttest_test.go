package contracttest

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

const problem = `{"type":"/docs/errors#x","title":"t","status":404,"detail":"d","code":"x","request_id":"r","retryable":false}`

func TestCheck_FindsWhatBreaksTheContract(t *testing.T) {
	t.Parallel()
	checker, err := New()
	if err != nil {
		t.Fatal(err)
	}
	const (
		asJSON    = "application/json"
		asProblem = "application/problem+json"
		sent      = `{"message_id":"m","conversation_id":"user:bob","conversation_seq":1,"sent_at":"2026-01-31T12:00:00.000Z"}`
	)
	tests := []struct {
		name, method, path string
		status             int
		media, body        string
		want               string // part of the error; "" for none
	}{
		{"as it should be", "POST", "/v1/messages", 201, asJSON, sent, ""},
		{"a problem", "POST", "/v1/messages", 404, asProblem, problem, ""},
		{"an id that needs escaping", "DELETE", "/v1/users/a%40b", 204, "", "", ""},
		{"an id with a slash, refused", "DELETE", "/v1/users/a%2Fb", 400, asProblem, problem, ""},
		{"null where it may be", "GET", "/v1/users?limit=1", 200, asJSON, `{"items":[],"next_cursor":null}`, ""},
		{"a page", "GET", "/docs", 200, "text/html; charset=utf-8", "<p>", ""},
		{"a file of the browser app", "GET", "/app.js", 200, "text/javascript", "1", ""},
		{"an unknown route, refused", "GET", "/v1/nothing", 404, asProblem, problem, ""},

		{"a field missing", "POST", "/v1/messages", 201, asJSON, `{"message_id":"m"}`, "conversation_seq"},
		{"null where it may not be", "GET", "/v1/users", 200, asJSON, `{"items":null,"next_cursor":null}`, "nullable"},
		{"a wrong type", "PUT", "/v1/devices/me/ack", 200, asJSON, `{"acked_seq":"1"}`, "integer"},
		{"a problem without code", "GET", "/v1/users", 404, asProblem, `{"title":"t"}`, "code"},
		{"a failure that is no problem", "GET", "/v1/users", 500, asJSON, `{}`, "ontent"},
		{"an unknown route, answered", "GET", "/v1/nothing", 200, asJSON, `{}`, "not in openapi.yaml"},
		{"an unknown route, refused in another form", "GET", "/v1/nothing", 404, "text/plain", "404 page not found", "no problem"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), tt.method, "http://127.0.0.1:8080"+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer := &http.Response{StatusCode: tt.status, Header: http.Header{"X-Request-Id": {"r"}}}
			if tt.media != "" {
				answer.Header.Set("Content-Type", tt.media)
			}
			err = checker.Check(r, answer, []byte(tt.body))
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// recorder is a test that may fail without failing this one.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestTransport_FailsTheTestAndHandsTheAnswerOn(t *testing.T) {
	t.Parallel()
	for _, body := range []string{problem, `{}`} {
		tb := &recorder{TB: t}
		client := &http.Client{Transport: Transport(tb, roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: 404, Body: io.NopCloser(strings.NewReader(body)),
				Header: http.Header{"X-Request-Id": {"r"}, "Content-Type": {"application/problem+json"}},
			}, nil
		}))}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1/v1/users", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || string(got) != body {
			t.Errorf("got %q (%v), want %q", got, err, body)
		}
		if wantFailed := body == `{}`; tb.failed != wantFailed {
			t.Errorf("body %q fails the test: %v, want %v", body, tb.failed, wantFailed)
		}
	}
}
