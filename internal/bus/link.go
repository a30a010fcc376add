package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/redisconn"
	"github.com/gim-im/gim/wire"
)

const (
	// A server that stalls is noticed after the sum of these.
	pingInterval = time.Second
	pongTimeout  = 2 * time.Second
	watchTick    = pingInterval / 4

	// maxFlight is the most topics that one command names: some 100 KiB.
	maxFlight = 2000
)

var (
	errStalled = errors.New("redis does not answer")
	errMoved   = errors.New("redis ended a subscription: its hash slot has moved")
)

// link is one subscribing connection, made again whenever it breaks. It holds
// the topics of one partition.
type link struct {
	logger    *slog.Logger
	metrics   Metrics
	node      nodeID
	handle    Handler
	channels  channels
	partition int
	topics    *topics
	open      func(ctx context.Context) *redis.PubSub // without connecting
	onUp      func()                                  // all topics are confirmed
	onDown    func()                                  // after onUp: events may be lost from now
	onFailed  func(ctx context.Context)               // before each new attempt

	up    bool         // of run
	heard atomic.Int64 // when something came last, in nanoseconds since start
	start time.Time
}

// run keeps the connection up until ctx ends.
func (l *link) run(ctx context.Context) {
	var wait redisconn.Backoff
	for outage := false; ; outage = true {
		l.topics.reset()
		err := l.session(ctx)
		if l.up {
			l.up, outage = false, false
			wait.Reset()
			l.onDown()
		}
		if ctx.Err() != nil {
			return
		}
		if !outage { // once, not at every attempt
			l.logger.Warn("bus has no connection", "partition", l.partition, "error", err)
		}
		wait.Sleep(ctx)
		l.onFailed(ctx)
	}
}

// session is the life of one connection. It returns why it ended.
func (l *link) session(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	pubsub := l.open(ctx)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer pubsub.Close() // ends the reader
	defer cancel()       // before that: ends what the library is dialling behind our back

	// The first command makes the connection, and on a cluster its channel
	// decides to which server; so it comes before the reader starts.
	first := l.topics.depart(maxFlight)
	if err := l.send(ctx, pubsub, first, l.channels.control(l.partition)); err != nil {
		return domain.Trace(err)
	}
	l.heard.Store(int64(l.now()))
	pongs := make(chan struct{}, 1) // never more than one is awaited
	ended := make(chan error, 1)
	reading.Go(func() { ended <- l.read(ctx, pubsub, pongs) })
	return l.control(ctx, pubsub, first, pongs, ended)
}

// control sends the changes of subscriptions, and watches that the server
// answers. There is at most one flight under way; an idle connection sends
// empty ones.
func (l *link) control(ctx context.Context, pubsub *redis.PubSub, f *flight, pongs <-chan struct{}, ended <-chan error) error {
	tick := time.NewTicker(watchTick)
	defer tick.Stop()
	sent := l.now()
	for {
		changes := l.topics.wake
		if f != nil {
			changes = nil // they wait for their turn
		}
		next := (*flight)(nil)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-ended:
			return err
		case <-pongs:
			if f != nil {
				l.arrived(f)
				f = nil
			}
		case <-changes:
			next = l.topics.depart(maxFlight)
		case <-tick.C:
			switch now := l.now(); {
			case f != nil && now-max(sent, time.Duration(l.heard.Load())) > pongTimeout:
				return errStalled
			case f == nil && now-sent >= pingInterval:
				next = l.topics.depart(maxFlight)
			}
		}
		if next == nil {
			continue
		}
		f, sent = next, l.now()
		if err := l.send(ctx, pubsub, f); err != nil {
			return domain.Trace(err)
		}
	}
}

// openPubSub returns a subscribing connection that is not made yet.
func openPubSub(ctx context.Context, client redis.UniversalClient, sharded bool) *redis.PubSub {
	if sharded {
		return client.SSubscribe(ctx)
	}
	return client.Subscribe(ctx)
}

func (l *link) now() time.Duration { return time.Since(l.start) }

// send writes the commands of f, and a PING: its answer confirms them all.
func (l *link) send(ctx context.Context, pubsub *redis.PubSub, f *flight, more ...string) error {
	subscribe, unsubscribe := pubsub.Subscribe, pubsub.Unsubscribe
	if l.channels.sharded {
		subscribe, unsubscribe = pubsub.SSubscribe, pubsub.SUnsubscribe
	}
	if names := append(more, names(f.joining)...); len(names) > 0 {
		if err := subscribe(ctx, names...); err != nil {
			return err
		}
	}
	if names := names(f.leaving); len(names) > 0 { // without a name it would be all
		if err := unsubscribe(ctx, names...); err != nil {
			return err
		}
	}
	return pubsub.Ping(ctx)
}

func names(subscriptions []*subscription) []string {
	names := make([]string, len(subscriptions))
	for i, s := range subscriptions {
		names[i] = s.channel
	}
	return names
}

// arrived passes on what a confirmed flight means for listeners.
func (l *link) arrived(f *flight) {
	gaps, synced := l.topics.arrive(f)
	if synced {
		l.up = true
		l.onUp()
	}
	for _, t := range gaps {
		l.handle(&wire.Event{Kind: wire.EventGap, Topic: t})
	}
}

// read takes what comes until the connection ends or says something that it
// should not. What others publish must not be able to end the program.
func (l *link) read(ctx context.Context, pubsub *redis.PubSub, pongs chan<- struct{}) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("reading from the bus: panic: %v\n%s", cause, debug.Stack())
		}
	}()
	var d decoder
	for {
		received, err := pubsub.Receive(ctx)
		if err != nil { // an error reply too: a subscription that was refused
			return domain.Trace(err)
		}
		l.heard.Store(int64(l.now()))
		switch r := received.(type) {
		case *redis.Message:
			l.message(&d, r)
		case *redis.Pong:
			select {
			case pongs <- struct{}{}:
			default:
			}
		case *redis.Subscription:
			if l.isTakenAway(r) {
				return errMoved
			}
		}
	}
}

// isTakenAway reports whether r says that the server has ended a subscription
// that we want to keep.
func (l *link) isTakenAway(r *redis.Subscription) bool {
	if r.Kind != "sunsubscribe" {
		return false
	}
	if r.Channel == l.channels.control(l.partition) {
		return true
	}
	_, wanted := l.topics.lookup(r.Channel)
	return wanted && !l.topics.isLeaving(r.Channel)
}

// message gives one message to the handler, unless it is our own.
func (l *link) message(d *decoder, m *redis.Message) {
	if isEcho(m.Payload, l.node) {
		return
	}
	topic, wanted := l.topics.lookup(m.Channel)
	isControl := !wanted && m.Channel == l.channels.control(l.partition)
	if !wanted && !isControl {
		return // on its way when we left
	}
	e, err := d.decode(m.Payload, topic)
	if err != nil || isControl && e.Kind != wire.EventGap {
		count(l.metrics.Garbage, 1)
		return
	}
	count(l.metrics.Received, 1)
	l.handle(e)
}
