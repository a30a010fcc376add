package bus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/redisconn"
	"github.com/gim-im/gim/wire"
)

var _ Bus = (*Redis)(nil)

const (
	defaultPrefix     = "gim"
	defaultQueueBytes = 8 << 20
	minQueueBytes     = 1 << 20

	// subscribeTimeout is how long Subscribe waits for the server.
	subscribeTimeout = time.Second
)

// Options configure a [Redis] bus.
type Options struct {
	// URL says where Redis is, see [redisconn.Parse].
	URL string

	// Prefix begins the names of all channels; "" means "gim". Databases of a
	// Redis server share their channels, so several installations of gim on one
	// server need a prefix each. It must not hold braces.
	Prefix string

	// QueueBytes bounds what waits to be written to Redis; 0 means 8 MiB. On a
	// cluster it is divided over 16 queues of at least 1 MiB.
	QueueBytes int

	Handler Handler      // must be set; not called before Subscribe or Run
	Logger  *slog.Logger // must be set
	Metrics Metrics
}

// Redis is the bus of several nodes. Listeners on the node that publishes are
// called at once, those on other nodes by way of Redis publish and subscribe.
// An outage of Redis costs the others latency, and nothing else: they are told
// a gap when it is over.
type Redis struct {
	local   *Memory
	handle  Handler
	server  *redisconn.Server
	prefix  string
	bytes   int
	node    nodeID
	logger  *slog.Logger
	metrics Metrics

	// mu makes the step from local counts to subscriptions one, so that attach
	// misses none.
	mu       sync.Mutex
	early    bool // something was published before attach
	attached atomic.Pointer[attachment]
}

// attachment is what is made once it is known whether Redis is a cluster.
type attachment struct {
	client     redis.UniversalClient
	channels   channels
	links      []*link
	publishers []*publisher
	down       atomic.Int32 // links that are not up
}

// NewRedis returns a bus that connects in Run. Redis need not be reachable then.
func NewRedis(o Options) (*Redis, error) {
	if o.Handler == nil || o.Logger == nil {
		return nil, errors.New("bus: Handler and Logger must be set")
	}
	if strings.ContainsAny(o.Prefix, "{}") {
		return nil, errors.New("bus: Prefix must not hold braces")
	}
	server, err := redisconn.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	r := &Redis{
		local: NewMemory(o.Handler), handle: o.Handler, server: server,
		prefix: o.Prefix, bytes: o.QueueBytes, logger: o.Logger, metrics: o.Metrics,
	}
	if r.prefix == "" {
		r.prefix = defaultPrefix
	}
	if r.bytes == 0 {
		r.bytes = defaultQueueBytes
	}
	_, _ = rand.Read(r.node[:]) // never fails
	return r, nil
}

// Publish implements [Bus].
func (r *Redis) Publish(deliveries []domain.Delivery) {
	for i := range deliveries {
		d := &deliveries[i]
		body := wire.NewBody(d.Message)
		r.local.deliver(d, body)
		if a := r.attachment(); a != nil {
			a.enqueue(d, body)
		}
	}
}

// PublishSignal implements [Bus].
func (r *Redis) PublishSignal(s *domain.Signal) { r.PublishEvents(signalEvents(s)) }

// PublishEvents implements [Bus].
func (r *Redis) PublishEvents(events []*wire.Event) {
	r.local.PublishEvents(events)
	a := r.attachment()
	if a == nil {
		return
	}
	for _, e := range events {
		a.publishers[a.channels.partition(e.Topic)].enqueue(&outgoing{event: e})
	}
}

// attachment returns what there is to publish with, or takes note that it was
// missing, so that all are told a gap.
func (r *Redis) attachment() *attachment {
	if a := r.attached.Load(); a != nil {
		return a
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.attached.Load()
	r.early = r.early || a == nil
	return a
}

// enqueue hands d to the publishers of its recipients' partitions.
func (a *attachment) enqueue(d *domain.Delivery, body *wire.Body) {
	if len(a.publishers) == 1 {
		a.publishers[0].enqueue(&outgoing{delivery: *d, body: body})
		return
	}
	group := -1
	if d.Group != 0 {
		group = a.channels.partition(wire.GroupTopic(d.App, d.Group))
	}
	parts := make([][]domain.Recipient, len(a.publishers))
	for _, to := range d.To {
		p := a.channels.partition(wire.Topic{App: d.App, User: to.User})
		parts[p] = append(parts[p], to)
	}
	for p, to := range parts {
		if len(to) == 0 && p != group {
			continue
		}
		part := *d
		if part.To = to; p != group {
			part.Group = 0
		}
		a.publishers[p].enqueue(&outgoing{delivery: part, body: body})
	}
}

// Subscribe implements [Bus].
func (r *Redis) Subscribe(ctx context.Context, t wire.Topic) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.mu.Lock()
	r.local.add(t)
	a := r.attached.Load()
	if a == nil {
		r.mu.Unlock()
		return nil // everybody is told a gap when the connection is made
	}
	topics := a.links[a.channels.partition(t)].topics
	s, confirmed := topics.want(t, a.channels.topic(t))
	r.mu.Unlock()

	if !topics.isSynced() {
		topics.oweGap(s)
		return nil
	}
	timer := time.NewTimer(subscribeTimeout)
	defer timer.Stop()
	select {
	case <-confirmed:
	case <-timer.C:
		topics.oweGap(s)
	case <-ctx.Done():
		r.Unsubscribe(t)
		return ctx.Err()
	}
	return nil
}

