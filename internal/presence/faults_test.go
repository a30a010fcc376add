package presence_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gim-im/gim/internal/presence"
	"github.com/gim-im/gim/internal/presence/presencetest"
	"github.com/gim-im/gim/internal/testserver"
)

// ttl is short, and long enough for a machine that is busy.
const ttl = time.Second

// world is one Redis with nodes a, behind a proxy, and b.
type world struct {
	*testing.T
	server       *testserver.RedisServer
	proxy        *testserver.Proxy
	store        *presencetest.Store
	a, b         *presence.Redis
	hearA, hearB *presencetest.Ear
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, server: testserver.NewRedis(t), store: &presencetest.Store{}, hearA: &presencetest.Ear{}, hearB: &presencetest.Ear{}}
	w.proxy = testserver.NewProxy(t, w.server.Addr())
	w.a = redisNode(t, "redis://"+w.proxy.Addr(), w.options(w.hearA))
	w.b = redisNode(t, w.server.URL(), w.options(w.hearB))
	known(t, w.a, w.b)
	return w
}

func (w *world) options(ear *presencetest.Ear) presence.RedisOptions {
	return presence.RedisOptions{Options: presencetest.Options(w.T, w.store, ear), TTL: ttl}
}

// redis runs a command on the server itself.
func (w *world) redis(command ...any) any {
	w.Helper()
	client := redis.NewClient(&redis.Options{Addr: w.server.Addr(), Protocol: 2, MaxRetries: -1})
	defer client.Close()
	result, err := client.Do(context.WithoutCancel(w.Context()), command...).Result()
	if err != nil && err != redis.Nil { //nolint:errorlint // never wrapped
		w.Fatalf("%v: %v", command, err)
	}
	return result
}

// keys lists the keys that match.
func (w *world) keys(pattern string) (keys []string) {
	w.Helper()
	for _, key := range w.redis("KEYS", pattern).([]any) {
		keys = append(keys, key.(string))
	}
	return keys
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	presencetest.Eventually(t, func() string {
		if holds() {
			return ""
		}
		return what
	})
}

var (
	phone = presencetest.Session(7, "s1", 1)
	other = presencetest.Session(8, "s2", 1)
)

func TestRedis_ANodeThatDiesTakesItsSessionsAlong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.a.Enter(phone)
	w.b.Enter(other)
	presencetest.Until(t, w.b, 7, phone)
	before := time.Now()
	doubts := w.hearB.Doubts(7)
	w.proxy.Down()
	got := presencetest.Until(t, w.b, 7)
	died := got.LastSeenAt
	if age := before.Sub(died); age > 10*time.Second || age < -10*time.Second {
		t.Errorf("last seen %v, want about %v", died, before)
	}
	eventually(t, "the death is told", func() bool { return w.hearB.Doubts(7) > doubts })
	eventually(t, "it is saved", func() bool { return w.store.Last(7, phone.Device).Equal(died) })
	presencetest.Until(t, w.b, 8, other)
	eventually(t, "what the dead node left is removed", func() bool {
		return len(w.redis("HGETALL", w.keys("*:u:1:7")[0]).([]any)) == 2 // when it was seen
	})
	if got := presencetest.Until(t, w.b, 7); !got.LastSeenAt.Equal(died) {
		t.Errorf("last seen %v after that, want %v", got.LastSeenAt, died)
	}
}

func TestRedis_ANodeThatSleptIsBackWithAllItsSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.a.Enter(phone)
	presencetest.Until(t, w.b, 7, phone)
	for range 3 {
		w.proxy.Blackhole()
		presencetest.Until(t, w.b, 7)
		changes := w.hearA.Changes(7)
		left, came := presencetest.Session(9, "left", 1), presencetest.Session(9, "came", 2)
		w.a.Enter(left)
		w.a.Enter(came)
		w.a.Leave(left, left.Since)
		w.proxy.Heal()
		presencetest.Until(t, w.b, 7, phone)
		presencetest.Until(t, w.b, 9, came)
		presencetest.Until(t, w.a, 7, phone)
		eventually(t, "it is told", func() bool { return w.hearA.Changes(7) > changes })
		w.a.Leave(came, came.Since)
		presencetest.Until(t, w.b, 9)
	}
}

// While Redis does not answer nothing is known, but for who is here.
func TestRedis_NothingIsKnownWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct{ begin, end func(*testserver.RedisServer) }{
		"killed": {(*testserver.RedisServer).Kill, (*testserver.RedisServer).Restart},
		"paused": {(*testserver.RedisServer).Pause, (*testserver.RedisServer).Resume},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.a.Enter(phone)
			w.b.Enter(other)
			presencetest.Until(t, w.b, 7, phone)
			doubts := w.hearB.Doubts(7)
			fault.begin(w.server)
			eventually(t, "it is not known", func() bool { return !presencetest.Ask(t, w.b, 7).Known })
			eventually(t, "it is told", func() bool { return w.hearB.Doubts(7) > doubts })
			if here := presencetest.Ask(t, w.b, 8); len(here.Sessions) != 1 {
				t.Errorf("who is here is %+v", here)
			}
			late := presencetest.Session(9, "late", 1)
			w.b.Enter(late)
			eventually(t, "this node is told", func() bool { return w.hearB.Changes(9) > 0 })
			if here := presencetest.Ask(t, w.b, 9); len(here.Sessions) != 1 {
				t.Errorf("who has come is %+v", here)
			}
			w.a.Leave(phone, phone.Since)
			doubts = w.hearB.Doubts(7)
			fault.end(w.server)
			presencetest.Until(t, w.b, 7)
			presencetest.Until(t, w.a, 8, other)
			presencetest.Until(t, w.a, 9, late)
			eventually(t, "that it is known again is told", func() bool { return w.hearB.Doubts(7) > doubts })
		})
	}
}

