package app

import (
	"net/http/httptest"
	"testing"
)

func TestContention_IsNotedWhileAProfileIsTaken(t *testing.T) {
	t.Parallel()
	var rates []int
	c := &contention{profile: "mutex", rate: 7, set: func(rate int) { rates = append(rates, rate) }}
	c.take(1)
	c.take(1) // another one
	c.take(-1)
	if len(rates) != 1 || rates[0] != 7 {
		t.Errorf("with one of two profiles still being taken the rates set were %d, want 7 alone", rates)
	}
	c.take(-1)
	if len(rates) != 2 || rates[1] != 0 {
		t.Errorf("after the last profile the rates set were %d, want 0 in the end", rates)
	}
}

func TestContention_WithoutATimeSwitchesNothingOn(t *testing.T) {
	t.Parallel()
	c := &contention{profile: "block", rate: 7, set: func(int) { t.Error("it was switched on") }}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequest("GET", "/debug/pprof/block?debug=1", nil))
	if w.Code != 200 {
		t.Errorf("the answer is %d, want 200", w.Code)
	}
}
