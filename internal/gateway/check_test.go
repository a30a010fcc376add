package gateway

import (
	"slices"
	"testing"

	"github.com/gim-im/gim/domain"
)

func TestNextKeys(t *testing.T) {
	var subjects []subject[int, *Session]
	add := func(app domain.AppNum, key, times int) {
		for range times {
			subjects = append(subjects, subject[int, *Session]{app: app, key: key})
		}
	}
	for key := range checkBatch + 2 {
		add(1, key, 1+key%2)
	}
	add(2, 5, 3)
	add(3, 5, 1)
	var got [][]int
	total := 0
	for n := 0; len(subjects) > 0; subjects = subjects[n:] {
		var keys []int
		keys, n = nextKeys(nil, subjects)
		for _, of := range subjects[:n] {
			if of.app != subjects[0].app || !slices.Contains(keys, of.key) {
				t.Errorf("%v is not asked for by %v", of, keys)
			}
		}
		got, total = append(got, keys), total+n
	}
	if len(got) != 4 || len(got[0]) != checkBatch || len(got[1]) != 2 || !slices.Equal(got[2], []int{5}) || !slices.Equal(got[3], []int{5}) {
		t.Errorf("batches of %d keys and so on: %v", len(got[0]), got[1:])
	}
	if want := (checkBatch+2)*3/2 + 4; total != want {
		t.Errorf("%d subjects, want %d", total, want)
	}
}
