package repo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
)

// crowded is a store with a group whose message has made way for a single chat: of
// the log entries none is written.
func crowded(t *testing.T, members int) (g *gathered, ids []domain.UserID) {
	t.Helper()
	g, ids = gatherGroup(t, members)
	g.appends.learn(flowKey{app: g.app, group: "g"}, members)
	group := g.queue(g.out(ids[0], domain.Target{Group: "g"}, "group", ""))
	storm, _ := g.appends.take(noon)
	g.queued = 0
	single := g.queue(g.out(ids[1], domain.Target{User: ids[2]}, "single", ""))
	g.commit(t.Context(), storm)
	g.queued = 0
	g.wg.Wait()
	if group.err != nil || single.err != nil {
		t.Fatal(group.err, single.err)
	}
	return g, ids
}

// rows counts those of a table.
func (g *gathered) rows(table string) (n int) {
	g.t.Helper()
	g.must(g.read.Get(&n, `SELECT COUNT(*) FROM `+table))
	return n
}

func TestFanout_MakesWayForWhoComes(t *testing.T) {
	t.Parallel()
	const members = 250
	g, ids := crowded(t, members)
	g.want("entries that are written", g.rows("user_log"), 2)
	g.want("what is published", g.entries, []int{members, 2})

	// Behind a chat comes one piece and then whoever waits, in one transaction.
	g.queue(g.out(ids[3], domain.Target{User: ids[4]}, "second", ""))
	b, _ := g.appends.take(time.Now().Add(time.Hour))
	if b == nil || b.fanout == nil || len(b.taken) != 1 {
		t.Fatalf("the next batch is %+v", b)
	}
	g.queued = 0
	third := g.queue(g.out(ids[5], domain.Target{User: ids[6]}, "third", ""))
	g.commit(t.Context(), b)
	g.wg.Wait()
	g.want("third", third.err, nil)
	g.want("entries behind it", g.rows("user_log"), fanoutPiece+6)
	g.want("the group's messages that are not written", g.rows("pending_fanout"), 1)

	// What is left is written before anything else is begun for those who wait.
	g.queued = 0
	g.queue(g.out(ids[0], domain.Target{Group: "g"}, "again", ""))
	if b, _ = g.appends.take(time.Now().Add(2 * time.Hour)); b == nil || b.fanout == nil || len(b.taken) != 0 {
		t.Fatalf("the batch before the group's next is %+v", b)
	}
	g.commit(t.Context(), b)
	g.want("entries in the end", g.rows("user_log"), members+6)
	g.want("the group's messages that are not written", g.rows("pending_fanout"), 0)
	g.run()
	g.want("a log", g.log(ids[2]), []string{"group", "single", "again"})
	if f := &g.appends.fanouts; len(f.pending) > 0 || f.logs != nil {
		t.Errorf("left are %v, %v", f.pending, f.logs)
	}
}

func TestFanout_ReaderOfALogWaitsForItsEntry(t *testing.T) {
	t.Parallel()
	g, ids := crowded(t, 250)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if page, err := g.ReadLog(ctx, g.app, g.users[ids[0]], 0, 10); !errors.Is(err, domain.ErrUnavailable) && !errors.Is(err, context.Canceled) {
		t.Errorf("before it is written: %v, %v", page, err)
	}
	var logs [3][]string
	for i, id := range []int{0, 2, 249} {
		g.wg.Go(func() { logs[i] = g.log(ids[id]) }) // ends with the last piece
	}
	g.run()
	for i, want := range [][]string{{"group"}, {"group", "single"}, {"group"}} {
		g.want(fmt.Sprint("log ", i), logs[i], want)
	}
}

func TestFanout_IsWrittenByTheNextOpen(t *testing.T) {
	t.Parallel()
	const members = 250
	for pieces := range 3 {
		g, ids := crowded(t, members)
		for range pieces { // written while somebody waits
			g.queue(g.out(ids[3], domain.Target{User: ids[4]}, "second", ""))
			b, _ := g.appends.take(time.Now().Add(time.Hour))
			g.queued = 0
			g.queue(g.out(ids[5], domain.Target{User: ids[6]}, "third", ""))
			g.commit(t.Context(), b)
			g.queued = 0
			g.wg.Wait()
		}
		g.want("messages that are not written", g.rows("pending_fanout"), 1)
		g.must(g.Close())
		s, err := Open(t.Context(), Options{DataDir: g.dir, Publisher: g, Logger: g.Store.log})
		g.must(err)
		g.Store = s
		g.want("messages that are not written", g.rows("pending_fanout"), 0)
		g.want("entries", g.rows("user_log"), members+2+4*pieces)
		g.want("a log", g.log(ids[2]), []string{"group", "single"})
		g.want("a log", g.log(ids[members-1]), []string{"group"})
	}
}

