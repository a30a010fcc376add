package app

import (
	"slices"
	"testing"
	"time"
)

func TestReleaser(t *testing.T) {
	const mib = 1 << 20
	start := time.Now()
	for name, test := range map[string]struct {
		allocates, live, spare uint64 // the first at each look
		want                   []time.Duration
	}{
		"quiet with much to give back":    {mib / 2, 128 * mib, 16 * mib, []time.Duration{15 * time.Second, 80 * time.Second, 145 * time.Second}},
		"busy":                            {3 * mib, 20 * mib, 15 * mib, nil},
		"quiet with nothing to give back": {mib / 2, 8 * mib, mib / 2, nil},
		"quiet with a large heap":         {mib / 2, 200 * mib, 12 * mib, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var r releaser
			var got []time.Duration
			h := heap{allocated: 50 * mib, live: test.live, spare: test.spare}
			for after := time.Duration(0); after < 3*time.Minute; after += memoryEvery {
				if r.due(start.Add(after), h) {
					got = append(got, after)
				}
				h.allocated += test.allocates
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("gave back after %v, want %v", got, test.want)
			}
		})
	}
}

func TestReleaser_WorkBeginsTheWaitAnew(t *testing.T) {
	var r releaser
	now, h := time.Now(), heap{live: 20 << 20, spare: 20 << 20}
	for i := range 20 {
		if i%2 == 0 {
			h.allocated += 5 << 20
		}
		if r.due(now, h) {
			t.Fatalf("gave back at look %d, between two pieces of work", i)
		}
		now = now.Add(memoryEvery)
	}
}
