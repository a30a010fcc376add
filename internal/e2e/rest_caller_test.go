package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/contracttest"
	"github.com/gim-im/gim/internal/gimtest"
)

// contract reads openapi.yaml once for all tests.
var contract = sync.OnceValues(contracttest.New)

// web is what all callers share: with the connections that http.DefaultClient
// keeps, concurrent tests would open a new one for most requests.
var web = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}

// caller calls the REST API with one credential. Every answer is held to
// openapi.yaml, and an answer of 500 fails the test.
type caller struct {
	gim        *gimtest.Gim
	credential string // "" for none
	user       string // for Gim-User, "" for none
}

// answer is an answer that was read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do makes a request. body is sent as it is when it is a string, as JSON
// otherwise, not at all when it is nil. headers are "Name: value" and win over
// what caller sends.
func (c caller) do(t *testing.T, method, path string, body any, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, c.gim.URL+path, encode(t, body))
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.credential != "" {
		r.Header.Set("Authorization", "Bearer "+c.credential)
	}
	if c.user != "" {
		r.Header.Set("Gim-User", c.user)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	return c.send(t, r)
}

func (c caller) send(t *testing.T, r *http.Request) answer {
	t.Helper()
	got, err := web.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	checker, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	if err := checker.Check(r, got, body); err != nil {
		t.Errorf("the answer breaks the contract: %v", err)
	}
	if got.StatusCode == http.StatusInternalServerError {
		t.Errorf("%s %s: %s%s", r.Method, r.URL.Path, body, c.logged(got.Header.Get("X-Request-Id")))
	}
	return answer{got.StatusCode, got.Header, body}
}

func encode(t *testing.T, body any) io.Reader {
	t.Helper()
	switch body := body.(type) {
	case nil:
		return http.NoBody
	case string:
		return strings.NewReader(body)
	}
	return bytes.NewReader(marshal(t, body))
}

// logged returns the lines of gim's log about a request.
func (c caller) logged(requestID string) string {
	var lines strings.Builder
	for line := range strings.SplitSeq(c.gim.Log(), "\n") {
		if strings.Contains(line, requestID) {
			lines.WriteString("\n" + line)
		}
	}
	return lines.String()
}

func (c caller) get(t *testing.T, path string, headers ...string) answer {
	t.Helper()
	return c.do(t, http.MethodGet, path, nil, headers...)
}

func (c caller) post(t *testing.T, path string, body any, headers ...string) answer {
	t.Helper()
	return c.do(t, http.MethodPost, path, body, headers...)
}

func (c caller) put(t *testing.T, path string, body any) answer {
	t.Helper()
	return c.do(t, http.MethodPut, path, body)
}

func (c caller) delete(t *testing.T, path string) answer {
	t.Helper()
	return c.do(t, http.MethodDelete, path, nil)
}

// want ends the test unless the answer has the status.
func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

// refused ends the test unless the answer is a problem with the status and code.
func (a answer) refused(t *testing.T, status int, code string) client.Problem {
	t.Helper()
	if a.status != status || a.code() != code {
		t.Fatalf("status %d with %q, want %d with %q: %s", a.status, a.code(), status, code, a.body)
	}
	return read[client.Problem](t, a)
}

// code returns the code of a problem, "" for another answer.
func (a answer) code() string {
	var p struct{ Code string }
	_ = json.Unmarshal(a.body, &p) // other answers need not be JSON
	return p.Code
}

// read decodes an answer.
func read[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return v
}

// marshal writes JSON.
func marshal(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
