package repo

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
)

// gathered is a store whose committer starts when the test says so: what was
// queued before is one batch.
type gathered struct {
	*Store
	t       *testing.T
	dir     string // of the database
	app     domain.AppNum
	batches []int // sizes, in order; for the test after stop
	entries []int // of the logs, by batch
	told    []domain.Delivery

	users  map[domain.UserID]domain.UserNum
	queued int
	wg     sync.WaitGroup
	cancel context.CancelFunc
}

// Publish implements [domain.Publisher]; only the committer calls it.
func (g *gathered) Publish(deliveries []domain.Delivery) {
	entries := 0
	for _, d := range deliveries {
		entries += len(d.To)
	}
	g.entries = append(g.entries, entries)
	g.told = append(g.told, deliveries...)
}

func gather(t *testing.T, users ...domain.UserID) *gathered {
	t.Helper()
	g := &gathered{t: t, users: map[domain.UserID]domain.UserNum{}}
	g.dir = t.TempDir()
	s, err := Open(t.Context(), Options{
		DataDir: g.dir, Publisher: g, Logger: slog.New(slog.DiscardHandler),
		Metrics: Metrics{Batch: func(n int, _ time.Duration) { g.batches = append(g.batches, n) }},
	})
	g.must(err)
	g.Store = s
	ctx, cancel := context.WithCancel(context.Background())
	g.cancel = cancel
	t.Cleanup(func() {
		cancel()
		g.wg.Wait()
		g.must(g.Close())
	})
	app, err := s.CreateApp(ctx, domain.App{ID: "app", Settings: domain.DefaultAppSettings()}, domain.AppKey{ID: "k"}, []byte("h"))
	g.must(err)
	g.app = app.Num
	profiles := make([]domain.User, len(users))
	for i, id := range users {
		profiles[i] = domain.User{ID: id, Extra: json.RawMessage("{}")}
	}
	made, _, err := s.UpsertUsers(ctx, g.app, profiles)
	g.must(err)
	for _, u := range made {
		g.users[u.ID] = u.Num
	}
	return g
}

func (g *gathered) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g *gathered) out(from domain.UserID, to domain.Target, text, key string) domain.Outgoing {
	out := domain.Outgoing{App: g.app, User: g.users[from], Message: domain.Message{
		Sender: domain.Sender{Type: domain.SenderUser, User: from}, To: to, Type: domain.ContentText,
		Content: json.RawMessage(`{"text":"` + text + `"}`), ClientMsgID: key, SentAt: time.UnixMilli(1), Status: domain.StatusNormal,
	}}
	if key != "" {
		out.Digest = []byte(text + string(to.User) + string(to.Group))
	}
	return out
}

// answer is what a queued send is going to be told.
type answer struct {
	receipt domain.Receipt
	err     error
}

// queue appends out and returns when it is in the queue, behind what was there.
func (g *gathered) queue(out domain.Outgoing) *answer {
	g.t.Helper()
	a := &answer{}
	g.wg.Go(func() { a.receipt, a.err = g.Append(context.Background(), out) }) // ends with run
	g.queued++
	for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		g.appends.mu.Lock()
		n := g.appends.sends
		g.appends.mu.Unlock()
		if n == g.queued {
			return a
		}
		if time.Now().After(deadline) {
			g.t.Fatalf("the queue has %d sends, want %d", n, g.queued)
		}
	}
}

// run commits what is queued, with everything that puts off, and stops.
func (g *gathered) run() {
	g.t.Helper()
	g.queued = 0
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // Run ends when it has committed what was waiting
	g.must(g.Run(ctx))
	g.wg.Wait()
}

// commitAll commits what is queued, in one batch.
func (g *gathered) commitAll() {
	g.t.Helper()
	g.queued = 0
	l, _ := g.appends.take(time.Now().Add(time.Hour))
	g.commit(g.t.Context(), l)
	g.wg.Wait()
}

func (g *gathered) log(user domain.UserID) []string {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	page, err := g.ReadLog(ctx, g.app, g.users[user], 0, 10_000)
	g.must(err)
	texts := []string{}
	for i, e := range page.Entries {
		if e.Seq != int64(i+1) {
			g.t.Errorf("%s: entry %d has seq %d", user, i, e.Seq)
		}
		var c struct{ Text string }
		g.must(json.Unmarshal(e.Message.Content, &c))
		texts = append(texts, c.Text)
	}
	return texts
}

