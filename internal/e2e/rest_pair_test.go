package e2e

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

// stoppedClock goes on when it is told to.
type stoppedClock struct {
	mu  sync.Mutex // guards now
	now time.Time
}

// Now implements domain.Clock.
func (c *stoppedClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *stoppedClock) advance() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Second)
}

// on returns the same caller at another node.
func (c caller) on(g *gimtest.Gim) caller { c.gim = g; return c }

func TestPair_TwoNodesAreOneService(t *testing.T) { //nolint:tparallel // one step follows the other
	t.Parallel()
	g1, g2 := gimtest.StartPair(t, gimtest.Options{Configure: unlimited})
	a := newApp(t, g1, "alice", "bob")
	alice, device := a.onDevice(t, "alice")
	bob, _ := a.onDevice(t, "bob")
	second := read[client.NewAppKey](t, a.admin().on(g2).post(t, "/v1/apps/"+a.id+"/keys", object{}, "Idempotency-Key: k").want(t, 201))

	t.Run("a long poll is woken by a send to the other node", func(t *testing.T) {
		for _, node := range []*gimtest.Gim{g1, g2} {
			head := bob.sync(t, "").HeadSeq
			got := make(chan answer, 1)
			started := time.Now()
			go func() { got <- bob.on(other(node, g1, g2)).get(t, fmt.Sprint("/v1/sync?wait=30&after=", head)) }() // ends with the answer
			alice.on(node).post(t, "/v1/messages", text("bob", "over")).want(t, 201)
			page := read[client.SyncPage](t, (<-got).want(t, 200))
			if len(page.Items) != 1 || time.Since(started) > 20*time.Second {
				t.Errorf("after %s: %+v", time.Since(started), page)
			}
		}
	})
	t.Run("both say the same", func(t *testing.T) {
		for _, path := range []string{"/v1/sync", "/v1/users/me", "/v1/devices", "/v1/conversations/user:bob/messages"} {
			one, two := alice.get(t, path).want(t, 200), alice.on(g2).get(t, path).want(t, 200)
			if diff := cmp.Diff(string(one.body), string(two.body)); diff != "" {
				t.Errorf("%s (-one +other):\n%s", path, diff)
			}
		}
	})
	t.Run("a send repeated at the other node is one", func(t *testing.T) {
		hi := with(text("bob", "hi"), "client_msg_id", "c1")
		count := map[int]int{}
		var bodies []string
		for _, got := range together(20, func(i int) answer { return alice.on([]*gimtest.Gim{g1, g2}[i%2]).post(t, "/v1/messages", hi) }) {
			count[got.status]++
			bodies = append(bodies, string(got.body))
		}
		if count[201] != 1 || count[200] != 19 {
			t.Errorf("statuses %v", count)
		}
		for _, body := range bodies {
			if body != bodies[0] {
				t.Errorf("twins differ: %s%s", body, bodies[0])
			}
		}
	})
	t.Run("an Idempotency-Key is known to both", func(t *testing.T) {
		got := read[client.NewAppKey](t, a.admin().post(t, "/v1/apps/"+a.id+"/keys", object{}, "Idempotency-Key: k").want(t, 201))
		if got.Secret != second.Secret {
			t.Errorf("two keys: %+v and %+v", got, second)
		}
	})
	t.Run("numbers have no gap whoever gives them", func(t *testing.T) {
		head := bob.sync(t, "").HeadSeq
		together(40, func(i int) answer {
			return alice.on([]*gimtest.Gim{g1, g2}[i%2]).post(t, "/v1/messages", text("bob", "n"))
		})
		if got := walk(t, bob, 11); int64(len(got)) != head+40 {
			t.Errorf("%d entries, want %d", len(got), head+40)
		}
	})
	t.Run("what one revokes, the other refuses", func(t *testing.T) {
		for _, c := range []caller{alice, bob, a.with(second.Secret)} {
			c.ping(t).want(t, 200)
			c.on(g2).ping(t).want(t, 200)
		}
		a.as("alice").delete(t, "/v1/devices/"+device).want(t, 204)
		a.back().delete(t, "/v1/users/bob/tokens").want(t, 204)
		a.admin().delete(t, "/v1/apps/"+a.id+"/keys/"+second.KeyId).want(t, 204)
		for _, c := range []caller{alice, bob, a.with(second.Secret)} {
			refusedSoon(t, c.on(g2))
			refusedSoon(t, c)
		}
		a.back().on(g2).ping(t).want(t, 200)
	})
}

func other(one, a, b *gimtest.Gim) *gimtest.Gim {
	if one == a {
		return b
	}
	return a
}
