package domain

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPresences_HasToYield(t *testing.T) {
	t.Parallel()
	at := func(device string, second int) OnlineSession {
		kind, _, _ := strings.Cut(device, "-")
		return OnlineSession{
			App: 1, User: 7, ID: "of-" + device, Device: DeviceID(device), Type: DeviceType(kind), Number: 1, Since: time.Unix(int64(second), 0),
		}
	}
	a, b, c := at("ios-a", 1), at("ios-b", 2), at("ios-c", 3)
	same := at("ios-b0", 2) // as old as ios-b: the id decides
	web, passing := at("web", 0), OnlineSession{App: 1, User: 7, ID: "p", Device: "passing", Type: "ios"}
	replaced := OnlineSession{App: 1, User: 7, ID: "older", Device: "ios-c", Type: "ios", Number: 0, Since: time.Unix(0, 0)}
	tests := []struct {
		name     string
		most     int
		yields   OnlineYield
		sessions []OnlineSession
		want     string
	}{
		{"no limit", 0, YieldOldest, []OnlineSession{a, b, c}, ""},
		{"within", 3, YieldOldest, []OnlineSession{c, a, b}, ""},
		{"oldest", 1, YieldOldest, []OnlineSession{c, a, b}, "ios-a ios-b"},
		{"oldest of two", 2, YieldOldest, []OnlineSession{c, b, a}, "ios-a"},
		{"newest", 1, YieldNewest, []OnlineSession{c, a, b}, "ios-b ios-c"},
		{"newest of two", 2, YieldNewest, []OnlineSession{c, a, b}, "ios-c"},
		{"other types do not count", 1, YieldOldest, []OnlineSession{a, web}, ""},
		{"devices that are not registered do not count", 1, YieldOldest, []OnlineSession{a, passing}, ""},
		{"nor do sessions that were replaced", 1, YieldOldest, []OnlineSession{replaced, c}, ""},
		{"equal times", 1, YieldOldest, []OnlineSession{same, b}, "ios-b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &presenceFake{online: Online{Known: true, Sessions: tt.sessions}}
			var got []string
			for _, own := range []OnlineSession{a, b, c} {
				if NewPresences(f, f).HasToYield(t.Context(), own, DevicePolicy{MaxOnlinePerType: tt.most, OnlineYields: tt.yields}) {
					got = append(got, string(own.Device))
				}
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("yielding are %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPresences_NobodyYieldsWhileNobodyKnows(t *testing.T) {
	t.Parallel()
	own := OnlineSession{App: 1, User: 7, ID: "1", Device: "a", Type: "ios", Number: 1}
	f := &presenceFake{online: Online{Sessions: []OnlineSession{own, {App: 1, User: 7, ID: "2", Device: "b", Type: "ios", Number: 1}}}}
	if NewPresences(f, f).HasToYield(t.Context(), own, DevicePolicy{MaxOnlinePerType: 1, OnlineYields: YieldOldest}) {
		t.Error("it yields")
	}
}

// presenceFake knows one user.
type presenceFake struct {
	PresenceStore
	online Online
}

func (f *presenceFake) Online(context.Context, AppNum, []UserNum) []Online { return []Online{f.online} }

// TestDevicePolicy_ExactlyTheLimitStays: whoever of a type judges itself, and in
// whatever order the sessions are listed, as many stay as may.
func TestDevicePolicy_ExactlyTheLimitStays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var all []OnlineSession
		for i := range rapid.IntRange(1, 12).Draw(t, "sessions") {
			all = append(all, OnlineSession{
				ID: fmt.Sprint(i), Device: DeviceID(fmt.Sprint(i)), Type: "ios", Number: 1, Since: time.Unix(rapid.Int64Range(0, 3).Draw(t, "since"), 0),
			})
		}
		p := DevicePolicy{
			MaxOnlinePerType: rapid.IntRange(1, 5).Draw(t, "most"),
			OnlineYields:     rapid.SampledFrom([]OnlineYield{YieldOldest, YieldNewest}).Draw(t, "yields"),
		}
		stay := 0
		for _, own := range all {
			f := &presenceFake{online: Online{Known: true, Sessions: rapid.Permutation(all).Draw(t, "order")}}
			if !NewPresences(f, f).HasToYield(context.Background(), own, p) {
				stay++
			}
		}
		if stay != min(len(all), p.MaxOnlinePerType) {
			t.Fatalf("%d of %d stay, want %d", stay, len(all), p.MaxOnlinePerType)
		}
	})
}
