// Package bus carries events from the node where a send commits to the nodes
// that listen to a topic, which is one user of one app.
//
// The bus is a hint, the user's log is the truth: an event may be lost, late or
// doubled. What the bus does guarantee:
//
//   - Events of one topic that were published by one goroutine arrive in that
//     order, apart from those that are lost.
//   - When events of a topic may have been lost, its listeners are told by a
//     wire.EventGap, or by one with the zero topic, which means all topics. It
//     comes when the bus works again; until then Healthy is false on the nodes
//     that are cut off.
//   - Publishing never waits for the network and never fails.
//
// There are two implementations: [Memory] for a single node, and [Redis]. All
// their methods may be called concurrently.
package bus

import (
	"context"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// Handler is called for every event of the topics that are subscribed to, and
// for gaps. It runs on the goroutine that publishes or receives, must not block
// and may be called concurrently. An event under way when its topic is
// unsubscribed may still arrive.
type Handler func(*wire.Event)

// Bus is what both implementations do. It has more methods than an interface
// should because it is not for consumers, who declare the part that they call,
// but for the composition root and the conformance suite.
type Bus interface {
	// Publish hands deliveries to the listeners of their recipients, on all nodes.
	domain.Publisher
	domain.SignalPublisher

	// PublishEvents does the same with finished events, which must have a topic
	// and are not changed afterwards.
	PublishEvents(events []*wire.Event)

	// Subscribe makes events of t arrive. Subscriptions are counted: each needs
	// an Unsubscribe. It returns when the subscription is in force. Where that is
	// not to be had within a second, because the bus is down or slow, it returns
	// nil as well, and a gap follows once it is in force. The only error is that
	// of ctx, and then nothing is held.
	Subscribe(ctx context.Context, t wire.Topic) error

	// Unsubscribe takes back one Subscribe. It does not wait.
	Unsubscribe(t wire.Topic)

	// Healthy reports whether events arrive. While it is false they may be lost,
	// so listeners look into the store from time to time.
	Healthy() bool

	// Run does the work until ctx ends and returns when all goroutines are gone.
	// It is called once; before it, events reach only this node.
	Run(ctx context.Context) error
}

// Counter counts; a prometheus.Counter is one.
type Counter interface{ Add(float64) }

// Gauge shows a value; a prometheus.Gauge is one.
type Gauge interface{ Set(float64) }

// Metrics are the instruments of a [Redis] bus. Those that are nil are not kept.
type Metrics struct {
	Published  Counter // events written to Redis
	Dropped    Counter // events that could not be: their topics are told a gap later
	Received   Counter // events of other nodes given to the handler
	Garbage    Counter // payloads that could not be read
	Reconnects Counter // subscribing connections made anew after a loss
	Up         Gauge   // 1 while Healthy is true
}

func count(c Counter, n int) {
	if c != nil && n > 0 {
		c.Add(float64(n))
	}
}

func set(g Gauge, on bool) {
	switch {
	case g == nil:
	case on:
		g.Set(1)
	default:
		g.Set(0)
	}
}
