package occupancy_test

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/occupancy"
	"github.com/gim-im/gim/internal/testserver"
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }

// fakeNode is a node whose counts the test sets.
type fakeNode struct {
	mu    sync.Mutex
	rooms map[domain.Room]int
}

func (f *fakeNode) set(room domain.Room, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rooms == nil {
		f.rooms = make(map[domain.Room]int)
	}
	f.rooms[room] = n
	if n == 0 {
		delete(f.rooms, room)
	}
}

func (f *fakeNode) Rooms() map[domain.Room]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	rooms := make(map[domain.Room]int)
	for room, n := range f.rooms {
		rooms[room] = n
	}
	return rooms
}

func (f *fakeNode) Connections(_ context.Context, app domain.AppNum, group domain.ConversationNum) (int, error) {
	return f.Rooms()[domain.Room{App: app, Group: group}], nil
}

// clock is one that the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func start(t *testing.T, url string, node *fakeNode, c *clock) (r *occupancy.Redis, stop func()) {
	t.Helper()
	r, err := occupancy.New(occupancy.Options{
		Node: node, URL: url, Logger: slog.New(slog.DiscardHandler), Clock: c, Interval: 20 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = r.Run(ctx)
	}()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); <-done }) }
	t.Cleanup(stop)
	return r, stop
}

// want waits until r counts so many.
func want(t *testing.T, r *occupancy.Redis, room domain.Room, n int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got, err := r.Connections(t.Context(), room.App, room.Group)
		if err == nil && got == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d connections, %v; want %d", got, err, n)
		}
	}
}

func TestConnections_AreThoseOfAllNodes(t *testing.T) {
	t.Parallel()
	url := testserver.NewRedis(t).URL()
	room, other := domain.Room{App: 1, Group: 7}, domain.Room{App: 2, Group: 7}
	c := &clock{now: time.Now()}
	var nodeA, nodeB fakeNode
	a, _ := start(t, url, &nodeA, c)
	b, stopB := start(t, url, &nodeB, c)
	want(t, a, room, 0)
	nodeA.set(room, 2)
	nodeB.set(room, 3)
	nodeB.set(other, 9)
	want(t, a, room, 5)
	want(t, b, room, 5)
	want(t, a, other, 9)
	nodeA.set(room, 0)
	want(t, b, room, 3)
	stopB()
	want(t, a, room, 0)
}

// A node that is killed takes nothing back.
func TestConnections_OfANodeThatDiedAreForgotten(t *testing.T) {
	t.Parallel()
	server := testserver.NewRedis(t)
	room := domain.Room{App: 1, Group: 7}
	var living, dead fakeNode
	dead.set(room, 3)
	c, late := &clock{now: time.Now()}, &clock{now: time.Now().Add(-time.Hour)} // so that what it writes is long over
	a, _ := start(t, server.URL(), &living, c)
	start(t, server.URL(), &dead, late)
	living.set(room, 1)
	want(t, a, room, 1)
	late.add(2 * time.Hour)
	want(t, a, room, 4)
	c.add(3 * time.Hour)
	want(t, a, room, 1)
}

func TestConnections_AreNotKnownWithoutRedis(t *testing.T) {
	t.Parallel()
	server := testserver.NewRedis(t)
	room := domain.Room{App: 1, Group: 7}
	var node fakeNode
	r, _ := start(t, server.URL(), &node, &clock{now: time.Now()})
	want(t, r, room, 0)
	server.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := r.Connections(ctx, room.App, room.Group); domain.CodeOf(err) != domain.CodeUnavailable {
		t.Errorf("without Redis: %v", err)
	}
	server.Restart()
	node.set(room, 1)
	want(t, r, room, 1)
}

func TestNew_ChecksItsOptions(t *testing.T) {
	t.Parallel()
	if _, err := occupancy.New(occupancy.Options{URL: "redis://127.0.0.1:1"}); err == nil {
		t.Error("accepts options without a node")
	}
	if _, err := occupancy.New(occupancy.Options{Node: &fakeNode{}, Logger: slog.New(slog.DiscardHandler), URL: "http://x"}); err == nil {
		t.Error("accepts a URL that is not Redis")
	}
}
