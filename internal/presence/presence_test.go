package presence_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/presence"
	"github.com/gim-im/gim/internal/presence/presencetest"
	"github.com/gim-im/gim/internal/redisconn"
	"github.com/gim-im/gim/internal/testserver"
)

func TestMain(m *testing.M) {
	redisconn.SetLibraryLogger(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

// run lets p work until stop is called, at the end of the test at the latest.
func run(t *testing.T, p presence.Presence) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }() // ends with stop
	var stopped atomic.Bool
	stop = func() {
		if stopped.Swap(true) {
			return
		}
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run = %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("Run does not end")
		}
	}
	t.Cleanup(stop)
	return stop
}

// redisNode is a running node of a presence over Redis, which need not be known yet.
func redisNode(t *testing.T, url string, o presence.RedisOptions) *presence.Redis {
	t.Helper()
	o.URL = url
	p, err := presence.NewRedis(o)
	if err != nil {
		t.Fatal(err)
	}
	run(t, p)
	return p
}

// known waits until a node knows who is online, in all partitions.
func known(t *testing.T, nodes ...presence.Presence) {
	t.Helper()
	for _, n := range nodes {
		presencetest.Eventually(t, func() string {
			for _, o := range n.Online(t.Context(), 99, manyUsers) {
				if !o.Known {
					return "it is not known who is online"
				}
			}
			return ""
		})
	}
}

func TestMemory_KeepsTheRulesOfPresence(t *testing.T) {
	t.Parallel()
	presencetest.Exercise(t, func(t *testing.T, o, _ presence.Options) (a, b presence.Presence) {
		t.Helper()
		m, err := presence.NewMemory(o)
		if err != nil {
			t.Fatal(err)
		}
		run(t, m)
		return m, m
	})
}

func TestRedis_KeepsTheRulesOfPresence(t *testing.T) {
	t.Parallel()
	url := testserver.NewRedis(t).URL()
	var used atomic.Int32
	t.Run("suite", func(t *testing.T) {
		presencetest.Exercise(t, func(t *testing.T, oA, oB presence.Options) (a, b presence.Presence) {
			t.Helper()
			return redisPair(t, url, fmt.Sprintf("gim%d", used.Add(1)), oA, oB)
		})
	})
}

func TestRedis_OneNodeKeepsTheRulesOfPresence(t *testing.T) {
	t.Parallel()
	url := testserver.NewRedis(t).URL()
	var used atomic.Int32
	t.Run("suite", func(t *testing.T) {
		presencetest.Exercise(t, func(t *testing.T, o, _ presence.Options) (a, b presence.Presence) {
			t.Helper()
			n := redisNode(t, url, presence.RedisOptions{Options: o, Prefix: fmt.Sprintf("gim%d", used.Add(1))})
			known(t, n)
			return n, n
		})
	})
}

func TestRedis_OnAClusterKeepsTheRulesOfPresence(t *testing.T) {
	t.Parallel()
	cluster := testserver.NewRedisCluster(t, 3)
	var used atomic.Int32
	t.Run("suite", func(t *testing.T) {
		presencetest.Exercise(t, func(t *testing.T, oA, oB presence.Options) (a, b presence.Presence) {
			t.Helper()
			return redisPair(t, cluster.URL(), fmt.Sprintf("gim%d", used.Add(1)), oA, oB)
		})
	})
}

func redisPair(t *testing.T, url, prefix string, oA, oB presence.Options) (a, b presence.Presence) {
	t.Helper()
	a = redisNode(t, url, presence.RedisOptions{Options: oA, Prefix: prefix})
	b = redisNode(t, url, presence.RedisOptions{Options: oB, Prefix: prefix})
	known(t, a, b)
	return a, b
}

// manyUsers are users of all partitions.
var manyUsers = func() (users []domain.UserNum) {
	for user := range domain.UserNum(200) {
		users = append(users, user+1)
	}
	return users
}()
