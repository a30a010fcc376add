package storetest

import (
	"fmt"
	"sync"

	"github.com/gim-im/gim/domain"
)

// traffic is what concurrent writers sent and were told.
type traffic struct {
	users []domain.UserRef
	group domain.GroupID

	mu       sync.Mutex
	receipts map[string]domain.Receipt // by text
	sender   map[string]domain.UserNum
}

// newTraffic makes users who share a group.
func newTraffic(w *world, users int) *traffic {
	w.Helper()
	t := &traffic{users: w.many("u", users), group: "all", receipts: map[string]domain.Receipt{}, sender: map[string]domain.UserNum{}}
	w.group("all", t.users...)
	return t
}

// send has one writer send n messages one after another through store, in turn
// to the group, to the next user, to itself and from the business.
func (t *traffic) send(w *world, store Store, writer, n int) {
	for i := range n {
		from, to := t.users[writer%len(t.users)], toGroup(t.group)
		switch i % 5 {
		case 2:
			to = toUser(t.users[(writer+1)%len(t.users)])
		case 3:
			to = toUser(from)
		case 4:
			from, to = domain.UserRef{}, toUser(from)
		}
		text := fmt.Sprintf("%d/%d", writer, i)
		r, err := store.Append(w.ctx, w.outgoing(from, to, text, text))
		if err != nil {
			w.Errorf("send %s: %v", text, err)
			return
		}
		t.mu.Lock()
		t.receipts[text], t.sender[text] = r, from.Num
		t.mu.Unlock()
	}
}

// check compares logs, conversations and what was published with the receipts.
// others are stores that were sent through, besides that of w.
// Logs are read contiguous; see [world.log].
func (t *traffic) check(w *world, others ...Store) {
	w.Helper()
	seen := make(map[domain.UserNum]map[string]int64) // user, text: seq
	for _, u := range t.users {
		seen[u.Num] = map[string]int64{}
		next := map[domain.ConversationNum]int64{}
		fifo := map[string]int{}
		for _, e := range w.log(u.Num) {
			text, m := textOf(e.Message), e.Message
			if _, dup := seen[u.Num][text]; dup {
				w.Errorf("%s has %s twice", u.ID, text)
			}
			seen[u.Num][text] = e.Seq
			if next[m.Conversation]++; m.ConversationSeq != next[m.Conversation] {
				w.Errorf("%s: message %d of conversation %d comes where %d belongs", u.ID, m.ConversationSeq, m.Conversation, next[m.Conversation])
			}
			r := t.receipts[text]
			if m.ID != r.MessageID || m.ConversationSeq != r.ConversationSeq || (e.IsSender && e.Seq != r.Seq) {
				w.Errorf("%s: entry %+v of %s does not fit its receipt %+v", u.ID, e, text, r)
			}
			var writer, n int
			_, _ = fmt.Sscanf(text, "%d/%d", &writer, &n) // written by send
			if key := fmt.Sprint(writer); fifo[key] > n {
				w.Errorf("%s: %s comes after number %d of the same writer", u.ID, text, fifo[key])
			} else {
				fifo[key] = n
			}
		}
	}
	t.checkReceivers(w, seen)
	t.checkPublished(w, seen, others)
}

// checkReceivers makes sure that everyone has what was acknowledged.
func (t *traffic) checkReceivers(w *world, seen map[domain.UserNum]map[string]int64) {
	w.Helper()
	for text, r := range t.receipts {
		want := 2
		switch {
		case r.ConversationID == "group:"+string(t.group):
			want = len(t.users)
		case t.sender[text] == 0, r.ConversationID == "user:"+string(t.idOf(t.sender[text])):
			want = 1
		}
		got := 0
		for _, texts := range seen {
			if _, has := texts[text]; has {
				got++
			}
		}
		if got != want {
			w.Errorf("%s has %d receivers, want %d", text, got, want)
		}
	}
}

func (t *traffic) idOf(num domain.UserNum) domain.UserID {
	for _, u := range t.users {
		if u.Num == num {
			return u.ID
		}
	}
	return ""
}

// checkPublished makes sure that every entry was told once.
func (t *traffic) checkPublished(w *world, seen map[domain.UserNum]map[string]int64, others []Store) {
	w.Helper()
	told := 0
	for _, d := range w.deliveries(others...) {
		for _, to := range d.To {
			told++
			if seq := seen[to.User][textOf(d.Message)]; seq != to.Seq {
				w.Errorf("%s was published to %d as %d and is stored as %d", textOf(d.Message), to.User, to.Seq, seq)
			}
		}
	}
	stored := 0
	for _, texts := range seen {
		stored += len(texts)
	}
	w.same("entries published", told, stored)
}

func appendOrder(w *world) {
	t := newTraffic(w, 6)
	var wg sync.WaitGroup
	for writer := range 12 {
		wg.Go(func() { t.send(w, w.store, writer, 25) }) // ends with the test
	}
	for range 30 { // whoever reads n can read n-1, at any moment
		for _, u := range t.users {
			heads, err := w.store.Heads(w.ctx, w.app.Num, []domain.UserNum{u.Num})
			w.ok(err)
			page, err := w.store.ReadLog(w.ctx, w.app.Num, u.Num, max(heads[u.Num]-20, 0), domain.MaxPageSize)
			w.ok(err)
			for i, e := range page.Entries {
				if want := max(heads[u.Num]-20, 0) + int64(i) + 1; e.Seq != want {
					w.Fatalf("%s: read %d where %d belongs", u.ID, e.Seq, want)
				}
			}
			if n := len(page.Entries); page.Head < heads[u.Num] || (n > 0 && !page.HasMore && page.Entries[n-1].Seq != page.Head) {
				w.Fatalf("%s: a page ends at %d of %d without more", u.ID, n, page.Head)
			}
		}
	}
	wg.Wait()
	t.check(w)
}
