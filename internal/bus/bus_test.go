package bus_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gim-im/gim/internal/bus"
	"github.com/gim-im/gim/internal/bus/bustest"
	"github.com/gim-im/gim/internal/redisconn"
	"github.com/gim-im/gim/internal/testserver"
	"github.com/gim-im/gim/wire"
)

func TestMain(m *testing.M) {
	redisconn.SetLibraryLogger(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

// run lets b work until the end of the test, and fails it if something is left.
func run(t *testing.T, b bus.Bus) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }() // ends with the test
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run = %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("Run does not end")
		}
	})
}

// startWith returns a running bus that need not be connected.
func startWith(t *testing.T, o bus.Options) *bus.Redis {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	b, err := bus.NewRedis(o)
	if err != nil {
		t.Fatal(err)
	}
	run(t, b)
	return b
}

// connected returns a bus that is connected, with its first gap kept from handle.
func connected(t *testing.T, url, prefix string, handle bus.Handler) *bus.Redis {
	t.Helper()
	up := make(chan struct{})
	b := startWith(t, bus.Options{URL: url, Prefix: prefix, Handler: func(e *wire.Event) {
		if e.Kind == wire.EventGap && e.Topic == (wire.Topic{}) {
			close(up) // once: nothing happens to these servers
			return
		}
		handle(e)
	}})
	select {
	case <-up:
	case <-time.After(20 * time.Second):
		t.Fatal("not connected")
	}
	return b
}

func TestMemory_KeepsTheRulesOfTheBus(t *testing.T) {
	t.Parallel()
	bustest.Exercise(t, func(t *testing.T, h, _ bus.Handler) (a, b bus.Bus) {
		m := bus.NewMemory(h)
		run(t, m)
		return m, m
	})
}

func TestRedis_KeepsTheRulesOfTheBus(t *testing.T) {
	t.Parallel()
	bustest.Exercise(t, func(t *testing.T, hA, hB bus.Handler) (a, b bus.Bus) {
		url := testserver.NewRedis(t).URL()
		return connected(t, url, "", hA), connected(t, url, "", hB)
	})
}

func TestRedis_OneNodeKeepsTheRulesOfTheBus(t *testing.T) {
	t.Parallel()
	bustest.Exercise(t, func(t *testing.T, h, _ bus.Handler) (a, b bus.Bus) {
		r := connected(t, testserver.NewRedis(t).URL(), "", h)
		return r, r
	})
}

func TestRedis_OnAClusterKeepsTheRulesOfTheBus(t *testing.T) {
	t.Parallel()
	cluster := testserver.NewRedisCluster(t, 3)
	var used atomic.Int32
	t.Run("suite", func(t *testing.T) {
		bustest.Exercise(t, func(t *testing.T, hA, hB bus.Handler) (a, b bus.Bus) {
			prefix := fmt.Sprintf("gim%d", used.Add(1)) // so that the cases share the cluster and nothing else
			return connected(t, cluster.URL(), prefix, hA), connected(t, cluster.URL(), prefix, hB)
		})
	})
}