// Unsubscribe implements [Bus].
func (r *Redis) Unsubscribe(t wire.Topic) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.local.remove(t) {
		return
	}
	if a := r.attached.Load(); a != nil {
		a.links[a.channels.partition(t)].topics.unwant(a.channels.topic(t))
	}
}

// Healthy implements [Bus].
func (r *Redis) Healthy() bool {
	a := r.attached.Load()
	return a != nil && a.down.Load() == 0
}

// Run implements [Bus]. It returns nil.
func (r *Redis) Run(ctx context.Context) error {
	set(r.metrics.Up, false)
	a := r.attach(ctx)
	if a == nil {
		return nil
	}
	var wg sync.WaitGroup
	for _, l := range a.links {
		wg.Go(func() { l.run(ctx) })
	}
	for _, p := range a.publishers {
		wg.Go(func() { p.run(ctx) })
	}
	wg.Wait()
	_ = a.client.Close() // nothing uses it any more
	return nil
}

// attach finds out what Redis is and makes what depends on that, as soon as it
// can be reached. It returns nil when ctx ends before.
func (r *Redis) attach(ctx context.Context) *attachment {
	var wait redisconn.Backoff
	for failed := false; ctx.Err() == nil; failed = true {
		client, isCluster, err := r.server.Connect(ctx)
		if err == nil {
			return r.attachTo(client, isCluster)
		}
		if !failed && ctx.Err() == nil {
			r.logger.Warn("bus has no connection", "error", err)
		}
		wait.Sleep(ctx)
	}
	return nil
}

func (r *Redis) attachTo(client redis.UniversalClient, isCluster bool) *attachment {
	a := &attachment{client: client, channels: channels{prefix: r.prefix, sharded: isCluster}}
	n := a.channels.count()
	a.down.Store(int32(n)) //nolint:gosec // 1 or 16
	for partition := range n {
		a.links = append(a.links, r.newLink(a, partition))
		a.publishers = append(a.publishers, r.newPublisher(a, partition))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.local.all() {
		a.links[a.channels.partition(t)].topics.want(t, a.channels.topic(t))
	}
	if r.early {
		for _, p := range a.publishers {
			p.lost.add(wire.Topic{})
			p.signal()
		}
	}
	r.attached.Store(a)
	return a
}

func (r *Redis) newLink(a *attachment, partition int) *link {
	return &link{
		logger: r.logger, metrics: r.metrics, node: r.node, handle: r.handle,
		channels: a.channels, partition: partition, topics: newTopics(), start: time.Now(),
		open: func(ctx context.Context) *redis.PubSub {
			return openPubSub(ctx, a.client, a.channels.sharded)
		},
		onUp: func() { r.linkUp(a) },
		onDown: func() {
			a.down.Add(1)
			set(r.metrics.Up, false)
			count(r.metrics.Reconnects, 1)
		},
		onFailed: func(ctx context.Context) { redisconn.Reload(ctx, a.client) },
	}
}

func (r *Redis) newPublisher(a *attachment, partition int) *publisher {
	return &publisher{
		node: r.node, logger: r.logger, metrics: r.metrics, client: a.client,
		channels: a.channels, partition: partition, wake: make(chan struct{}, 1),
		queue: queue{limit: max(r.bytes/a.channels.count(), min(r.bytes, minQueueBytes))},
	}
}

// linkUp tells everybody a gap when the last link is up again: until then
// listeners look into the store anyway.
func (r *Redis) linkUp(a *attachment) {
	if a.down.Add(-1) > 0 {
		return
	}
	set(r.metrics.Up, true)
	r.logger.Info("bus is connected")
	r.handle(&wire.Event{Kind: wire.EventGap})
}
