package trace_test

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/testserver"
	"github.com/gim-im/gim/internal/trace"
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }

// node is a recorder that others can ask.
type node struct {
	*trace.Recorder
	asks *trace.Redis
	stop func()
}

func start(t *testing.T, url string, mode trace.Mode, at *clock) *node {
	t.Helper()
	r := trace.New(mode, time.Hour, at)
	asks, err := trace.NewRedis(trace.Options{Recorder: r, URL: url, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { // ends with stop
		defer close(ended)
		if err := asks.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	n := &node{r, asks, func() { cancel(); <-ended }}
	t.Cleanup(n.stop)
	return n
}

// until asks until the answer is as wanted, for nodes connect when they like.
func (n *node) until(t *testing.T, m domain.PlacedMessage, known string, written int) domain.PushTimes {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		got := n.asks.PushTimes(t.Context(), app, m, []domain.UserNum{1, 2})
		if got.Known == known && got.Written == written {
			return got
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %+v, want %s with %d", got, known, written)
		}
		time.Sleep(10 * time.Millisecond) // not to be in the way of what it waits for
	}
}

func nodesTellOneAnother(t *testing.T, url string) {
	t.Helper()
	at := newClock()
	a, b := start(t, url, trace.All, at), start(t, url, trace.All, at)
	m := domain.PlacedMessage{Conversation: 5, Seq: 3, SentAt: at.add(time.Second)}
	a.Publisher(nobody{}).Publish(delivery(app, m))
	a.Connection(app, 1, "phone", "tcp").Note(m.Conversation, m.Seq, at.Now())
	b.Connection(app, 2, "web", "websocket").Note(m.Conversation, m.Seq, at.Now())
	for _, n := range []*node{a, b} {
		got := n.until(t, m, domain.PushTimesComplete, 2)
		if !got.Published.Equal(at.Now()) || len(got.Pushes) != 2 {
			t.Errorf("%+v", got)
		}
	}
	b.stop()
	a.until(t, m, domain.PushTimesComplete, 1) // of the nodes that run now
	late := start(t, url, trace.Off, at)
	a.until(t, m, domain.PushTimesPartial, 1)
	if got := late.asks.PushTimes(t.Context(), app, m, nil); got.Known != domain.PushTimesOff {
		t.Errorf("a node that keeps nothing: %+v", got)
	}
}

func TestRedis_NodesTellOneAnother(t *testing.T) {
	t.Parallel()
	nodesTellOneAnother(t, testserver.NewRedis(t).URL())
}

func TestRedis_NodesTellOneAnotherOverACluster(t *testing.T) {
	t.Parallel()
	nodesTellOneAnother(t, testserver.NewRedisCluster(t, 3).URL())
}

func TestRedis_AwayLeavesWhatTheNodeKnowsItself(t *testing.T) {
	t.Parallel()
	server := testserver.NewRedis(t)
	at := newClock()
	n := start(t, server.URL(), trace.All, at)
	m := domain.PlacedMessage{Conversation: 5, Seq: 3, SentAt: at.add(time.Second)}
	n.Connection(app, 1, "phone", "tcp").Note(m.Conversation, m.Seq, at.Now())
	n.until(t, m, domain.PushTimesComplete, 1)
	server.Pause()
	began := time.Now()
	if got := n.asks.PushTimes(t.Context(), app, m, nil); got.Known != domain.PushTimesPartial || got.Written != 1 {
		t.Errorf("while Redis hangs: %+v", got)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	server.Resume()
	n.until(t, m, domain.PushTimesComplete, 1)
	stranger := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer stranger.Close()
	if heard, err := stranger.Publish(t.Context(), "gim:{trace}:ask", "garbage").Result(); err != nil || heard != 1 {
		t.Fatalf("%d have heard it: %v", heard, err)
	}
	n.until(t, m, domain.PushTimesComplete, 1)
}
