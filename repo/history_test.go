package repo

import (
	"encoding/json"
	"testing"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/testserver"
)

// A request that leaves out messages looks at a bounded number of them, and says where
// to go on, until there is nothing more to look at.
func TestHistory_FiltersLookAtABoundedNumber(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]func(t *testing.T) Options{
		"SQLite": func(t *testing.T) Options { t.Helper(); return Options{DataDir: t.TempDir()} },
		"MySQL":  func(t *testing.T) Options { t.Helper(); return Options{MySQLDSN: testserver.MariaDB(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGrowing(t, options(t))
			crowd := domain.Target{Group: "crowd"}
			var all []domain.Outgoing
			before, err := g.History(t.Context(), g.app, g.users[1], crowd, domain.HistoryRange{Limit: 1})
			if err != nil {
				t.Fatal(err)
			}
			const n = 2*maxFiltered + 500
			for range n - before.Head {
				all = append(all, g.out(g.users[0], crowd))
			}
			// Two are the first that a request does not look at, in each direction.
			rare := []int{int(before.Head) + 4, maxFiltered + 1, 2*maxFiltered + 1, n - maxFiltered, n - 2*maxFiltered}
			for _, seq := range rare {
				i := seq - int(before.Head) - 1
				all[i].Message.Type, all[i].Message.Content = domain.ContentImage, json.RawMessage(`{"url":"https://example.com/i.png"}`)
			}
			if err := g.AppendAll(t.Context(), all); err != nil {
				t.Fatal(err)
			}
			for _, forward := range []bool{true, false} {
				r := domain.HistoryRange{Limit: len(rare), Types: []domain.ContentType{domain.ContentImage}}
				if forward {
					r.After = new(int64(0))
				}
				found, pages := 0, 1
				for ; ; pages++ {
					page, err := g.History(t.Context(), g.app, g.users[1], crowd, r)
					if err != nil {
						t.Fatal(err)
					}
					found += len(page.Messages)
					if !page.HasMore() {
						break
					}
					was := [2]*int64{r.After, r.Before}
					r.After, r.Before = page.NextAfter, page.NextBefore
					if looked := distance(was, [2]*int64{r.After, r.Before}); looked > maxFiltered+1 {
						t.Fatalf("forward %v: one request looked at %d messages", forward, looked)
					}
				}
				if found != len(rare) || pages != 3 {
					t.Errorf("forward %v: %d found by %d requests, want %d by 3", forward, found, pages, len(rare))
				}
			}
		})
	}
}

// distance is how far a cursor has moved; 0 where it is the first.
func distance(was, is [2]*int64) int64 {
	for i := range was {
		if was[i] != nil && is[i] != nil {
			return max(*is[i]-*was[i], *was[i]-*is[i])
		}
	}
	return 0
}
