package repo

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/gim-im/gim/domain"
)

// queueOf is a queue in which a send to the group "big" is known to make 500 log
// entries.
func queueOf(t *testing.T) (*appendQueue, domain.Target) {
	t.Helper()
	q := &appendQueue{}
	q.init()
	big := domain.Target{Group: "big"}
	q.learn(flowOf(&queuedSend("u", big, "").out), 500)
	return q, big
}

// queuedSend is a send whose key tells it from others.
func queuedSend(from domain.UserID, to domain.Target, key string) *send {
	return &send{out: domain.Outgoing{App: 1, Message: domain.Message{
		Sender: domain.Sender{Type: domain.SenderUser, User: from}, To: to, ClientMsgID: key,
	}}, done: make(chan outcome, 1)}
}

func push(t *testing.T, q *appendQueue, sends ...*send) {
	t.Helper()
	for _, s := range sends {
		if !q.push(s) {
			t.Fatalf("the queue refused %s", s.out.Message.ClientMsgID)
		}
	}
}

// drain takes everything, batch by batch.
func drain(q *appendQueue) (batches [][]string) {
	for b := q.take(); len(b) > 0; b = q.take() {
		batches = append(batches, keysOf(b))
	}
	return batches
}

func keysOf(sends []*send) []string {
	keys := []string{}
	for _, s := range sends {
		keys = append(keys, s.out.Message.ClientMsgID)
	}
	return keys
}

