package repo

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
)

// queueOf is a queue in which a send to the group "big" is known to make 500 log
// entries.
func queueOf(t *testing.T) (*appendQueue, domain.Target) {
	t.Helper()
	q := &appendQueue{}
	q.init(1)
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

// noon is when nobody has to give way yet.
var noon = time.Unix(43_200, 0)

// takeNext takes a batch whose commit takes no time.
func takeNext(q *appendQueue) []string {
	b, _ := q.take(noon)
	if b == nil {
		return nil
	}
	q.done([]*load{b}, nil, noon, 0)
	return keysOf(b.taken)
}

// drain takes everything, batch by batch.
func drain(q *appendQueue) (batches [][]string) {
	for {
		b, _ := q.take(noon.Add(time.Hour)) // nobody gives way any more
		if b == nil {
			return batches
		}
		q.done([]*load{b}, nil, noon, 0)
		batches = append(batches, keysOf(b.taken))
	}
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
		stormy, _ := q.take(noon)
		push(t, q, queuedSend("alice", domain.Target{User: "bob"}, "single"))
		q.learn(flowOf(&stormy.taken[0].out), 500)
		q.done([]*load{stormy}, nil, noon, time.Millisecond)
		expect(t, fmt.Sprint("known ", known, ": the next batch"), takeNext(q), []string{"single"})
		if n := len(stormy.taken); known && (n*500 < maxBatchPointers || (n-1)*500 >= maxBatchPointers) {
			t.Errorf("a batch of the storm has %d sends", n)
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
	b, _ := q.take(noon)
	push(t, q, queuedSend("alice", domain.Target{User: "bob"}, "single"))
	q.done([]*load{b}, nil, noon, time.Millisecond)
	expect(t, "the next batch", takeNext(q), []string{"single"})
}

// For as long as a batch of the storm took, the store is left to single chats, also
// while none of them waits; then the storm goes on, however many come.
func TestQueue_StormGivesWayForAsLongAsItTook(t *testing.T) {
	t.Parallel()
	q, big := queueOf(t)
	single := func() { push(t, q, queuedSend("alice", domain.Target{User: "bob"}, "single")) }
	for range 100 {
		push(t, q, queuedSend("u", big, "group"))
	}
	alone, _ := q.take(noon)
	expect(t, "alone", len(alone.taken), maxBatchPointers/500)
	single()
	const took = 9 * time.Millisecond
	q.done([]*load{alone}, nil, noon, took)
	expect(t, "the single chat", takeNext(q), []string{"single"})
	b, wait := q.take(noon)
	expect(t, "behind it", fmt.Sprint(b, wait), fmt.Sprint((*load)(nil), took))
	b, wait = q.take(noon.Add(took - 1))
	expect(t, "at the end", fmt.Sprint(b, wait), fmt.Sprint((*load)(nil), time.Duration(1)))
	single()
	expect(t, "one that came in time", takeNext(q), []string{"single"})
	single()
	b, _ = q.take(noon.Add(took))
	expect(t, "in its turn", keysOf(b.taken), []string{"group"})
	q.done([]*load{b}, nil, noon.Add(took), time.Hour)
	expect(t, "behind a long commit", takeNext(q), []string{"single"})
	b, wait = q.take(noon.Add(took))
	expect(t, "it gives way", fmt.Sprint(b, wait), fmt.Sprint((*load)(nil), maxGiveWay))
	b, _ = q.take(noon.Add(took + maxGiveWay))
	q.done([]*load{b}, nil, noon.Add(took+maxGiveWay), took)
	b, wait = q.take(noon.Add(took + maxGiveWay))
	if b == nil || wait != 0 {
		t.Errorf("with nobody to give way to it waits %v", wait)
	}
	expect(t, "alone again", len(b.taken), maxBatchPointers/500)
}

// Only the storm makes small batches for the sake of others.
func TestQueue_ManyChatsBesideAStormAreOneBatch(t *testing.T) {
	t.Parallel()
	for committers := range 2 {
		q, big := queueOf(t)
		q.init(committers + 1)
		push(t, q, queuedSend("u", big, "group"))
		storm, _ := q.take(noon)
		push(t, q, queuedSend("u", big, "group"))
		for i := range 300 {
			push(t, q, queuedSend("alice", domain.Target{User: domain.UserID(fmt.Sprint("u", i))}, "chat"))
		}
		q.done([]*load{storm}, nil, noon, time.Millisecond)
		expect(t, "the batch", len(takeNext(q)), 300)
	}
}

// A chat that sends without end has one turn as one that did not wait.
func TestQueue_WhoIsNotDoneInATurnWaits(t *testing.T) {
	t.Parallel()
	q, big := queueOf(t)
	push(t, q, queuedSend("u", big, "group"))
	b, _ := q.take(noon)
	push(t, q, queuedSend("u", big, "group"))
	for range 100 {
		push(t, q, queuedSend("alice", domain.Target{User: "bob"}, "chat"))
	}
	q.done([]*load{b}, nil, noon, time.Millisecond)
	expect(t, "its turn", len(takeNext(q)), quantum/2)
	b, wait := q.take(noon)
	expect(t, "behind it", fmt.Sprint(b, wait), fmt.Sprint((*load)(nil), time.Millisecond))
	expect(t, "all", len(slices.Concat(drain(q)...)), 1+100-quantum/2)
}

// What did not fit beside the storm is in the next batch.
func TestQueue_WhoIsLeftOutOfAFullBatchIsNext(t *testing.T) {
	t.Parallel()
	q, big := queueOf(t)
	for range 100 {
		push(t, q, queuedSend("u", big, "group"))
	}
	push(t, q, queuedSend("alice", domain.Target{User: "bob"}, "single"))
	b, _ := q.take(noon)
	expect(t, "the first batch", keysOf(b.taken), []string{"group"})
	q.done([]*load{b}, nil, noon, time.Millisecond)
	expect(t, "the next", takeNext(q), []string{"single"})
}

// Two committers never have sends of one conversation, and storms leave one free.
func TestQueue_CommittersShareNoConversation(t *testing.T) {
	t.Parallel()
	q, big := queueOf(t)
	q.init(2)
	bob := domain.Target{User: "bob"}
	for i := range 20 {
		other := domain.Target{Group: domain.GroupID(fmt.Sprint("other", i))}
		q.learn(flowOf(&queuedSend("u", other, "").out), 500)
		push(t, q, queuedSend("u", big, "big"), queuedSend("u", other, "other"))
	}
	slow, _ := q.take(noon)
	for range 10 {
		push(t, q, queuedSend("u", big, "big"))
	}
	if b, wait := q.take(noon); b != nil || wait != 0 {
		t.Errorf("a storm took the second committer: %v, %v", b, wait)
	}
	push(t, q, queuedSend("alice", bob, "1"))
	first, _ := q.take(noon)
	expect(t, "beside the storm", keysOf(first.taken), []string{"1"})
	push(t, q, queuedSend("bob", domain.Target{User: "alice"}, "2"), queuedSend("carol", bob, "3"))
	if b, wait := q.take(noon); b != nil || wait != 0 {
		t.Errorf("a third batch at once: %v, %v", b, wait)
	}
	q.done([]*load{first}, nil, noon, 0)
	expect(t, "when that is done", takeNext(q), []string{"3", "2"}) // 2 waited for 1
	q.done([]*load{slow}, nil, noon, 0)
	rest := slices.Concat(drain(q)...)
	expect(t, "all", len(rest)+len(slow.taken), 50)
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
		for _, key := range takeNext(q) {
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
	b, _ := q.take(noon)
	expect(t, "the batch of the group", keysOf(b.taken), []string{"g0"})
	push(t, q, queuedSend("u", big, "g3"), queuedSend("alice", bob, "s3"))
	q.done([]*load{b}, b.taken, noon, time.Millisecond)
	b, _ = q.take(noon)
	expect(t, "the batch of the chat", keysOf(b.taken), []string{"s0", "s1", "s2", "s3"})
	push(t, q, queuedSend("alice", bob, "s4"))
	q.done([]*load{b}, b.taken[1:], noon, 0)
	all := slices.Concat(drain(q)...)
	group := slices.DeleteFunc(slices.Clone(all), func(k string) bool { return k[0] == 's' })
	single := slices.DeleteFunc(slices.Clone(all), func(k string) bool { return k[0] == 'g' })
	expect(t, "group", group, []string{"g0", "g1", "g2", "g3"})
	expect(t, "single", single, []string{"s1", "s2", "s3", "s4"})
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
	for len(takeNext(q)) == 1 { // the other conversation goes first
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
