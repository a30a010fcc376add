package app

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gim-im/gim/internal/config"
)

func TestEndPolls_EndsWhatWaitsAndNothingElse(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{
		"/v1/sync?after=1&wait=30": true,
		"/v1/sync?after=1":         false,
		"/v1/messages?wait=30":     false,
	}
	for path, want := range tests {
		draining, start := context.WithCancel(t.Context())
		handler := endPolls(draining, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.Context().Err() != nil {
				t.Errorf("%s is ended before draining", path)
			}
			start()
			if want {
				<-r.Context().Done()
			} else if r.Context().Err() != nil {
				t.Errorf("%s is ended by draining", path)
			}
		}))
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
		start()
	}
}

func TestOnlyAt_ServesOnePath(t *testing.T) {
	t.Parallel()
	h := onlyAt(map[string]http.Handler{
		"/v1/ws": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(299) }),
	})
	for path, want := range map[string]int{"/v1/ws": 299, "/v1/apps": 404, "/": 404} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != want {
			t.Errorf("GET %s: %d, want %d", path, w.Code, want)
		}
	}
}

func TestNewLogger_WritesTheFormatAndLevelAskedFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		format, level string
		want          string
		silent        bool
	}{
		{"auto", "info", `"msg":"hello"`, false}, // a buffer is no terminal
		{"json", "info", `"msg":"hello"`, false},
		{"text", "info", "hello", false},
		{"text", "error", "", true},
	} {
		var out bytes.Buffer
		NewLogger(&out, config.Logging{LogFormat: tt.format, LogLevel: tt.level}).Info("hello", slog.Int("n", 1))
		if tt.silent && out.Len() > 0 {
			t.Errorf("%+v: logged %q", tt, out.String())
		}
		if !strings.Contains(out.String(), tt.want) || strings.Contains(out.String(), "\x1b") {
			t.Errorf("%+v: logged %q", tt, out.String())
		}
	}
}

func TestIsLoopbackHost(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"127.0.0.1:8080": true, "localhost:8080": true, "[::1]:8080": true, "localhost": true, "[::1]": true,
		"evil.example:8080": false, "127.0.0.1.evil.example": false, "10.0.0.1:8080": false, "": false,
	} {
		if got := isLoopbackHost(host); got != want {
			t.Errorf("isLoopbackHost(%q) = %t, want %t", host, got, want)
		}
	}
}
