package handlers

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/contracttest"
)

func TestWebSocket_ConnectionCanBeTakenOver(t *testing.T) {
	t.Parallel()
	o := newFake().options()
	o.WebSocket = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if domain.RequestOf(r.Context()).ID == "" {
			t.Error("the request has no id")
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 418 taken over\r\nContent-Length: 0\r\n\r\n")
	})
	server := httptest.NewServer(newAPI(t, o))
	defer server.Close()
	answer, err := server.Client().Get(server.URL + "/v1/ws")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusTeapot {
		t.Errorf("status %d, want 418", answer.StatusCode)
	}
}

func TestAbort_CutsTheConnection(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.panics = http.ErrAbortHandler
	defer func() {
		if got := recover(); got != http.ErrAbortHandler {
			t.Errorf("panic %v, want http.ErrAbortHandler", got)
		}
	}()
	sendHi.do(newAPI(t, f.options()))
}

// TestOverTheWire uses a real server, where bodies come in chunks and the
// library has its own say.
func TestOverTheWire_BodiesAreLimitedWithoutALength(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(newAPI(t, newFake().options()))
	defer server.Close()
	client := &http.Client{Transport: contracttest.Transport(t, nil)}
	for size, want := range map[int]int{domain.MaxBodyBytes: 400, domain.MaxBodyBytes + 1: 413, 2 << 20: 413} {
		// A reader of unknown size is sent in chunks.
		body := io.MultiReader(strings.NewReader(strings.Repeat(" ", size)))
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/messages", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer app")
		r.Header.Set("Content-Type", "application/json")
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%d bytes: status %d, want %d", size, answer.StatusCode, want)
		}
	}
}

// FuzzSendMessage gives the body whatever comes: it is taken or refused, never a
// failure, and the answer is always in its form.
func FuzzSendMessage(f *testing.F) {
	for _, seed := range []string{
		sendHi.body, `{}`, `[]`, `null`, `{"to":{"user_id":"bob","group_id":"team"},"type":"custom","content":{"a":1e999}}`,
		`{"to":{},"type":"command","content":{"code":1000.5}}`, `{"to":{"user_id":"bob"},"type":"location","content":{"latitude":1e309}}`, "\"\xff\"",
	} {
		f.Add([]byte(seed))
	}
	checker, err := contracttest.New()
	if err != nil {
		f.Fatal(err)
	}
	h := newAPI(f, newFake().options())
	f.Fuzz(func(t *testing.T, body []byte) {
		w := message("").with(string(body)).do(h)
		if w.Code >= 500 {
			t.Errorf("body %q: status %d: %s", body, w.Code, w.Body)
		}
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/v1/messages", nil)
		if err := checker.Check(r, w.Result(), w.Body.Bytes()); err != nil { //nolint:bodyclose // a recorder's
			t.Errorf("body %q: %v", body, err)
		}
	})
}

// FuzzQuery does the same for the query of a list.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"limit=1&cursor=YQ", "limit=%ff", "a;b", "wait=0&after=1&after=2", "%", "epoch=\x00"} {
		f.Add(seed)
	}
	h := newAPI(f, newFake().options())
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, "/v1/sync", nil)
		r.URL.RawQuery = query
		r.Header.Set("Authorization", "Bearer alice")
		w := httptest.NewRecorder()
		if strings.Contains(query, "wait") {
			return // a long poll
		}
		h.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("query %q: status %d: %s", query, w.Code, w.Body)
		}
	})
}

func (q request) with(body string) request {
	q.body = body
	return q
}

func TestPanicAfterTheFirstByte_AddsNoProblem(t *testing.T) {
	t.Parallel()
	o := newFake().options()
	o.WebSocket = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half an ans")
		panic("gone")
	})
	if w := get("/v1/ws").do(newAPI(t, o)); w.Code != 200 || w.Body.String() != "half an ans" {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestBodyThatSaysItIsTooLarge_IsNotRead(t *testing.T) {
	t.Parallel()
	h := newAPI(t, newFake().options())
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		body := strings.NewReader(strings.Repeat(" ", domain.MaxBodyBytes+1))
		r := httptest.NewRequest(method, "/v1/groups", body)
		r.Header.Set("Authorization", "Bearer app")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 413 || body.Len() != domain.MaxBodyBytes+1 {
			t.Errorf("%s: status %d with %d bytes unread, want 413 with all", method, w.Code, body.Len())
		}
	}
}
