package allocs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompare_TellsEveryChange(t *testing.T) {
	t.Parallel()
	got := strings.Join(compare(
		map[string]int{"same": 1, "rose": 1, "fell": 2, "gone": 0},
		map[string]int{"same": 1, "rose": 2, "fell": 1, "fresh": 0},
	), "\n")
	want := `fell allocates only 1 times, recorded are 2; keep the gain: ` + how + `
fresh allocates 0 times, and nothing is recorded; record it: ` + how + `
rose allocates 2 times, recorded are 1
gone is recorded, and nothing counts it; record anew: ` + how
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRecord_IsRead(t *testing.T) {
	t.Chdir(t.TempDir())
	want := map[string]int{"a path": 0, "another": 12}
	if err := record(want); err != nil {
		t.Fatal(err)
	}
	got, err := read()
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}
