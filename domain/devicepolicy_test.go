package domain

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDevicePolicy_Yielding(t *testing.T) {
	t.Parallel()
	at := func(id string, second int, kind DeviceType) OnlineSession {
		return OnlineSession{ID: id, Type: kind, Number: 1, Since: time.Unix(int64(second), 0)}
	}
	a, b, c := at("a", 1, "ios"), at("b", 2, "ios"), at("c", 3, "ios")
	same := at("b0", 2, "ios") // as old as b: the id decides
	web, passing := at("w", 0, "web"), OnlineSession{ID: "p", Type: "ios"}
	tests := []struct {
		name     string
		most     int
		yields   OnlineYield
		own      OnlineSession
		sessions []OnlineSession
		want     string
	}{
		{"no limit", 0, YieldOldest, c, []OnlineSession{a, b, c}, ""},
		{"within", 3, YieldOldest, c, []OnlineSession{c, a, b}, ""},
		{"oldest", 1, YieldOldest, c, []OnlineSession{c, a, b}, "a b"},
		{"oldest of two", 2, YieldOldest, c, []OnlineSession{c, b, a}, "a"},
		{"the own one may be the oldest", 1, YieldOldest, a, []OnlineSession{a, b}, "a"},
		{"newest", 1, YieldNewest, c, []OnlineSession{c, a, b}, "b c"},
		{"newest of two", 2, YieldNewest, b, []OnlineSession{c, a, b}, "c"},
		{"other types do not count", 1, YieldOldest, a, []OnlineSession{a, web}, ""},
		{"devices that are not registered do not count", 1, YieldOldest, a, []OnlineSession{a, passing}, ""},
		{"nor do they make others yield", 1, YieldOldest, passing, []OnlineSession{a, b, passing}, ""},
		{"equal times", 1, YieldOldest, b, []OnlineSession{same, b}, "b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := DevicePolicy{MaxOnlinePerType: tt.most, OnlineYields: tt.yields}
			var got []string
			for _, s := range p.Yielding(tt.sessions, tt.own) {
				got = append(got, s.ID)
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("yielding are %q, want %q", got, tt.want)
			}
		})
	}
}

// TestDevicePolicy_ExactlyTheLimitStays: whoever of a type asks, in whatever
// order the sessions are listed, the same ones yield, and as many stay as may.
func TestDevicePolicy_ExactlyTheLimitStays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var all []OnlineSession
		for i := range rapid.IntRange(1, 12).Draw(t, "sessions") {
			all = append(all, OnlineSession{
				ID: fmt.Sprint(i), Type: "ios", Number: 1, Since: time.Unix(rapid.Int64Range(0, 3).Draw(t, "since"), 0),
			})
		}
		p := DevicePolicy{
			MaxOnlinePerType: rapid.IntRange(1, 5).Draw(t, "most"),
			OnlineYields:     rapid.SampledFrom([]OnlineYield{YieldOldest, YieldNewest}).Draw(t, "yields"),
		}
		first := p.Yielding(all, all[0])
		if stay := len(all) - len(first); stay != min(len(all), p.MaxOnlinePerType) {
			t.Fatalf("%d of %d stay, want %d", stay, len(all), p.MaxOnlinePerType)
		}
		own := rapid.SampledFrom(all).Draw(t, "own")
		if again := p.Yielding(rapid.Permutation(all).Draw(t, "order"), own); !slices.Equal(again, first) {
			t.Fatalf("yielding are %v, and %v for another", first, again)
		}
	})
}
