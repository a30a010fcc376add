package repo_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/testserver"
	"github.com/gim-im/gim/repo"
)

// BenchmarkAppend sends single messages between 200 users with so many under
// way at once; with one it is the time of a commit. MariaDB is the server of
// GIM_TEST_MYSQL_DSN, or a private one.
func BenchmarkAppend(b *testing.B) {
	for _, inFlight := range []int{1, 10, 50, 200} {
		b.Run(fmt.Sprintf("SQLite/%d", inFlight), func(b *testing.B) {
			benchAppend(b, repo.Options{DataDir: b.TempDir()}, inFlight)
		})
	}
	for _, inFlight := range []int{1, 10, 50, 200} {
		b.Run(fmt.Sprintf("MariaDB/%d", inFlight), func(b *testing.B) {
			benchAppend(b, repo.Options{MySQLDSN: testserver.MariaDB(b)}, inFlight)
		})
	}
}

func benchAppend(b *testing.B, o repo.Options, inFlight int) {
	b.Helper()
	o.Publisher = nobody{}
	s := open(b, o)
	app, users := benchPeople(b, s, 200)
	ctx, cancel := context.WithCancel(context.Background())
	var running, senders sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) }) // ends with the benchmark
	defer func() {
		cancel()
		running.Wait()
		_ = s.Close() // measured already
	}()
	var next atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	for range inFlight {
		senders.Go(func() { // ends with the last send
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				out := crashSend(app, users, int(n), int(n)|1)
				out.User, out.Message.Sender.User = users[n%200].Num, users[n%200].ID
				out.Message.To = domain.Target{User: users[(n*7+1)%200].ID}
				out.Message.ClientMsgID, out.Digest = fmt.Sprint(n), fmt.Append(nil, n)
				if _, err := s.Append(ctx, out); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	senders.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

func benchPeople(b *testing.B, s *repo.Store, n int) (domain.AppNum, []domain.UserRef) {
	b.Helper()
	app, _, err := crashPeople(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	profiles := make([]domain.User, n)
	for i := range profiles {
		profiles[i] = domain.User{ID: domain.UserID(fmt.Sprint("b", i)), Extra: []byte("{}")}
	}
	made, _, err := s.UpsertUsers(b.Context(), app, profiles)
	if err != nil {
		b.Fatal(err)
	}
	users := make([]domain.UserRef, n)
	for i, u := range made {
		users[i] = u.Ref()
	}
	return app, users
}
