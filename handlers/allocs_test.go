package handlers

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gim-im/gim/internal/allocs"
)

// hotPaths are a send by REST: as a whole, but for sockets and store, and the part
// of it that checks the request.
func hotPaths(tb testing.TB) map[string]func() {
	s, err := newServer(newFake().options())
	if err != nil {
		tb.Fatal(err)
	}
	routes, err := s.routes()
	if err != nil {
		tb.Fatal(err)
	}
	body := bytes.NewReader([]byte(sendHi.body))
	req := httptest.NewRequest(sendHi.method, sendHi.path, nil)
	req.Header.Set("Authorization", "Bearer alice")
	req.Header.Set("Content-Type", mediaJSON)
	req.ContentLength = int64(len(sendHi.body))
	op := s.operations[sendHi.path][sendHi.method]
	answer := &discarded{header: make(http.Header)}
	return map[string]func(){
		"check the request of a send": func() {
			body.Reset([]byte(sendHi.body))
			req.Body = io.NopCloser(body)
			if _, err := s.prepare(op, req); err != nil {
				tb.Fatal(err)
			}
		},
		"a send by REST, but for sockets and store": func() {
			body.Reset([]byte(sendHi.body))
			req.Body = io.NopCloser(body)
			clear(answer.header)
			routes.ServeHTTP(answer, req)
			if answer.status != http.StatusCreated {
				tb.Fatalf("status %d", answer.status)
			}
		},
	}
}

// discarded is an answer that nobody reads.
type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) WriteHeader(status int)      { d.status = status }
func (d *discarded) Write(p []byte) (int, error) { return len(p), nil }

func TestAllocations(t *testing.T) { allocs.Check(t, hotPaths(t)) } //nolint:paralleltest // others would be counted

func BenchmarkRequest(b *testing.B) {
	for name, path := range hotPaths(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				path()
			}
		})
	}
}
