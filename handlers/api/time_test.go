package api

import (
	"encoding/json"
	"testing"
	"time"
)

func TestTime_IsUTCWithThreeDecimals(t *testing.T) {
	t.Parallel()
	cairo := time.FixedZone("", 2*60*60)
	for want, moment := range map[string]time.Time{
		`"2026-01-31T12:00:00.000Z"`: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC),
		`"2026-01-31T10:00:00.120Z"`: time.Date(2026, 1, 31, 12, 0, 0, 120e6, cairo),
		`"1970-01-01T00:00:00.999Z"`: time.Unix(0, 999_999_999),
	} {
		got, err := json.Marshal(Time{moment})
		if err != nil || string(got) != want {
			t.Errorf("%v becomes %s (%v), want %s", moment, got, err, want)
		}
		var back Time
		if err := json.Unmarshal(got, &back); err != nil || !back.Equal(moment.Truncate(time.Millisecond)) {
			t.Errorf("%s becomes %v (%v), want %v", got, back, err, moment)
		}
	}
}
