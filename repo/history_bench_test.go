package repo

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/testserver"
)

// BenchmarkLarge reads of a large group with 100,000 members and 100,000 messages: a page
// of its history, one of what is rare, for which as many messages are looked at as a
// request may, and how many have read a message.
func BenchmarkLarge(b *testing.B) {
	const size = 100_000
	for _, name := range []string{"SQLite", "MariaDB"} {
		b.Run(name, func(b *testing.B) {
			o := Options{}
			if name == "MariaDB" {
				o.MySQLDSN = testserver.MariaDB(b)
			} else {
				o.DataDir = b.TempDir()
			}
			g := newGrowing(b, o)
			crowd := domain.Target{Group: "crowd"}
			fillGroup(b, g.Store, g.app, g.number(b.Context(), "crowd"), 1_000_000, size)
			all := make([]domain.Outgoing, size)
			for i := range all {
				all[i] = g.out(g.users[1+i%10], crowd)
				all[i].Message.Content = json.RawMessage(`{"text":"a message of some forty characters or so"}`)
			}
			for part := range slices.Chunk(all, 500) {
				if err := g.AppendAll(b.Context(), part); err != nil {
					b.Fatal(err)
				}
			}
			last, err := g.History(b.Context(), g.app, g.users[0], crowd, domain.HistoryRange{Limit: 1})
			if err != nil || len(last.Messages) != 1 {
				b.Fatal(len(last.Messages), err)
			}
			history := func(r domain.HistoryRange, want int) func() (int, int, error) {
				r.Limit = domain.DefaultPageSize
				return func() (int, int, error) {
					page, err := g.History(b.Context(), g.app, g.users[0], crowd, r)
					return len(page.Messages), want, err
				}
			}
			for _, use := range []struct {
				name string
				do   func() (got, want int, err error)
			}{
				{"a page", history(domain.HistoryRange{}, domain.DefaultPageSize)},
				{"a page of one sender", history(domain.HistoryRange{Sender: g.users[5].ID}, domain.DefaultPageSize)},
				{"a type that nobody sent", history(domain.HistoryRange{Types: []domain.ContentType{domain.ContentImage}}, 0)},
				{"from a time", history(domain.HistoryRange{From: time.UnixMilli(1)}, domain.DefaultPageSize)},
				{"who has read", func() (int, int, error) {
					r, err := g.MessageReads(b.Context(), g.app, domain.UserRef{}, last.Messages[0].ID, nil, domain.Page{Limit: 1})
					return r.MemberCount, size + len(g.users), err
				}},
			} {
				b.Run(use.name, func(b *testing.B) {
					var took []time.Duration
					for b.Loop() {
						start := time.Now()
						got, want, err := use.do()
						if err != nil || got != want {
							b.Fatal(got, want, err)
						}
						took = append(took, time.Since(start))
					}
					slices.Sort(took)
					b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
					b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
				})
			}
		})
	}
}