func (g *gathered) want(what string, got, want any) {
	g.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		g.t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestAppend_SendsThatWaitShareOneCommit(t *testing.T) {
	t.Parallel()
	g := gather(t, "alice", "bob")
	var answers []*answer
	var texts []string
	for i := range 100 {
		texts = append(texts, fmt.Sprint(i))
		answers = append(answers, g.queue(g.out("alice", domain.Target{User: "bob"}, texts[i], "")))
	}
	g.run()
	g.want("batches", g.batches, []int{100})
	g.want("order of arrival", g.log("bob"), texts)
	for i, a := range answers {
		g.want("receipt", []any{a.receipt.Seq, a.receipt.ConversationSeq, a.err}, []any{i + 1, i + 1, nil})
		g.want("published", g.told[i].Message.ConversationSeq, i+1)
	}
}

func TestAppend_TwinsInOneBatchAreOneMessage(t *testing.T) {
	t.Parallel()
	g := gather(t, "alice", "bob")
	bob := domain.Target{User: "bob"}
	first := g.queue(g.out("alice", bob, "x", "k"))
	other := g.queue(g.out("alice", bob, "y", "k"))
	twin := g.queue(g.out("alice", bob, "x", "k"))
	g.queue(g.out("alice", bob, "z", "k2"))
	g.run()
	g.must(first.err)
	g.must(twin.err)
	first.receipt.Repeated = true
	g.want("twin", twin.receipt, first.receipt)
	g.want("other payload", domain.CodeOf(other.err), domain.CodeIdempotencyConflict)
	g.want("stored", g.log("bob"), []string{"x", "z"})
	g.want("published", len(g.told), 2)
}

// A send that was refused stored nothing, so it stands in nobody's way, not
// even in its own batch.
func TestAppend_RefusedSendDoesNotTakeTheKeyInItsBatch(t *testing.T) {
	t.Parallel()
	g := gather(t, "alice", "bob")
	refused := g.queue(g.out("alice", domain.Target{User: "nobody"}, "x", "k"))
	twin := g.queue(g.out("alice", domain.Target{User: "nobody"}, "x", "k"))
	good := g.queue(g.out("alice", domain.Target{User: "bob"}, "y", "k"))
	g.run()
	g.want("refused", domain.CodeOf(refused.err), domain.CodeUserNotFound)
	g.want("its twin", domain.CodeOf(twin.err), domain.CodeUserNotFound)
	g.want("the other", good.err, nil)
	g.want("stored", g.log("bob"), []string{"y"})
}

func TestAppend_WhatTheDatabaseRefusesFailsAlone(t *testing.T) {
	t.Parallel()
	g := gather(t, "alice", "bob")
	bob := domain.Target{User: "bob"}
	var good []*answer
	for i := range 5 {
		good = append(good, g.queue(g.out("alice", bob, fmt.Sprint(i), "")))
	}
	poison := g.out("alice", bob, "x", "")
	poison.Message.Content = nil
	bad := g.queue(poison)
	good = append(good, g.queue(g.out("alice", bob, "5", "")))
	g.run()
	g.want("the one at fault", domain.CodeOf(bad.err), domain.CodeInternal)
	for _, a := range good {
		g.must(a.err)
	}
	g.want("stored", g.log("bob"), []string{"0", "1", "2", "3", "4", "5"})
}

func TestAppend_TooManyEntriesArePutOffInOrder(t *testing.T) {
	t.Parallel()
	const members = 500
	const sends = 2 * maxBatchPointers / members // to the group: twice what a batch may write, which it learns only then
	g, ids := gatherGroup(t, members)
	var toGroup, toUser []string
	for i := range sends {
		text := fmt.Sprint(i)
		if i%10 == 9 {
			toUser = append(toUser, text)
			g.queue(g.out(ids[0], domain.Target{User: ids[1]}, text, "k"+text))
			continue
		}
		toGroup = append(toGroup, text)
		g.queue(g.out(ids[0], domain.Target{Group: "g"}, text, "k"+text))
	}
	last := toGroup[len(toGroup)-1]
	twin := g.queue(g.out(ids[0], domain.Target{Group: "g"}, last, "k"+last)) // its first is put off
	g.run()
	g.want("order in the group", g.log(ids[members-1]), toGroup)
	g.want("order in the single chat", texts(g.log(ids[1]), toUser), toUser)
	g.want("twin", []any{twin.err, twin.receipt.Repeated}, []any{nil, true})
	if len(g.entries) < 2 {
		t.Errorf("%d batches, and nothing was put off", len(g.entries))
	}
	for i, n := range g.entries {
		if n >= maxBatchPointers+members {
			t.Errorf("batch %d wrote %d log entries", i, n)
		}
	}
}

// texts returns those of all that are among some, in the order of all.
func texts(all, some []string) []string {
	return slices.DeleteFunc(all, func(s string) bool { return !slices.Contains(some, s) })
}

// gatherGroup is gather with a group g of so many members.
func gatherGroup(t *testing.T, members int) (*gathered, []domain.UserID) {
	t.Helper()
	ids := make([]domain.UserID, members)
	for i := range ids {
		ids[i] = domain.UserID(fmt.Sprintf("u%03d", i))
	}
	g := gather(t, ids...)
	_, err := g.CreateGroup(t.Context(), g.app, domain.Group{ID: "g", Type: domain.GroupNormal, Owner: ids[0], Extra: json.RawMessage("{}")}, ids)
	g.must(err)
	return g, ids
}

// A batch tells what a group costs, and from then on a batch takes what it can
// write and no more.
func TestAppend_CostOfAGroupIsLearned(t *testing.T) {
	t.Parallel()
	const members, perBatch = 500, (maxBatchPointers + 499) / 500
	g, ids := gatherGroup(t, members)
	toGroup := domain.Target{Group: "g"}
	g.queue(g.out(ids[0], toGroup, "first", ""))
	commit := func() {
		b, _ := g.appends.take(noon)
		g.commit(t.Context(), b)
		g.queued, g.batches = 0, nil
	}
	commit()
	mute := func(on bool) {
		_, err := g.write.Exec(`UPDATE chat_groups SET mute_all = ?`, on)
		g.must(err)
	}
	mute(true)
	refused := g.queue(g.out(ids[1], toGroup, "refused", "")) // which teaches nothing
	commit()
	mute(false)
	for range perBatch + 1 {
		g.queue(g.out(ids[0], toGroup, "next", ""))
	}
	g.run()
	g.want("batches", g.batches, []int{perBatch, 1})
	g.want("refused", domain.CodeOf(refused.err), domain.CodeMuted)
}

// Who comes while a batch of a storm is written is in its transaction.
func TestAppend_WhoComesDuringAStormCommitsWithIt(t *testing.T) {
	t.Parallel()
	g, ids := gatherGroup(t, 500)
	g.appends.learn(flowKey{app: g.app, group: "g"}, 500)
	group := g.queue(g.out(ids[0], domain.Target{Group: "g"}, "group", ""))
	storm, _ := g.appends.take(noon)
	g.queued = 0
	single := g.queue(g.out(ids[1], domain.Target{User: ids[2]}, "single", ""))
	g.commit(t.Context(), storm)
	g.wg.Wait()
	g.want("batches", g.batches, []int{2})
	g.want("the group's receipt", fmt.Sprint(group.receipt.Seq, group.err), "1 <nil>")
	g.want("the chat's receipt", fmt.Sprint(single.receipt.Seq, single.err), "2 <nil>")
	g.run() // which writes the log entries that made way
	g.want("a log", g.log(ids[2]), []string{"group", "single"})
	if b, wait := g.appends.take(noon); b != nil || wait != 0 || g.appends.flows != nil {
		t.Errorf("left are %v, %v, %v", b, wait, g.appends.flows)
	}
}

func TestAppend_FullQueueRefuses(t *testing.T) {
	t.Parallel()
	g := gather(t, "alice")
	g.appends.bytes = maxQueuedBytes - 600
	out := g.out("alice", domain.Target{User: "alice"}, "x", "")
	a := g.queue(out)
	_, err := g.Append(t.Context(), out)
	g.want("beyond the limit", domain.CodeOf(err), domain.CodeUnavailable)
	g.run()
	g.must(a.err)
	_, err = g.Append(t.Context(), out)
	g.want("after Run", domain.CodeOf(err), domain.CodeUnavailable)
	g.want("stored", g.log("alice"), []string{"x"})
}

func TestAppend_BatchesAreBounded(t *testing.T) {
	t.Parallel()
	g := gather(t, "alice")
	self := domain.Target{User: "alice"}
	for range maxBatchSends + 1 {
		g.queue(g.out("alice", self, "x", ""))
	}
	g.run()
	g.want("by number", g.batches, []int{maxBatchSends, 1})

	g = gather(t, "alice")
	big := g.out("alice", self, "", "")
	big.Message.Content = json.RawMessage(`{"text":"` + fmt.Sprintf("%065000d", 0) + `"}`)
	for range 70 {
		g.queue(big)
	}
	g.run()
	perBatch := maxBatchBytes / (&send{out: big}).size()
	g.want("by bytes", g.batches, []int{perBatch, 70 - perBatch})
}
