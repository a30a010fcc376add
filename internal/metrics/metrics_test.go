package metrics

import (
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// own is what every instrument of gim must be called: its name says the unit.
var own = regexp.MustCompile(`^gim_([a-z_]+(_total|_seconds|_messages|_sessions|_up)|connections)$`)

func TestNew_NamesEndWithTheirUnitAndHaveHelp(t *testing.T) {
	t.Parallel()
	m := New()
	m.Connections.WithLabelValues("websocket", "json").Inc()
	m.ConnectionCloses.WithLabelValues("4000").Inc()
	m.HTTPRequestSeconds.WithLabelValues("GET", "/v1/sync", "200").Observe(1)
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "gim_") {
			continue
		}
		found++
		if !own.MatchString(f.GetName()) {
			t.Errorf("%s does not end with a unit", f.GetName())
		}
		if f.GetHelp() == "" {
			t.Errorf("%s has no help", f.GetName())
		}
	}
	if found < 15 {
		t.Errorf("got %d instruments, want at least 15", found)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "gim_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func TestNew_TwoSetsShareNoFigures(t *testing.T) {
	t.Parallel()
	a, b := New(), New()
	a.Messages.Add(3)
	if got := page(b); !strings.Contains(got, "gim_messages_total 0\n") {
		t.Error("the second set counts what the first one did")
	}
}

func TestHandler_ShowsFigures(t *testing.T) {
	t.Parallel()
	m := New()
	m.Messages.Add(3)
	got := page(m)
	for _, want := range []string{"gim_messages_total 3\n", "go_goroutines"} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestRegister_RefusesANameTwice(t *testing.T) {
	t.Parallel()
	m := New()
	if err := m.Register(New().Messages); err == nil {
		t.Error("a taken name was registered")
	}
}

func page(m *Metrics) string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}
