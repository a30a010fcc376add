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

// BenchmarkAppend sends single messages between 200 users with so many under way
// at once, and messages to a group of 500; with one under way it is the time of a
// commit. MariaDB is the server of GIM_TEST_MYSQL_DSN, or a private one.
func BenchmarkAppend(b *testing.B) {
	for _, store := range []string{"SQLite", "MariaDB"} {
		for _, inFlight := range []int{1, 10, 50, 200} {
			b.Run(fmt.Sprintf("%s/single/%d", store, inFlight), func(b *testing.B) {
				benchAppend(b, store, inFlight, 200, func(users []domain.UserRef, n int) domain.Target {
					return domain.Target{User: users[(n*7+1)%len(users)].ID}
				})
			})
		}
		for _, inFlight := range []int{1, 10} {
			b.Run(fmt.Sprintf("%s/group/%d", store, inFlight), func(b *testing.B) {
				benchAppend(b, store, inFlight, 500, func([]domain.UserRef, int) domain.Target {
					return domain.Target{Group: "all"}
				})
			})
		}
	}
}

// BenchmarkAppend_Search sends texts of ten words between 200 users, fifty under way at
// once, with an index that is written behind them and without one.
func BenchmarkAppend_Search(b *testing.B) {
	for _, store := range []string{"SQLite", "MariaDB"} {
		for mode, o := range map[string]repo.Options{"off": {Publisher: nobody{}}, "on": {Publisher: nobody{}, Search: true}} {
			b.Run(store+"/"+mode, func(b *testing.B) {
				benchAppendTo(b, o, store, 50, 200, func(users []domain.UserRef, n int, m *domain.Message) {
					m.To.User = users[(n*7+1)%len(users)].ID
					text := []byte(`{"text":"`)
					for i := range 10 {
						text = fmt.Appendf(text, "word%d ", n*(i+7)%5000)
					}
					m.Content = append(text, `"}`...)
				})
			})
		}
	}
}

func benchAppend(b *testing.B, store string, inFlight, people int, to func([]domain.UserRef, int) domain.Target) {
	b.Helper()
	benchAppendTo(b, repo.Options{Publisher: nobody{}}, store, inFlight, people, func(users []domain.UserRef, n int, m *domain.Message) {
		m.To = to(users, n)
	})
}

func benchAppendTo(b *testing.B, o repo.Options, store string, inFlight, people int, address func([]domain.UserRef, int, *domain.Message)) {
	b.Helper()
	if store == "MariaDB" {
		o.MySQLDSN = testserver.MariaDB(b)
	} else {
		o.DataDir = b.TempDir()
	}
	s := open(b, o)
	app, users := benchPeople(b, s, people)
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
				from := users[int(n)%len(users)]
				out.User, out.Message.Sender.User, out.Message.To = from.Num, from.ID, domain.Target{}
				address(users, int(n), &out.Message)
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

// benchPeople makes users and a group of all of them.
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
	ids := make([]domain.UserID, n)
	for i, u := range made {
		users[i], ids[i] = u.Ref(), u.ID
	}
	g := domain.Group{ID: "all", Type: domain.GroupNormal, Owner: ids[0], Extra: []byte("{}")}
	if _, err := s.CreateGroup(b.Context(), app, g, ids); err != nil {
		b.Fatal(err)
	}
	return app, users
}
