package app

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadyz_TellsEachState(t *testing.T) {
	t.Parallel()
	up := checks{
		store:      func(context.Context) error { return nil },
		bus:        func() (string, bool) { return "redis", true },
		durability: func(context.Context) (bool, []string, error) { return true, nil, nil },
		search:     true,
	}
	storeDown, busDown, reduced := up, up, up
	storeDown.store = func(context.Context) error { return errors.New("dial tcp: secret detail") }
	storeDown.durability = func(context.Context) (bool, []string, error) { return false, nil, errors.New("secret detail") }
	busDown.bus = func() (string, bool) { return "redis", false }
	reduced.durability = func(context.Context) (bool, []string, error) { return false, []string{"sync_binlog is 0"}, nil }

	noSearch := up
	noSearch.search = false

	const open = `"store":{"status":"up"},"bus":{"kind":"redis","status":"up"},"durability":{"level":"full","why":[]},"search":{"status":"on"}`
	tests := []struct {
		name   string
		phase  phase
		checks *checks
		status int
		want   string
	}{
		{"nothing is open yet", phaseStarting, nil, 503, `{"status":"starting"}`},
		{"open, not serving yet", phaseStarting, &up, 503, `{"status":"starting",` + open + `}`},
		{"ready", phaseServing, &up, 200, `{"status":"ready",` + open + `}`},
		{"draining", phaseDraining, &up, 503, `{"status":"draining",` + open + `}`},
		{"store down", phaseServing, &storeDown, 503, `{"status":"unavailable","store":{"status":"down"},
			"bus":{"kind":"redis","status":"up"},"durability":{"level":"unknown","why":["the store does not answer"]},"search":{"status":"on"}}`},
		{"bus down costs latency only", phaseServing, &busDown, 200, `{"status":"ready","store":{"status":"up"},
			"bus":{"kind":"redis","status":"down"},"durability":{"level":"full","why":[]},"search":{"status":"on"}}`},
		{"reduced durability", phaseServing, &reduced, 200, `{"status":"ready","store":{"status":"up"},
			"bus":{"kind":"redis","status":"up"},"durability":{"level":"reduced","why":["sync_binlog is 0"]},"search":{"status":"on"}}`},
		{"without search", phaseServing, &noSearch, 200, `{"status":"ready",` + strings.Replace(open, `"on"`, `"off"`, 1) + `}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := &health{}
			h.set(tt.phase)
			h.checks.Store(tt.checks)
			w := httptest.NewRecorder()
			adminHandler(h, http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
			if w.Code != tt.status {
				t.Errorf("status %d, want %d", w.Code, tt.status)
			}
			if diff := cmp.Diff(parse(t, tt.want), parse(t, w.Body.String())); diff != "" {
				t.Errorf("answer differs (-want +got):\n%s", diff)
			}
		})
	}
}

func parse(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func TestAdmin_ServesOperationsOnly(t *testing.T) {
	t.Parallel()
	h := adminHandler(&health{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(299) }))
	for path, want := range map[string]int{
		"/livez": 200, "/metrics": 299, "/debug/pprof/": 200, "/debug/pprof/goroutine?debug=1": 200,
		"/debug/pprof/cmdline": 404, // a command line may hold secrets
		"/v1/messages":         404, "/": 404,
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != want {
			t.Errorf("GET %s: %d, want %d", path, w.Code, want)
		}
	}
}