func expect(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestQueue_SingleSendBehindAStormIsInTheNextBatch(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{true, false} {
		q, big := queueOf(t)
		if !known {
			big.Group = "strange"
		}
		for i := range 1000 {
			push(t, q, queuedSend("u", big, fmt.Sprint(i)))
		}
		stormy := len(q.take())
		push(t, q, queuedSend("alice", domain.Target{User: "bob"}, "single"))
		if next := keysOf(q.take()); !slices.Equal(next, []string{"single"}) {
			t.Errorf("known %v: the next batch is %v, not the send alone", known, next)
		}
		if known && (stormy*500 < maxBatchPointers || (stormy-1)*500 >= maxBatchPointers) {
			t.Errorf("a batch of the storm has %d sends", stormy)
		}
	}
}

// Many groups in a storm are not many times worse than one.
func TestQueue_SingleSendBehindManyStormsIsInTheNextBatch(t *testing.T) {
	t.Parallel()
	q, _ := queueOf(t)
	for g := range 50 {
		to := domain.Target{Group: domain.GroupID(fmt.Sprint("g", g))}
		q.learn(flowOf(&queuedSend("u", to, "").out), 500)
		for i := range 20 {
			push(t, q, queuedSend("u", to, fmt.Sprint(g, "-", i)))
		}
	}
	q.take()
	push(t, q, queuedSend("alice", domain.Target{User: "bob"}, "single"))
	if next := keysOf(q.take()); !slices.Contains(next, "single") {
		t.Errorf("the next batch lacks it: %v", next)
	}
}

// Whoever comes and goes has some batches in a row, so that those who wait get on.
func TestQueue_NewcomersDoNotShutOutWhoWaits(t *testing.T) {
	t.Parallel()
	q, big := queueOf(t)
	push(t, q, queuedSend("u", big, "group"))
	for i := range (maxExpress + 1) * maxBatchSends {
		push(t, q, queuedSend("alice", domain.Target{User: domain.UserID(fmt.Sprint("u", i))}, fmt.Sprint(i)))
	}
	for range maxExpress {
		expect(t, "a batch of newcomers", len(q.take()), maxBatchSends)
	}
	if next := keysOf(q.take()); next[0] != "group" {
		t.Errorf("the batch behind them begins with %s, not with the send that waits", next[0])
	}
}

// A storm that has the store to itself makes large batches, and small ones while
// single chats wait for them.
func TestQueue_StormGivesWay(t *testing.T) {
	t.Parallel()
	q, big := queueOf(t)
	for range 100 {
		push(t, q, queuedSend("u", big, ""))
	}
	expect(t, "alone", len(q.take()), maxBatchPointers/500)
	push(t, q, queuedSend("alice", domain.Target{User: "bob"}, "single"))
	expect(t, "the single chat", len(q.take()), 1)
	expect(t, "after it", len(q.take()), 1)
	expect(t, "alone again", len(q.take()), maxBatchPointers/500)
}

// Two groups that storm share by log entries, not by messages.
func TestQueue_FlowsThatWaitShareByCost(t *testing.T) {
	t.Parallel()
	q, big := queueOf(t)
	small := domain.Target{Group: "small"}
	q.learn(flowOf(&queuedSend("u", small, "").out), 100)
	for i := range 1000 {
		push(t, q, queuedSend("u", big, "big"), queuedSend("u", small, fmt.Sprint("small", i)))
	}
	bigs, smalls := 0, 0
	for range 10 {
		for _, key := range keysOf(q.take()) {
			if key == "big" {
				bigs++
			} else {
				smalls++
			}
		}
	}
	if d := bigs*500 - smalls*100; d < -1000 || d > 1000 {
		t.Errorf("%d entries of one and %d of the other", bigs*500, smalls*100)
	}
}

func TestQueue_FlowKeepsTheOrderOfArrival(t *testing.T) {
	t.Parallel()
	q, big := queueOf(t)
	targets := []domain.Target{big, {Group: "strange"}, {User: "bob"}, {User: "alice"}}
	want := make(map[domain.Target][]string)
	for i := range 400 {
		to, key := targets[i%len(targets)], fmt.Sprint(i)
		want[to] = append(want[to], key)
		push(t, q, queuedSend("alice", to, key))
	}
	// The other user of the pair is in the same conversation.
	push(t, q, queuedSend("bob", domain.Target{User: "alice"}, "back"))
	want[domain.Target{User: "bob"}] = append(want[domain.Target{User: "bob"}], "back")
	all := slices.Concat(drain(q)...)
	for to, keys := range want {
		got := slices.DeleteFunc(slices.Clone(all), func(k string) bool { return !slices.Contains(keys, k) })
		expect(t, fmt.Sprint(to), got, keys)
	}
	expect(t, "all", len(all), 401)
}

// What a batch puts off comes before what its conversation queued since, and as
// if it had not been taken.
func TestQueue_PutBackKeepsTheOrderOfTheFlow(t *testing.T) {
	t.Parallel()
	q, big := queueOf(t)
	bob := domain.Target{User: "bob"}
	for i := range 3 {
		push(t, q, queuedSend("u", big, fmt.Sprint("g", i)), queuedSend("alice", bob, fmt.Sprint("s", i)))
	}
	taken := slices.Concat(q.take(), q.take(), q.take())
	expect(t, "taken", keysOf(taken), []string{"s0", "s1", "s2", "g0", "g1", "g2"})
	push(t, q, queuedSend("u", big, "g3"), queuedSend("alice", bob, "s3"))
	q.putBack(taken[1:]) // all but the first single
	all := slices.Concat(drain(q)...)
	group := slices.DeleteFunc(slices.Clone(all), func(k string) bool { return k[0] == 's' })
	single := slices.DeleteFunc(slices.Clone(all), func(k string) bool { return k[0] == 'g' })
	expect(t, "group", group, []string{"g0", "g1", "g2", "g3"})
	expect(t, "single", single, []string{"s1", "s2", "s3"})
}

func TestQueue_OneFlowTakesHalfOfItAtMost(t *testing.T) {
	t.Parallel()
	q, big := queueOf(t)
	large := func(to domain.Target) *send {
		s := queuedSend("u", to, "")
		s.out.Message.Content = json.RawMessage(fmt.Sprintf("%01000000d", 0))
		return s
	}
	n := 0
	for ; q.push(large(big)); n++ {
	}
	if size := large(big).size(); n != maxFlowBytes/size {
		t.Errorf("one group queued %d bytes, and may have %d", n*size, maxFlowBytes)
	}
	if !q.push(large(domain.Target{User: "bob"})) {
		t.Error("another conversation was refused")
	}
	// It may go on once some of it is committed.
	for len(q.take()) == 1 { // the other conversation goes first
	}
	if !q.push(large(big)) {
		t.Error("the group was refused after a commit")
	}
}

func TestQueue_KeepsNothingOfFlowsThatAreDone(t *testing.T) {
	t.Parallel()
	q, big := queueOf(t)
	for i := range 100 {
		push(t, q, queuedSend("u", big, ""), queuedSend("alice", domain.Target{User: domain.UserID(fmt.Sprint(i))}, ""))
	}
	drain(q)
	if q.flows != nil || q.sends != 0 || q.bytes != 0 || !q.fresh.empty() || !q.waiting.empty() {
		t.Errorf("left are %d flows, %d sends, %d bytes", len(q.flows), q.sends, q.bytes)
	}
	for i := range maxCostHints + 100 {
		q.learn(flowKey{group: domain.GroupID(fmt.Sprint(i))}, i)
	}
	expect(t, "hints", len(q.costs), maxCostHints)
}

// The same group in another app, the business and oneself are conversations of
// their own.
func TestFlowOf_TellsConversationsApart(t *testing.T) {
	t.Parallel()
	seen := make(map[flowKey]bool)
	for _, s := range []*send{
		queuedSend("a", domain.Target{User: "b"}, ""), queuedSend("a", domain.Target{User: "a"}, ""), queuedSend("", domain.Target{User: "a"}, ""),
		queuedSend("a", domain.Target{Group: "b"}, ""), queuedSend("a", domain.Target{User: "c"}, ""),
	} {
		for app := range domain.AppNum(2) {
			s.out.App = app
			seen[flowOf(&s.out)] = true
		}
	}
	expect(t, "flows", len(seen), 10)
}
