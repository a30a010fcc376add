package realtime

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

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
