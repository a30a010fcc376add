package presence_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/presence"
	"github.com/gim-im/gim/internal/presence/presencetest"
	"github.com/gim-im/gim/internal/redisconn"
	"github.com/gim-im/gim/internal/testserver"
)

func TestRedis_GarbageIsIgnored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.a.Enter(phone)
	presencetest.Until(t, w.b, 7, phone)
	key := w.keys("*:u:1:7")[0]
	stranger := strings.Repeat("a", 16) + "/x1"
	for _, field := range []string{"", "x", "/", "a/b", stranger + "/y", strings.Repeat("é", 8) + "/x"} {
		w.redis("HSET", key, field, `{"device":"d","type":"ios","transport":"tcp","since":1}`)
	}
	for i, value := range []string{"", "{", "[]", `{"device":"d","transport":"tcp","since":1}`, `{"device":"d","type":"toaster","transport":"tcp","since":1}`, `{"device":"a b","type":"ios","transport":"tcp","since":1}`, `{"device":"d","type":"ios","since":1}`, `{"device":"d","type":"ios","transport":"tcp","since":-1}`, `{"device":"d","type":"ios","transport":"tcp","since":1,"number":-1}`} {
		w.redis("HSET", key, fmt.Sprint(stranger, i), value)
	}
	w.redis("HSET", key, "seen", "yesterday")
	nodes := w.keys("*:nodes")
	w.redis("HSET", nodes[0], "x", "y")
	presencetest.Until(t, w.b, 7, phone)

	w.redis("HSET", key, stranger, `{"device":"d","type":"ios","transport":"tcp","since":1}`) // of a node that never was
	presencetest.Until(t, w.b, 7, phone)
	eventually(t, "it is removed", func() bool { return w.redis("HEXISTS", key, stranger) == int64(0) })

	w.redis("DEL", key)
	w.redis("SET", key, "something else")
	if got := presencetest.Ask(t, w.b, 7); got.Known {
		t.Errorf("a key of another type is read as %+v", got)
	}
	w.a.Leave(phone, phone.Since)
	w.a.Enter(other)
	presencetest.Until(t, w.b, 8, other) // nothing is held up
}

func TestRedis_WhatWasLostIsWrittenAgain(t *testing.T) {
	t.Parallel()
	server, store := testserver.NewRedis(t), &presencetest.Store{}
	o := presence.RedisOptions{Options: presencetest.Options(t, store, &presencetest.Ear{}), TTL: ttl}
	o.Refresh = 2 * time.Second
	a, b := redisNode(t, server.URL(), o), redisNode(t, server.URL(), o)
	w := &world{T: t, server: server}
	known(t, a, b)
	a.Enter(phone)
	presencetest.Until(t, b, 7, phone)
	key := w.keys("*:u:1:7")[0]
	if left := w.redis("PTTL", key).(int64); left <= 0 || left > 3*o.Refresh.Milliseconds() && left > 4*ttl.Milliseconds() {
		t.Errorf("the key lives %d ms", left)
	}
	w.redis("DEL", key)
	presencetest.Until(t, b, 7)
	presencetest.Until(t, b, 7, phone)
	eventually(t, "it is seen while it is there", func() bool { return store.Last(7, phone.Device).After(phone.Since) })
}

// More sessions end while Redis is away than can be remembered.
func TestRedis_ManyEndsDuringAnOutageAreNotForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const sessions = 12_000
	for i := range sessions {
		w.a.Enter(presencetest.Session(7, fmt.Sprint("s", i), int64(i+1)))
	}
	stays := presencetest.Session(7, "stays", sessions+1)
	w.a.Enter(stays)
	w.a.Flush(t.Context())
	eventually(t, "all are there", func() bool { return len(presencetest.Ask(t, w.b, 7).Sessions) == sessions+1 })
	w.proxy.Blackhole()
	for i := range sessions {
		s := presencetest.Session(7, fmt.Sprint("s", i), int64(i+1))
		w.a.Leave(s, s.Since)
	}
	w.proxy.Heal()
	presencetest.Until(t, w.b, 7, stays)
}

func TestRedis_AServerOfAClusterThatIsDownConcernsItsUsersOnly(t *testing.T) {
	t.Parallel()
	cluster := testserver.NewRedisCluster(t, 3)
	for i := range 3 {
		(&world{T: t, server: cluster.Node(i)}).redis("CONFIG", "SET", "cluster-require-full-coverage", "no")
	}
	o := presence.RedisOptions{Options: presencetest.Options(t, &presencetest.Store{}, &presencetest.Ear{}), TTL: 4 * ttl}
	a, b := redisNode(t, cluster.URL(), o), redisNode(t, cluster.URL(), o)
	known(t, a, b)
	for _, user := range manyUsers {
		a.Enter(presencetest.Session(user, fmt.Sprint("s", user), 1))
	}
	count := func() (online, unknown int) {
		for _, o := range b.Online(t.Context(), 1, manyUsers) {
			switch {
			case !o.Known:
				unknown++
			case len(o.Sessions) == 1:
				online++
			}
		}
		return online, unknown
	}
	eventually(t, "all are online", func() bool { online, _ := count(); return online == len(manyUsers) })
	cluster.Node(1).Kill()
	eventually(t, "some are unknown and the others online", func() bool {
		online, unknown := count()
		return unknown > 0 && online > 0 && online+unknown == len(manyUsers)
	})
	parts := make(map[int]bool)
	for i, o := range b.Online(t.Context(), 1, manyUsers) {
		p := redisconn.Partition(1, int64(manyUsers[i]))
		if known, asked := parts[p]; asked && known != o.Known {
			t.Errorf("users of partition %d are partly known", p)
		}
		parts[p] = o.Known
	}
	cluster.Node(1).Restart()
	eventually(t, "all are online again", func() bool { online, _ := count(); return online == len(manyUsers) })
}

func TestNew_RefusesWhatItCannotUse(t *testing.T) {
	t.Parallel()
	good := presencetest.Options(t, &presencetest.Store{}, &presencetest.Ear{})
	for name, o := range map[string]presence.RedisOptions{
		"no store":          {URL: "redis://h", Options: presence.Options{Logger: good.Logger}},
		"no logger":         {URL: "redis://h", Options: presence.Options{Store: good.Store}},
		"no URL":            {Options: good},
		"prefix with brace": {URL: "redis://h", Options: good, Prefix: "a{b"},
		"bad database":      {URL: "redis://:hunter2@h/x", Options: good},
	} {
		if _, err := presence.NewRedis(o); err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows the password: %v", name, err)
		}
	}
	if _, err := presence.NewMemory(presence.Options{}); err == nil {
		t.Error("nothing: accepted")
	}
}

func TestMemory_RefreshesWhenUsersWereSeen(t *testing.T) {
	t.Parallel()
	store := &presencetest.Store{}
	o := presencetest.Options(t, store, &presencetest.Ear{})
	o.Refresh = 500 * time.Millisecond
	m, err := presence.NewMemory(o)
	if err != nil {
		t.Fatal(err)
	}
	stop := run(t, m)
	m.Enter(phone)
	eventually(t, "it is seen while it is there", func() bool { return store.Last(7, phone.Device).After(phone.Since) })
	end := domain.Millis(time.Now().Add(time.Hour))
	m.Leave(phone, end)
	stop()
	if got := store.Last(7, phone.Device); !got.Equal(end) {
		t.Errorf("saved %v at the end, want %v", got, end)
	}
}
