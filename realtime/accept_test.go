package realtime

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/metrics"
	"github.com/gim-im/gim/wire"
)

func TestNew_RefusesOriginsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, origin := range []string{"", "*", "null", "chat.example.com", "https://", "https://a.example/path"} {
		if _, err := New(Options{Gateway: noGateway(t), AllowedOrigins: []string{origin}}); err == nil {
			t.Errorf("origin %q was taken", origin)
		}
	}
	if _, err := New(Options{}); err == nil {
		t.Error("a missing gateway was taken")
	}
}

func TestConnections_AreCountedWhileTheyAreOpen(t *testing.T) {
	t.Parallel()
	m := metrics.New()
	gauge := func() string {
		answer := httptest.NewRecorder()
		m.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
		for line := range strings.Lines(answer.Body.String()) {
			if strings.HasPrefix(line, "gim_connections{") {
				return strings.TrimSpace(line)
			}
		}
		return ""
	}
	wait := func(want string) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); gauge() != want; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("gauge is %q, want %q", gauge(), want)
			}
		}
	}
	url := serveWith(t, Options{Metrics: m})
	conn := dialRaw(t, url, wire.SubprotocolProto)
	wait(`gim_connections{encoding="proto",transport="websocket"} 1`)
	_ = conn.conn.Close()
	wait(`gim_connections{encoding="proto",transport="websocket"} 0`)
}

func TestServeHTTP_RefusesWhatIsNoHandshake(t *testing.T) {
	t.Parallel()
	whole := map[string]string{
		"Connection": "keep-alive, Upgrade", "Upgrade": "websocket",
		"Sec-Websocket-Version": "13", "Sec-Websocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	}
	for name, value := range map[string]string{
		"Connection": "keep-alive", "Upgrade": "h2c", "Sec-Websocket-Version": "8", "Sec-Websocket-Key": "c2hvcnQ=",
	} {
		var refused error
		h, err := New(Options{Gateway: noGateway(t), Refuse: func(_ http.ResponseWriter, _ *http.Request, err error) { refused = err }})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/v1/ws", nil)
		for n, v := range whole {
			r.Header.Set(n, v)
		}
		if !isHandshake(r) {
			t.Fatal("a whole handshake was not taken for one")
		}
		r.Header.Set(name, value)
		h.ServeHTTP(httptest.NewRecorder(), r)
		if domain.CodeOf(refused) != domain.CodeBadRequest {
			t.Errorf("%s %q was refused with %v, not as bad_request", name, value, refused)
		}
	}
}
