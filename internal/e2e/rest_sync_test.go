package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

// walk reads a log from the start in pages of limit until there is no more, and
// checks each page.
func walk(t *testing.T, c caller, limit int) []client.Message {
	t.Helper()
	var all []client.Message
	for {
		after := int64(len(all))
		page := read[client.SyncPage](t, c.get(t, fmt.Sprintf("/v1/sync?after=%d&limit=%d", after, limit)).want(t, 200))
		for i, m := range page.Items {
			if m.Seq != after+int64(i)+1 {
				t.Fatalf("entry %d of the page after %d has the number %d", i, after, m.Seq)
			}
		}
		all = append(all, page.Items...)
		last := int64(len(all))
		if page.HasMore != (last < page.HeadSeq) || last > page.HeadSeq || (page.HasMore && len(page.Items) != limit) || page.FirstSeq != 1 {
			t.Fatalf("page after %d: %d entries, has_more %v, head %d", after, len(page.Items), page.HasMore, page.HeadSeq)
		}
		if !page.HasMore {
			return all
		}
	}
}

func TestSync_PagesAreExactWhileMessagesArrive(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob", "carol")
		a.newGroup(t, "team", "alice", "bob", "carol")
		senders := []caller{a.as("alice"), a.as("carol"), a.as("bob"), a.back()}
		const each = 25
		written := make(chan struct{})
		go func() { // ends when everything is sent
			defer close(written)
			together(len(senders), func(i int) error {
				for n := range each {
					body := text("bob", fmt.Sprint(i, " ", n))
					if n%2 == 0 {
						body = groupText("team", fmt.Sprint(i, " ", n))
					}
					if got := senders[i].post(t, "/v1/messages", body); got.status != 201 {
						t.Errorf("send: %d %s", got.status, got.body)
					}
				}
				return nil
			})
		}()
		defer func() { <-written }() // also where a page ends the test
		for done := false; !done; {
			select {
			case <-written:
				done = true
			default:
			}
			for _, limit := range []int{1, 3, 7, 50} {
				walk(t, a.as("bob"), limit)
			}
		}
		whole := walk(t, a.as("bob"), 200)[1:] // without the group's beginning
		if len(whole) != len(senders)*each {
			t.Fatalf("bob has %d entries, want %d", len(whole), len(senders)*each)
		}
		// Every sender's messages are in the order in which it sent them.
		next := make([]int, len(senders))
		for i, said := range texts(t, whole) {
			var sender, n int
			if _, err := fmt.Sscan(said, &sender, &n); err != nil {
				t.Fatal(err)
			}
			if n != next[sender] {
				t.Errorf("entry %d is number %d of sender %d, want %d", i+1, n, sender, next[sender])
			}
			next[sender] = n + 1
		}
		for _, limit := range []int{1, 3, 100} {
			if diff := cmp.Diff(whole, walk(t, a.as("bob"), limit)[1:]); diff != "" {
				t.Errorf("in pages of %d the log is another:\n%s", limit, diff)
			}
		}
	})
}

func TestSync_APageEndsAtOneMebibyte(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		big := with(text("bob", ""), "content", contentOf(64<<10))
		for range 20 {
			a.as("alice").post(t, "/v1/messages", big).want(t, 201)
		}
		bob := a.as("bob")
		first := bob.sync(t, "")
		if len(first.Items) != 16 || !first.HasMore || first.HeadSeq != 20 {
			t.Errorf("a page of %d entries, has_more %v, head %d", len(first.Items), first.HasMore, first.HeadSeq)
		}
		rest := bob.sync(t, "&after=16")
		if len(rest.Items) != 4 || rest.HasMore || rest.Items[0].Seq != 17 {
			t.Errorf("then %d entries, has_more %v", len(rest.Items), rest.HasMore)
		}
		newest := bob.history(t, "user:alice", "limit=200")
		if len(newest.Items) != 16 || !newest.HasMore || newest.Items[15].ConversationSeq != 20 {
			t.Errorf("history: a page of %d, has_more %v", len(newest.Items), newest.HasMore)
		}
		before := bob.history(t, "user:alice", "limit=200&before=5")
		if len(before.Items) != 4 || before.HasMore || before.Items[3].ConversationSeq != 4 {
			t.Errorf("history before: a page of %d, has_more %v", len(before.Items), before.HasMore)
		}
	})
}

func TestSync_WaitsForAnEntryAndNoLonger(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob", "carol")
		a.newGroup(t, "team", "alice", "bob")
		for i, send := range []func(){
			func() { a.as("alice").post(t, "/v1/messages", text("bob", "hi")).want(t, 201) },
			func() { a.back().post(t, "/v1/messages", text("bob", "hi")).want(t, 201) },
			func() { a.as("alice").post(t, "/v1/messages", groupText("team", "hi")).want(t, 201) },
			func() { a.as("bob").post(t, "/v1/messages", text("carol", "hi")).want(t, 201) },
		} {
			got := make(chan answer, 1)
			started := time.Now()
			go func() { got <- a.as("bob").get(t, fmt.Sprintf("/v1/sync?wait=30&after=%d", i+1)) }() // ends with the answer
			// Neither the other log nor what leaves no entry wakes anybody; whether the
			// poll has begun when the message comes makes no difference to its answer.
			a.as("alice").post(t, "/v1/messages", text("carol", "not for bob")).want(t, 201)
			a.as("alice").post(t, "/v1/messages", with(text("bob", "passing"), "persist", false)).want(t, 202)
			send()
			page := read[client.SyncPage](t, (<-got).want(t, 200))
			if len(page.Items) != 1 || page.Items[0].Seq != int64(i)+2 || page.HasMore { // 1 is the group's beginning
				t.Errorf("send %d: woken with %+v", i, page)
			}
			if waited := time.Since(started); waited > 20*time.Second { // not by the end of its time
				t.Errorf("send %d: woken after %s", i, waited)
			}
		}
		started := time.Now()
		page := a.as("bob").sync(t, "&wait=1&after=5")
		if waited := time.Since(started); len(page.Items) != 0 || page.HasMore || page.HeadSeq != 5 || waited < time.Second {
			t.Errorf("after %s without an entry: %+v", waited, page)
		}
		if page := a.as("bob").sync(t, "&wait=30"); len(page.Items) != 5 { // there is something: no wait
			t.Errorf("got %+v", page)
		}
	})
}
