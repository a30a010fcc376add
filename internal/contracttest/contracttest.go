// Package contracttest holds answers to openapi.yaml. Tests of the REST API put
// [Transport] into their client, so that every answer they get, failures
// included, is checked against its schema besides what the test itself wants.
//
// It is for tests. Everything in it may be used concurrently.
package contracttest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	gim "github.com/gim-im/gim"
)

// Checker knows the contract.
type Checker struct{ router routers.Router }

// New reads openapi.yaml.
func New() (*Checker, error) {
	doc, err := openapi3.NewLoader().LoadFromData(gim.OpenAPI)
	if err != nil {
		return nil, err
	}
	doc.Servers = nil // any host and port
	router, err := legacy.NewRouter(doc)
	if err != nil {
		return nil, err
	}
	doc.OpenAPI = "3.0.3" // the validator for 3.1 compiles every schema anew for every answer
	return &Checker{router: router}, nil
}

// Check returns what is wrong with an answer, nil when it is as the contract says.
// body is the whole body; that of answer is not read. Answers to what is not in
// the contract must be problems of status 404 or 405, or pages outside /v1.
func (c *Checker) Check(r *http.Request, answer *http.Response, body []byte) error {
	if answer.Header.Get("X-Request-Id") == "" {
		return fmt.Errorf("%s %s: no X-Request-Id", r.Method, r.URL.Path)
	}
	// The router wants a request as a server sees it.
	asked := r.Clone(r.Context())
	asked.Body = http.NoBody
	asked.RequestURI = r.URL.RequestURI()
	asked.URL.Path, asked.URL.RawPath = r.URL.EscapedPath(), "" // a slash in an id is no slash of the path
	route, path, err := c.router.FindRoute(asked)
	if err != nil {
		return c.checkUnknown(r, answer, body)
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: asked, PathParams: path, Route: route},
		Status:                 answer.StatusCode, Header: answer.Header,
		Body:    io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{MultiError: true, IncludeResponseStatus: true, SkipSettingDefaults: true},
	}
	if answer.StatusCode == http.StatusSwitchingProtocols || answer.StatusCode == http.StatusNotModified {
		return nil
	}
	if isFile(r, answer) || answer.Header.Get("Content-Type") == "text/event-stream" {
		return nil // openapi.yaml says nothing about what is in them
	}
	if err := openapi3filter.ValidateResponse(r.Context(), input); err != nil {
		return fmt.Errorf("%s %s, status %d: %w", r.Method, r.URL.Path, answer.StatusCode, err)
	}
	return nil
}

func (c *Checker) checkUnknown(r *http.Request, answer *http.Response, body []byte) error {
	isRefused := answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusMethodNotAllowed
	switch {
	case isFile(r, answer):
		return nil
	case !isRefused:
		return fmt.Errorf("%s %s is not in openapi.yaml, and answers %d", r.Method, r.URL.Path, answer.StatusCode)
	case answer.Header.Get("Content-Type") != "application/problem+json" || !bytes.Contains(body, []byte(`"code"`)):
		return fmt.Errorf("%s %s, status %d: no problem but %q", r.Method, r.URL.Path, answer.StatusCode, body)
	}
	return nil
}

// isFile reports whether a page or the contract itself was answered.
func isFile(r *http.Request, answer *http.Response) bool {
	return !strings.HasPrefix(r.URL.Path, "/v1") && answer.StatusCode < http.StatusBadRequest
}

// Transport returns next with every answer checked; one that breaks the contract
// fails tb. Bodies are read whole before they are handed on, those of WebSocket
// upgrades excepted. A nil next is [http.DefaultTransport].
func Transport(tb testing.TB, next http.RoundTripper) http.RoundTripper {
	tb.Helper()
	checker, err := New()
	if err != nil {
		tb.Fatal(err)
	}
	if next == nil {
		next = http.DefaultTransport
	}
	return &transport{tb: tb, next: next, checker: checker}
}

type transport struct {
	tb      testing.TB
	next    http.RoundTripper
	checker *Checker
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.next.RoundTrip(r)
	if err != nil || answer.StatusCode == http.StatusSwitchingProtocols {
		return answer, err
	}
	body, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close() // read to its end
	if err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	if err := t.checker.Check(r, answer, body); err != nil {
		t.tb.Errorf("the answer breaks the contract: %v", err)
	}
	return answer, nil
}
