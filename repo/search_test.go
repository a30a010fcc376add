package repo_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/testserver"
	"github.com/gim-im/gim/repo"
)

// onStores runs a test on each kind of store, given how to open one again and again.
func onStores(t *testing.T, test func(t *testing.T, o repo.Options)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t, repo.Options{DataDir: t.TempDir(), Publisher: nobody{}})
	})
	t.Run("MariaDB", func(t *testing.T) {
		t.Parallel()
		test(t, repo.Options{MySQLDSN: testserver.MariaDB(t), Publisher: nobody{}})
	})
}

// running opens a store, runs it for as long as work takes and closes it.
func running(t *testing.T, o repo.Options, work func(s *repo.Store)) {
	t.Helper()
	s := open(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() { _ = s.Run(ctx) }) // ends with the work
	work(s)
	cancel()
	wait.Wait()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestSearch_WhatARunLeftIsIndexedByTheNext(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, o repo.Options) {
		o.Logger = slog.New(slog.DiscardHandler)
		var app domain.AppNum
		var users []domain.UserRef
		const each = 300
		send := func(s *repo.Store, from int) {
			t.Helper()
			var all []domain.Outgoing
			for n := from; n < from+each; n++ {
				out := crashSend(app, users, n, n)
				out.User, out.Message.Sender.User, out.Message.To = users[n%3].Num, users[n%3].ID, domain.Target{User: users[(n+1)%3].ID}
				out.Message.Content, out.Message.SentAt = fmt.Appendf(nil, `{"text":"left n%d"}`, n), time.UnixMilli(int64(n))
				all = append(all, out)
			}
			if err := s.AppendAll(t.Context(), all); err != nil {
				t.Fatal(err)
			}
		}
		found := func(s *repo.Store) (n int) {
			t.Helper()
			for user, p := 0, (domain.Page{Limit: 200}); user < 3; {
				page, err := s.Search(t.Context(), app, users[user], domain.Search{Query: "left"}, p)
				if err != nil {
					t.Fatal(err)
				}
				n += len(page.Items)
				if p.Cursor = page.NextCursor; p.Cursor == "" {
					user++
				}
			}
			return n / 2
		}
		running(t, o, func(s *repo.Store) { // before there was an index
			var err error
			if app, users, err = crashPeople(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			send(s, 0)
			if n := found(s); n > 0 {
				t.Errorf("%d messages are found, and nothing indexes them", n)
			}
		})
		o.Search = true
		running(t, o, func(s *repo.Store) { send(s, each) }) // ends as soon as they are there
		var waiting atomic.Int64
		waiting.Store(-1)
		o.Metrics.Unindexed = func(n int64) { waiting.Store(n) }
		running(t, o, func(s *repo.Store) {
			for deadline := time.Now().Add(20 * time.Second); found(s) < 2*each; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%d messages are found, want %d", found(s), 2*each)
				}
			}
			send(s, 2*each)
			for deadline := time.Now().Add(20 * time.Second); found(s) < 3*each || waiting.Load() != 0; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%d messages are found, want %d; %d wait", found(s), 3*each, waiting.Load())
				}
			}
		})
	})
}

// Two nodes on one database index what each of them was sent, and what the other was.
func TestMySQL_NodesIndexTogether(t *testing.T) {
	t.Parallel()
	o := repo.Options{MySQLDSN: testserver.MariaDB(t), Publisher: nobody{}, Search: true}
	running(t, o, func(a *repo.Store) {
		running(t, o, func(b *repo.Store) {
			app, users, err := crashPeople(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			var wait sync.WaitGroup
			for i, s := range []*repo.Store{a, b} {
				wait.Go(func() { // ends with its last message
					for n := range 150 {
						out := crashSend(app, users, i, n)
						out.User, out.Message.Sender.User, out.Message.To = users[0].Num, users[0].ID, domain.Target{User: users[1].ID}
						out.Message.Content = fmt.Appendf(nil, `{"text":"node%d n%d"}`, i, n)
						if _, err := s.Append(t.Context(), out); err != nil {
							t.Error(err)
						}
						if n%50 == 0 {
							if err := s.Index(t.Context()); err != nil {
								t.Error(err)
							}
						}
					}
				})
			}
			wait.Wait()
			if err := a.Index(t.Context()); err != nil {
				t.Fatal(err)
			}
			for i, s := range []*repo.Store{b, a} {
				page, err := s.Search(t.Context(), app, users[1], domain.Search{Query: fmt.Sprint("node", i)}, domain.Page{Limit: 200})
				if err != nil || len(page.Items) != 150 {
					t.Errorf("%d messages of node %d are found, want 150: %v", len(page.Items), i, err)
				}
			}
		})
	})
}