func TestRedis_AFlushMakesNobodyLookOffline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, user := range manyUsers {
		w.a.Enter(presencetest.Session(user, fmt.Sprint("s", user), 1))
	}
	w.a.Flush(t.Context())
	for range 3 {
		w.server.FlushAll()
		for back, deadline := false, time.Now().Add(20*time.Second); !back; {
			back = true
			for i, o := range w.b.Online(t.Context(), 1, manyUsers) {
				if o.Known && len(o.Sessions) == 0 {
					t.Fatalf("user %d looks offline", manyUsers[i])
				}
				back = back && o.Known
			}
			if time.Now().After(deadline) {
				t.Fatal("the sessions do not come back")
			}
		}
	}
}

func TestRedis_StartsWhileRedisIsDown(t *testing.T) {
	t.Parallel()
	server := testserver.NewRedis(t)
	server.Kill()
	o := presence.RedisOptions{Options: presencetest.Options(t, &presencetest.Store{}, &presencetest.Ear{}), TTL: ttl}
	a, b := redisNode(t, server.URL(), o), redisNode(t, server.URL(), o)
	a.Enter(phone)
	if got := presencetest.Ask(t, b, 7); got.Known || len(got.Sessions) > 0 {
		t.Errorf("without Redis: %+v", got)
	}
	if got := presencetest.Ask(t, a, 7); len(got.Sessions) != 1 {
		t.Errorf("on the node itself: %+v", got)
	}
	server.Restart()
	presencetest.Until(t, b, 7, phone)
}

func TestRedis_TheEndOfANodeIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.options(&presencetest.Ear{})
	o.TTL, o.URL = time.Hour, w.server.URL()
	c, err := presence.NewRedis(o)
	if err != nil {
		t.Fatal(err)
	}
	stop := run(t, c)
	known(t, c)
	nodes := w.keys("*:nodes")
	if len(nodes) != 16 {
		t.Fatalf("leases are in %v", nodes)
	}
	leases := func() int { return len(w.redis("HGETALL", nodes[0]).([]any)) / 2 }
	if n := leases(); n != 3 {
		t.Errorf("%d nodes have a lease, want 3", n)
	}
	c.Enter(phone)
	presencetest.Until(t, w.b, 7, phone)
	c.Leave(phone, phone.Since)
	stop()
	presencetest.Until(t, w.b, 7)
	if n := leases(); n != 2 {
		t.Errorf("%d nodes have a lease, want 2", n)
	}
}

// Only Redis' clock counts, and it may be set, by a failover for instance.
func TestRedis_ClockOfRedisMayJump(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.a.Enter(phone)
	presencetest.Until(t, w.b, 7, phone)
	shift := func(by time.Duration) { // beats lie in the past or in the future then
		for _, key := range w.keys("*:nodes") {
			all := w.redis("HGETALL", key).([]any)
			for i := 0; i < len(all); i += 2 {
				first, life, _ := strings.Cut(all[i+1].(string), " ")
				at, _ := strconv.ParseInt(first, 10, 64)
				w.redis("HSET", key, all[i], fmt.Sprint(at+by.Milliseconds(), " ", life))
			}
		}
	}
	shift(-time.Hour)
	eventually(t, "it is back", func() bool {
		known(t, w.a, w.b)
		return len(presencetest.Ask(t, w.b, 7).Sessions) == 1
	})
	shift(time.Hour)
	presencetest.Until(t, w.b, 7, phone)
	w.proxy.Down()
	presencetest.Until(t, w.b, 7)
}

// A command that got no answer may be done at any time, even after one that was
// sent later on another connection.
func TestRedis_WhatIsWrittenLateBringsNobodyBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	proxy, ear := testserver.NewProxy(t, w.server.Addr()), &presencetest.Ear{}
	o := w.options(ear)
	o.TTL = 4 * ttl
	c := redisNode(t, "redis://"+proxy.Addr(), o)
	known(t, c)
	c.Enter(phone)
	presencetest.Until(t, w.b, 7, phone)
	key := w.keys("*:u:1:7")[0]
	written := w.redis("HGETALL", key).([]any)

	doubts := ear.Doubts(7)
	proxy.Down()
	c.Leave(phone, phone.Since)
	eventually(t, "the node has noticed", func() bool { return ear.Doubts(7) > doubts })
	proxy.Heal()
	c.Enter(other) // the lease goes on, for others
	presencetest.Until(t, w.b, 8, other)
	presencetest.Until(t, w.b, 7)
	w.redis("HSET", key, written[0], written[1])
	presencetest.Until(t, w.b, 7)
}
