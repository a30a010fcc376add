package handlers

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/metrics"
)

const traceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestRequestID_IsTakenOrMadeAndGoesWithTheMessage(t *testing.T) {
	t.Parallel()
	f := newFake()
	h := newAPI(t, f.options())
	for given, want := range map[string]string{
		"": "made-by-gim", "abc.DEF_1-2": "abc.DEF_1-2", "a b": "made-by-gim", "a\tb": "made-by-gim", "é": "made-by-gim",
		strings.Repeat("a", 64): strings.Repeat("a", 64), strings.Repeat("a", 65): "made-by-gim",
	} {
		q := sendHi
		q.header = []string{asAlice, "X-Request-Id: " + given, "Traceparent: " + traceParent}
		w := q.do(h)
		if got := w.Header().Get("X-Request-Id"); got != want {
			t.Errorf("%q is answered with %q, want %q", given, got, want)
		}
		if got := w.Header().Get("Traceparent"); got != traceParent {
			t.Errorf("the trace is answered with %q", got)
		}
		if want := (domain.RequestInfo{ID: want, TraceParent: traceParent}); f.outgoing.Request != want {
			t.Errorf("the message goes with %+v, want %+v", f.outgoing.Request, want)
		}
	}
}

func TestTraceParent_IsTakenInItsFormOnly(t *testing.T) {
	t.Parallel()
	zeros := strings.Repeat("0", 32)
	for value, want := range map[string]bool{
		traceParent:                      true,
		"cc" + traceParent[2:]:           true,
		"cc" + traceParent[2:] + "-x":    true,
		"":                               false,
		traceParent + "-x":               false,
		traceParent[:54]:                 false,
		"ff" + traceParent[2:]:           false,
		strings.ToUpper(traceParent):     false,
		"00-" + zeros + traceParent[35:]: false,
		traceParent[:36] + zeros[:16] + traceParent[52:]:       false,
		strings.Replace(traceParent, "-", "_", 1):              false,
		"cc" + traceParent[2:] + "-a\nb":                       false,
		"cc" + traceParent[2:] + "-" + strings.Repeat("a", 99): false,
	} {
		if got := isTraceParent(value); got != want {
			t.Errorf("isTraceParent(%q) = %v, want %v", value, got, want)
		}
	}
}

func TestAnswers_AreNotSniffedOrKept(t *testing.T) {
	t.Parallel()
	h := newAPI(t, newFake().options())
	for _, q := range []request{sendHi, get("/v1/nothing"), get("/v1/users/me")} {
		w := q.do(h)
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", q.path, w.Header())
		}
	}
}

func TestMetrics_CountByRouteAndNeverByPath(t *testing.T) {
	t.Parallel()
	f := newFake()
	o := f.options()
	o.Metrics = metrics.New()
	o.WebSocket = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(101) })
	h := newAPI(t, o)
	f.panics = "gone"
	for _, q := range []request{
		get("/v1/users/alice"), get("/v1/users/me"), get("/v1/users/bob"), get("/v1/nothing"), get("/v1/other"), get("/v1/ws"),
		{"BREW", "/v1/messages", "", nil}, {"BOIL", "/v1/messages", "", nil}, sendHi,
	} {
		q.do(h)
	}
	want := []string{
		`{method="GET",route="/v1/users/{user_id}",status="200"} 2`, `{method="GET",route="/v1/users/{user_id}",status="403"} 1`,
		`{method="GET",route="other",status="404"} 2`, `{method="POST",route="/v1/messages",status="500"} 1`,
		`{method="other",route="other",status="405"} 2`,
	}
	var got []string
	for line := range strings.Lines((request{"GET", "/", "", nil}).do(o.Metrics.Handler()).Body.String()) {
		if series, ok := strings.CutPrefix(line, "gim_http_request_seconds_count"); ok {
			got = append(got, strings.TrimSpace(series))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPage_ServesItsFilesAndLeavesTheRest(t *testing.T) {
	t.Parallel()
	o := newFake().options()
	o.Page = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<p>chat</p>"))
	})
	h := newAPI(t, o)
	if w := get("/").do(h); w.Code != 200 || w.Body.String() != "<p>chat</p>" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("got %d %s %v", w.Code, w.Body, w.Header())
	}
	for _, q := range []request{get("/nothing.js"), get("/v1/nothing"), {"POST", "/", "{}", nil}} {
		if w := q.do(h); w.Code != 404 || problemOf(t, w).Code != "not_found" {
			t.Errorf("%s %s: got %d %s", q.method, q.path, w.Code, w.Body)
		}
	}
}

func TestNew_RefusesWhatIsMissing(t *testing.T) {
	t.Parallel()
	for want, breakIt := range map[string]func(*Options){
		"Options.Auth":      func(o *Options) { o.Auth = nil },
		"Options.Messenger": func(o *Options) { o.Messenger = nil },
		"Options.Logger":    func(o *Options) { o.Logger = nil },
		"read the contract": func(o *Options) { o.Spec = []byte("openapi: [") },
		"security must be":  func(o *Options) { o.Spec = []byte(strings.Replace(string(o.Spec), "      security: []\n", "", 1)) },
	} {
		o := newFake().options()
		breakIt(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}