func TestFanout_WhatCannotBeWrittenIsUnavailableAndComesLater(t *testing.T) {
	t.Parallel()
	const members = 250
	g, ids := crowded(t, members)
	// The entry of one member cannot be written: another is in its place.
	intruder := fmt.Sprintf(`INTO user_log (app_id, user_id, seq, conversation_id, conversation_seq) VALUES (%d, %d, 1, 0, 0)`, g.app, g.users[ids[200]])
	_, err := g.write.Exec(`INSERT ` + intruder)
	g.must(err)
	second := g.queue(g.out(ids[3], domain.Target{User: ids[4]}, "second", ""))
	b, _ := g.appends.take(time.Now().Add(time.Hour))
	g.queued = 0
	g.commit(t.Context(), b)
	g.wg.Wait()
	g.want("who comes meanwhile", fmt.Sprint(second.receipt.Seq, second.err), "2 <nil>")
	if _, err := g.ReadLog(t.Context(), g.app, g.users[ids[0]], 0, 10); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("a log whose entry cannot be written: %v", err)
	}
	_, err = g.write.Exec(`DELETE FROM user_log WHERE conversation_id = 0`)
	g.must(err)
	if b, wait := g.appends.take(time.Now()); b != nil || wait <= 0 || wait > fanoutRetry {
		t.Errorf("at once: %v, %v", b, wait)
	}
	b, _ = g.appends.take(time.Now().Add(fanoutRetry))
	g.commit(t.Context(), b)
	g.want("later", g.log(ids[200]), []string{"group"})
}

// What fails in the transaction of put off entries is not held against them.
func TestFanout_IsNotToBlameForWhatComesAboard(t *testing.T) {
	t.Parallel()
	const members = 250
	g, ids := crowded(t, members)
	bad := g.out(ids[3], domain.Target{User: ids[4]}, "bad", "")
	bad.Message.Content = nil // no database takes it
	good := g.queue(g.out(ids[5], domain.Target{User: ids[6]}, "good", ""))
	refused := g.queue(bad)
	b, _ := g.appends.take(time.Now().Add(time.Hour))
	g.want("entries and who comes meanwhile", fmt.Sprint(b.fanout != nil, len(b.taken)), "true 2")
	g.queued = 0
	g.commit(t.Context(), b)
	g.wg.Wait()
	g.want("good", fmt.Sprint(good.receipt.Seq, good.err), "2 <nil>")
	g.want("bad", domain.CodeOf(refused.err), domain.CodeInternal)
	b, wait := g.appends.take(time.Now().Add(maxGiveWay))
	if b == nil || b.fanout == nil {
		t.Fatalf("the entries are left for %v", wait)
	}
	g.commit(t.Context(), b)
	g.want("a log", g.log(ids[200]), []string{"group"})
}

// Readers of logs see no gap and no entry too few at any time.
func TestFanout_ReadersSeeWholeLogsInAStorm(t *testing.T) {
	t.Parallel()
	const members, senders, sends, chats = 250, 4, 12, 6
	g, ids := gatherGroup(t, members)
	ctx, cancel := context.WithCancel(t.Context())
	var running, writers, readers sync.WaitGroup
	running.Go(func() { g.must(g.Run(ctx)) }) // ends with the test
	var putOff atomic.Int64
	done := make(chan struct{})
	for range 3 {
		readers.Go(func() { // ends with done
			for {
				select {
				case <-done:
					return
				default:
				}
				page, err := g.ReadLog(ctx, g.app, g.users[ids[rand.IntN(members)]], 0, 10_000)
				if err != nil {
					t.Error(err)
					return
				}
				g.appends.fanouts.mu.Lock()
				putOff.Add(int64(len(g.appends.fanouts.pending)))
				g.appends.fanouts.mu.Unlock()
				if int64(len(page.Entries)) != page.Head {
					t.Errorf("a log with the head %d has %d entries", page.Head, len(page.Entries))
				}
				for i, e := range page.Entries {
					if e.Seq != int64(i+1) {
						t.Errorf("%d comes where %d belongs", e.Seq, i+1)
					}
				}
			}
		})
	}
	for i := range senders + chats {
		writers.Go(func() { // ends with its last send
			to := domain.Target{Group: "g"}
			n := sends
			if i >= senders {
				to, n = domain.Target{User: ids[i+chats]}, 20*sends
			}
			for j := range n {
				if _, err := g.Append(ctx, g.out(ids[i], to, fmt.Sprint(i, "-", j), "")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	cancel()
	running.Wait()
	if putOff.Load() == 0 {
		t.Error("nothing made way, so nothing was tested")
	}
	for _, id := range []domain.UserID{ids[members-1], ids[members-2]} {
		log := g.log(id)
		slices.Sort(log)
		g.want("messages in the log of a member", len(slices.Compact(log)), senders*sends)
	}
}
