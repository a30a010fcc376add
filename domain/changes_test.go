package domain

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestChangesCursor_RemembersWhatWasSeenAndMayStillBeBehind(t *testing.T) {
	t.Parallel()
	page, c, more := ChangesCursor{Upto: 10}.Page([]int64{30, 12, 5, 20, 12}, 15, 9)
	if !slices.Equal(page, []int64{12, 12, 20, 30}) || more || c.Upto != 12 || !slices.Equal(c.Seen, []int64{20, 30}) {
		t.Errorf("%v, then %+v, %v", page, c, more)
	}
	// What comes late is told, and the cursor does not move past what is left for the next page.
	page, c, more = c.Page([]int64{30, 13, 20, 25}, 40, 1)
	if !slices.Equal(page, []int64{13}) || !more || c.Upto != 20 || !slices.Equal(c.Seen, []int64{30}) {
		t.Errorf("%v, then %+v, %v", page, c, more)
	}
	page, c, more = c.Page([]int64{30, 13, 20, 25}, math.MaxInt64, 1)
	if !slices.Equal(page, []int64{25}) || more || c.Upto != 30 || len(c.Seen) > 0 {
		t.Errorf("%v, then %+v, %v", page, c, more)
	}
}

// Whatever number of changes appears in whatever order, each is told, and each list of
// them ends.
func TestChangesCursor_LeavesNothingOut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var waiting, visible []int64 // changes that were made, and those that can be read
		told := make(map[int64]int)
		var c ChangesCursor
		now := int64(0)
		list := func() {
			limit := rapid.IntRange(1, 2*MaxChangesSeen).Draw(t, "limit")
			for pages := 0; ; pages++ {
				settled := now // but for what waits
				for _, change := range waiting {
					settled = min(settled, change-1)
				}
				page, next, more := c.Page(visible, settled, limit)
				for _, change := range page {
					told[change]++
				}
				back, err := ParseChangesCursor(next.String())
				if err != nil || len(next.Seen) > MaxChangesSeen {
					t.Fatalf("%+v came back as %+v, %v", next, back, err)
				}
				if c = back; !more {
					return
				}
				if len(page) == 0 || pages > len(visible) {
					t.Fatalf("page %d of %d changes has %d, and there are more", pages, len(visible), len(page))
				}
				if rapid.IntRange(0, 9).Draw(t, "appear") == 0 {
					visible, waiting = append(visible, waiting...), nil
				}
			}
		}
		for range rapid.IntRange(1, 5).Draw(t, "rounds") {
			for range rapid.IntRange(0, 2*MaxChangesSeen).Draw(t, "changes") {
				if now++; now%7 == 0 {
					waiting = append(waiting, now)
				} else {
					visible = append(visible, now)
				}
			}
			list()
		}
		visible, waiting = append(visible, waiting...), nil
		list()
		for _, change := range visible {
			if told[change] == 0 {
				t.Fatalf("%d of %d was never told", change, now)
			}
		}
		list() // nothing waits any more, so that what was told twice was told twice at most
		if page, _, _ := c.Page(visible, now, 1); len(page) > 0 {
			t.Fatalf("%v is told once more", page)
		}
	})
}

func TestChangesCursor_IsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	for _, c := range []ChangesCursor{
		{},
		{Upto: 1},
		{Upto: 1 << 60, Seen: []int64{1<<60 + 1, 1<<60 + 300, 1 << 61}},
		{Upto: 7, Seen: []int64{9}, Told: 8},
	} {
		got, err := ParseChangesCursor(c.String())
		if err != nil || got.Upto != c.Upto || !slices.Equal(got.Seen, c.Seen) || got.Told != c.Told {
			t.Errorf("%+v came back as %+v, %v", c, got, err)
		}
	}
	for _, text := range []string{"", "*", "AA=", "AAA", "gA", "gAA", "________________", "AQABAQ"} {
		if _, err := ParseChangesCursor(text); CodeOf(err) != CodeBadRequest {
			t.Errorf("%q is read: %v", text, err)
		}
	}
}
