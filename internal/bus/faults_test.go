package bus_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/bus"
	"github.com/gim-im/gim/internal/bus/bustest"
	"github.com/gim-im/gim/internal/testserver"
	"github.com/gim-im/gim/wire"
)

// node is a bus and what it has heard.
type node struct {
	*bus.Redis
	heard *bustest.Recorder
}

func newNode(t *testing.T, url string) node {
	t.Helper()
	return newNodeWith(t, bus.Options{URL: url})
}

func newNodeWith(t *testing.T, o bus.Options) node {
	t.Helper()
	n := node{heard: bustest.NewRecorder()}
	o.Handler = n.heard.Handle
	n.Redis = startWith(t, o)
	return n
}

func (n node) subscribe(t *testing.T, topic wire.Topic) {
	t.Helper()
	hangGuard(t, func() {
		if err := n.Subscribe(t.Context(), topic); err != nil {
			t.Error(err)
		}
	})
}

func (n node) send(t *testing.T, topic wire.Topic, seq int64) {
	t.Helper()
	hangGuard(t, func() { n.Publish([]domain.Delivery{bustest.Delivery(topic, seq)}) })
}

// waitGap waits for one gap of topic more than before.
func (n node) waitGap(t *testing.T, topic wire.Topic, before int) {
	t.Helper()
	n.heard.Until(t, func() bool { return n.heard.Gaps(topic) > before })
}

// flows sends until something arrives: after a fault, the nodes find back at
// different times. What was sent into the fault may arrive as well.
func flows(t *testing.T, from, to node, topic wire.Topic) {
	t.Helper()
	eventually(t, "both nodes are healthy", func() bool { return from.Healthy() && to.Healthy() })
	var last atomic.Int64
	last.Store(time.Now().UnixNano()) // above all that the test has sent itself
	start := last.Load()
	eventually(t, "an event arrives", func() bool {
		from.send(t, topic, last.Add(1))
		for _, e := range to.heard.Of(topic) {
			if e.Seq > start {
				return true
			}
		}
		return false
	})
}

// hangGuard fails the test when something that never waits for Redis hangs.
func hangGuard(t *testing.T, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); do() }() // ends with do
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("hangs")
	}
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not come to this: %s", what)
		}
	}
}

func healthy(t *testing.T, nodes ...node) {
	t.Helper()
	for _, n := range nodes {
		eventually(t, "the bus is healthy", n.Healthy)
		n.waitGap(t, wire.Topic{}, 0) // said with a gap, which later ones are told from
	}
}

var topic = wire.Topic{App: 1, User: 1}

// outage holds for any way in which Redis goes away for both nodes.
func outage(t *testing.T, server *testserver.RedisServer, begin, end func()) {
	a, b := newNode(t, server.URL()), newNode(t, server.URL())
	healthy(t, a, b)
	b.subscribe(t, topic)
	a.send(t, topic, 1)
	b.heard.Wait(t, topic, 1)

	before := b.heard.Gaps(topic)
	begin()
	for i := range 100 {
		a.send(t, topic, int64(i+2))
	}
	eventually(t, "the bus knows that it is cut off", func() bool { return !a.Healthy() && !b.Healthy() })
	late := wire.Topic{App: 1, User: 2}
	b.subscribe(t, late) // returns, though nobody confirms it
	a.send(t, topic, 200)

	end()
	b.waitGap(t, topic, before)
	b.waitGap(t, late, before)
	flows(t, a, b, topic)
	flows(t, a, b, late)
}

func TestRedis_KilledAndRestartedServerIsAGap(t *testing.T) {
	t.Parallel()
	server := testserver.NewRedis(t)
	outage(t, server, server.Kill, server.Restart)
}

func TestRedis_StalledServerIsAGap(t *testing.T) {
	t.Parallel()
	server := testserver.NewRedis(t)
	outage(t, server, server.Pause, server.Resume)
}

func TestRedis_FlushedServerGoesOn(t *testing.T) {
	t.Parallel()
	server := testserver.NewRedis(t)
	a, b := newNode(t, server.URL()), newNode(t, server.URL())
	healthy(t, a, b)
	b.subscribe(t, topic)
	server.FlushAll()
	a.send(t, topic, 1)
	b.heard.Wait(t, topic, 1)
}

func TestRedis_StartsWhileServerIsDown(t *testing.T) {
	t.Parallel()
	server := testserver.NewRedis(t)
	server.Kill()
	a, b := newNode(t, server.URL()), newNode(t, server.URL())
	b.subscribe(t, topic)
	a.subscribe(t, topic)
	a.send(t, topic, 1)
	a.heard.Wait(t, topic, 1) // on its own node it arrives

	server.Restart()
	b.waitGap(t, topic, 0)
	flows(t, a, b, topic)
}

func TestRedis_BrokenConnectionOfASubscriberIsAGapForItAlone(t *testing.T) {
	t.Parallel()
	server := testserver.NewRedis(t)
	proxy := testserver.NewProxy(t, server.Addr())
	a, b := newNode(t, server.URL()), newNode(t, "redis://"+proxy.Addr())
	healthy(t, a, b)
	b.subscribe(t, topic)
	before := b.heard.Gaps(topic)
	proxy.Reset()
	b.waitGap(t, topic, before)
	flows(t, a, b, topic)
	if n := a.heard.Gaps(wire.Topic{}); n != 1 {
		t.Errorf("the other node heard %d gaps, want that of its start only", n)
	}
}

