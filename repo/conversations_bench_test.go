package repo_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/testserver"
	"github.com/gim-im/gim/repo"
)

// BenchmarkConversations lists a page of a user who has 2,000 conversations, all with
// something unread.
func BenchmarkConversations(b *testing.B) {
	const conversations = 2000
	for _, store := range []string{"SQLite", "MariaDB"} {
		b.Run(store, func(b *testing.B) {
			o := repo.Options{Publisher: nobody{}}
			if store == "MariaDB" {
				o.MySQLDSN = testserver.MariaDB(b)
			} else {
				o.DataDir = b.TempDir()
			}
			s := open(b, o)
			app, users := benchPeople(b, s, conversations+1)
			ctx, cancel := context.WithCancel(context.Background())
			var running sync.WaitGroup
			running.Go(func() { _ = s.Run(ctx) }) // ends with the benchmark
			defer func() {
				cancel()
				running.Wait()
				_ = s.Close() // measured already
			}()
			var sends []domain.Outgoing
			for round := range 3 {
				for i, from := range users[1:] {
					out := crashSend(app, users, i, i|1)
					out.User, out.Message.Sender.User, out.Message.To = from.Num, from.ID, domain.Target{User: users[0].ID}
					out.Message.ClientMsgID, out.Digest = fmt.Sprint(round, "-", i), fmt.Append(nil, round, i)
					sends = append(sends, out)
				}
			}
			for part := range slices.Chunk(sends, 200) {
				if err := s.AppendAll(ctx, part); err != nil {
					b.Fatal(err)
				}
			}
			took := make([]time.Duration, 0, b.N)
			for b.Loop() {
				start := time.Now()
				list, err := s.Conversations(ctx, app, users[0].Num, domain.Page{Limit: domain.DefaultPageSize})
				if err != nil || len(list.Items) != domain.DefaultPageSize || list.TotalUnread != 3*conversations {
					b.Fatal(len(list.Items), list.TotalUnread, err)
				}
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
		})
	}
}
