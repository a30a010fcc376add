package domain

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPresences_HasToYield(t *testing.T) {
	t.Parallel()
	at := func(device string, second int) OnlineSession {
		return OnlineSession{App: 1, User: 7, ID: "of-" + device, Device: DeviceID(device), Number: 1, Since: time.Unix(int64(second), 0)}
	}
	a, b, c := at("ios-a", 1), at("ios-b", 2), at("ios-c", 3)
	same := at("ios-b0", 2) // as old as ios-b: the id decides
	web, passing := at("web", 0), OnlineSession{App: 1, User: 7, ID: "p", Device: "passing"}
	replaced := OnlineSession{App: 1, User: 7, ID: "older", Device: "ios-c", Number: 0, Since: time.Unix(0, 0)}
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
				yields, err := NewPresences(f, f).HasToYield(t.Context(), own, DeviceSession{
					Number: 1, Type: "ios", Policy: DevicePolicy{MaxOnlinePerType: tt.most, OnlineYields: tt.yields},
				})
				if err != nil {
					t.Fatal(err)
				}
				if yields {
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
	own := OnlineSession{App: 1, User: 7, ID: "1", Device: "ios-1", Number: 1}
	f := &presenceFake{online: Online{Sessions: []OnlineSession{own, {App: 1, User: 7, ID: "2", Device: "ios-2", Number: 1}}}}
	yields, err := NewPresences(f, f).HasToYield(t.Context(), own, DeviceSession{
		Number: 1, Type: "ios", Policy: DevicePolicy{MaxOnlinePerType: 1, OnlineYields: YieldOldest},
	})
	if yields || err != nil {
		t.Errorf("yields %v, %v", yields, err)
	}
}

// presenceFake knows one user. A device's type is the beginning of its id.
type presenceFake struct {
	PresenceStore
	online Online
}

func (f *presenceFake) Online(context.Context, AppNum, []UserNum) []Online { return []Online{f.online} }

func (f *presenceFake) DeviceTypes(_ context.Context, _ AppNum, ids []DeviceID) (map[DeviceID]DeviceType, error) {
	types := make(map[DeviceID]DeviceType)
	for _, id := range ids {
		kind, _, _ := strings.Cut(string(id), "-")
		types[id] = DeviceType(kind)
	}
	return types, nil
}

// TestDevicePolicy_ExactlyTheLimitStays: in whatever order the sessions are
// listed, the same ones yield, and as many stay as may.
func TestDevicePolicy_ExactlyTheLimitStays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var all []OnlineSession
		for i := range rapid.IntRange(1, 12).Draw(t, "sessions") {
			all = append(all, OnlineSession{
				ID: fmt.Sprint(i), Number: 1, Since: time.Unix(rapid.Int64Range(0, 3).Draw(t, "since"), 0),
			})
		}
		p := DevicePolicy{
			MaxOnlinePerType: rapid.IntRange(1, 5).Draw(t, "most"),
			OnlineYields:     rapid.SampledFrom([]OnlineYield{YieldOldest, YieldNewest}).Draw(t, "yields"),
		}
		first := p.yielding(all)
		if stay := len(all) - len(first); stay != min(len(all), p.MaxOnlinePerType) {
			t.Fatalf("%d of %d stay, want %d", stay, len(all), p.MaxOnlinePerType)
		}
		if again := p.yielding(rapid.Permutation(all).Draw(t, "order")); !slices.Equal(again, first) {
			t.Fatalf("yielding are %v, and %v in another order", first, again)
		}
	})
}