func TestRedis_HalfOpenConnectionIsAGap(t *testing.T) {
	t.Parallel()
	server := testserver.NewRedis(t)
	proxy := testserver.NewProxy(t, server.Addr())
	a, b := newNode(t, server.URL()), newNode(t, "redis://"+proxy.Addr())
	healthy(t, a, b)
	b.subscribe(t, topic)
	before := b.heard.Gaps(topic)
	proxy.Blackhole()
	eventually(t, "the silence is noticed", func() bool { return !b.Healthy() })
	proxy.Heal()
	b.waitGap(t, topic, before)
	flows(t, a, b, topic)
}

func TestRedis_WhatAPublisherCouldNotSendIsAGapForOthers(t *testing.T) {
	t.Parallel()
	server := testserver.NewRedis(t)
	proxy := testserver.NewProxy(t, server.Addr())
	dropped := &counter{}
	a := newNodeWith(t, bus.Options{URL: "redis://" + proxy.Addr(), Metrics: bus.Metrics{Dropped: dropped}})
	b := newNode(t, server.URL())
	healthy(t, a, b)
	b.subscribe(t, topic)
	before := b.heard.Gaps(topic)
	proxy.Down()
	a.send(t, topic, 1)
	eventually(t, "the publisher has tried", func() bool { return dropped.value() == 1 })
	proxy.Heal()
	b.waitGap(t, topic, before) // b itself was connected all the time
	flows(t, a, b, topic)
}

func TestRedis_WhatWasPublishedBeforeTheFirstConnectionIsAGapForOthers(t *testing.T) {
	t.Parallel()
	server := testserver.NewRedis(t)
	proxy := testserver.NewProxy(t, server.Addr())
	proxy.Down()
	a, b := newNode(t, "redis://"+proxy.Addr()), newNode(t, server.URL())
	healthy(t, b)
	b.subscribe(t, topic)
	before := b.heard.Gaps(topic)
	a.send(t, topic, 1)
	proxy.Heal()
	b.waitGap(t, topic, before)
}

func TestRedis_FullQueueIsAGapForOthers(t *testing.T) {
	t.Parallel()
	server := testserver.NewRedis(t)
	dropped := &counter{}
	a := newNodeWith(t, bus.Options{URL: server.URL(), QueueBytes: 1, Metrics: bus.Metrics{Dropped: dropped}})
	b := newNode(t, server.URL())
	healthy(t, a, b)
	b.subscribe(t, topic)
	before := b.heard.Gaps(topic)
	a.send(t, topic, 1)
	b.waitGap(t, topic, before)
	if n := dropped.value(); n != 1 {
		t.Errorf("counted %d dropped events, want 1", n)
	}
	if n := len(b.heard.Of(topic)); n != 0 {
		t.Errorf("%d events came through a queue without room", n)
	}
}

func TestRedis_SlowConfirmationIsFollowedByAGap(t *testing.T) {
	t.Parallel()
	server := testserver.NewRedis(t)
	proxy := testserver.NewProxy(t, server.Addr())
	b := newNode(t, "redis://"+proxy.Addr())
	healthy(t, b)
	proxy.Delay(600 * time.Millisecond) // both ways: more than Subscribe waits, less than a stall
	before := b.heard.Gaps(topic)
	b.subscribe(t, topic)
	b.waitGap(t, topic, before)
	if n := b.heard.Gaps(wire.Topic{}); n != 1 {
		t.Errorf("%d gaps for all; the connection should have stood", n)
	}
}

func TestRedis_GarbageIsCountedAndIgnored(t *testing.T) {
	t.Parallel()
	server := testserver.NewRedis(t)
	garbage := &counter{}
	a := newNode(t, server.URL())
	b := newNodeWith(t, bus.Options{URL: server.URL(), Metrics: bus.Metrics{Garbage: garbage}})
	healthy(t, a, b)
	b.subscribe(t, topic)

	stranger := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer stranger.Close()
	payloads := []string{"", "x", "\x01", "\x01strangerX", "\x01stranger\x01", "\x01stranger\x01\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x01stranger\x02\x01\x05ab", "\x01stranger\x01\x01\x00\x00\x00\x00not protobuf"}
	for _, channel := range []string{"gim:u:1:1", "gim:gap"} {
		for _, payload := range payloads {
			if n, err := stranger.Publish(t.Context(), channel, payload).Result(); n == 0 || err != nil {
				t.Fatalf("publish to %s: %d listeners, %v", channel, n, err)
			}
		}
	}
	stranger.Publish(t.Context(), "gim:gap", "\x01stranger\x02\x01\x00") // a session of nobody
	a.send(t, topic, 1)
	b.heard.Wait(t, topic, 1)
	eventually(t, "all is counted", func() bool { return garbage.value() == int64(2*len(payloads)+1) })
	if n := b.heard.Gaps(topic); n != 1 {
		t.Errorf("%d gaps, want that of the start only: the connection should have stood", n)
	}
}

func TestRedis_LastEventsBeforeTheEndAreSent(t *testing.T) {
	t.Parallel()
	server := testserver.NewRedis(t)
	b := newNode(t, server.URL())
	healthy(t, b)
	b.subscribe(t, topic)
	t.Run("node that ends", func(t *testing.T) {
		a := newNode(t, server.URL())
		healthy(t, a)
		for i := range 1000 {
			a.send(t, topic, int64(i+1))
		}
	})
	b.heard.Wait(t, topic, 1000)
}

// counter is a bus.Counter.
type counter struct{ n atomic.Int64 }

func (c *counter) Add(n float64) { c.n.Add(int64(n)) }
func (c *counter) value() int64  { return c.n.Load() }
