package storetest

import (
	"slices"

	"github.com/gim-im/gim/domain"
)

// wantPages checks that a list has exactly the ids of want, in order, whatever
// the size of its pages, and that a page says that it is the last only when it is.
func wantPages[T any](w *world, want []string, id func(T) string, read func(domain.Page) (domain.List[T], error)) {
	w.Helper()
	for _, limit := range []int{1, 2, max(len(want)-1, 1), max(len(want), 1), len(want) + 1} {
		p := domain.Page{Limit: limit}
		got := []string{}
		for {
			page, err := read(p)
			w.ok(err)
			if page.Items == nil {
				w.Errorf("pages of %d: Items is nil", limit)
			}
			for _, item := range page.Items {
				got = append(got, id(item))
			}
			isLast := len(got) >= len(want)
			if isLast != (page.NextCursor == "") {
				w.Errorf("pages of %d: after %d of %d entries the next cursor is %q", limit, len(got), len(want), page.NextCursor)
			}
			if !isLast && len(page.Items) != limit {
				w.Errorf("pages of %d: a page that is not the last has %d entries", limit, len(page.Items))
			}
			if page.NextCursor == "" || isLast {
				break
			}
			p.Cursor = page.NextCursor
		}
		if !slices.Equal(got, want) {
			w.Errorf("pages of %d: got %q, want %q", limit, got, want)
		}
	}
}
