package domain

import (
	"math"
	"slices"
	"testing"
)

func TestChangesCursor_RemembersWhatWasSeenAndMayStillBeBehind(t *testing.T) {
	t.Parallel()
	c := ChangesCursor{Upto: 10}.With([]int64{30, 20, 12}, 15)
	for change, seen := range map[int64]bool{5: true, 10: true, 11: true, 12: true, 13: false, 19: false, 20: true, 25: false, 30: true, 31: false} {
		if c.Has(change) != seen {
			t.Errorf("%d was seen: %v, want %v", change, c.Has(change), seen)
		}
	}
	if c = c.With([]int64{25}, 29); c.Upto != 25 || !slices.Equal(c.Seen, []int64{30}) {
		t.Errorf("the cursor is %+v", c)
	}
	if c = c.With(nil, math.MaxInt64); c.Upto != 30 || c.Seen != nil {
		t.Errorf("the cursor is %+v", c)
	}
	many := make([]int64, 2*MaxChangesSeen)
	for i := range many {
		many[i] = int64(100 + i)
	}
	if c = c.With(many, 0); len(c.Seen) != MaxChangesSeen || c.Has(many[len(many)-1]+1) || !c.Has(many[0]) {
		t.Errorf("the cursor has seen %d", len(c.Seen))
	}
}

func TestChangesCursor_IsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	for _, c := range []ChangesCursor{{}, {Upto: 1}, {Upto: 1 << 60, Seen: []int64{1<<60 + 1, 1<<60 + 300, 1 << 61}}} {
		got, err := ParseChangesCursor(c.String())
		if err != nil || got.Upto != c.Upto || !slices.Equal(got.Seen, c.Seen) {
			t.Errorf("%+v came back as %+v, %v", c, got, err)
		}
	}
	for _, text := range []string{"", "*", "AA=", "AAA", "gA", "gAA", "________________"} {
		if _, err := ParseChangesCursor(text); CodeOf(err) != CodeBadRequest {
			t.Errorf("%q is read: %v", text, err)
		}
	}
}
