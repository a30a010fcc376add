package bus

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/redisconn"
	"github.com/gim-im/gim/wire"
)

const (
	// One pipeline has at most this many bytes of payload and commands, so that
	// the server answers well before the timeout.
	maxPipelineBytes = 1 << 20
	maxPipeline      = 2000

	// lastFlushTimeout bounds what is still tried when Run ends.
	lastFlushTimeout = time.Second
)

// publisher writes the events of one partition to Redis. Its run is the one
// goroutine that does, so their order is kept.
type publisher struct {
	node      nodeID
	logger    *slog.Logger
	metrics   Metrics
	client    redis.UniversalClient
	channels  channels
	partition int
	queue     queue
	lost      lostTopics
	wake      chan struct{} // capacity 1: there is something to do

	// Of run.
	current *outgoing // begun, not finished
	buf     []byte    // payloads of one pipeline
	failing bool      // so that an outage is logged once
}

// enqueue hands o over. It does not wait: when there is no room, the topics are
// told a gap later.
func (p *publisher) enqueue(o *outgoing) {
	if !p.queue.put(o) {
		topics := o.topics()
		p.lost.add(topics...)
		count(p.metrics.Dropped, len(topics))
	}
	p.signal()
}

func (p *publisher) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run publishes until ctx ends, and then what is left, without trying again.
func (p *publisher) run(ctx context.Context) {
	finish := context.WithoutCancel(ctx) // a pipeline under way is not given up
	var wait redisconn.Backoff
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(finish, lastFlushTimeout)
			defer cancel()
			_ = p.publish(last, last.Done()) // who misses it reads the store
			return
		case <-p.wake:
		}
		for err := p.publish(finish, ctx.Done()); err != nil && ctx.Err() == nil; err = p.publish(finish, ctx.Done()) {
			p.failed(err)
			wait.Sleep(ctx)
		}
		wait.Reset()
		p.recovered(ctx)
	}
}

func (p *publisher) failed(err error) {
	if !p.failing {
		p.logger.Warn("bus cannot publish", "error", err)
	}
	p.failing = true
}

func (p *publisher) recovered(ctx context.Context) {
	if p.failing && ctx.Err() == nil {
		p.logger.Info("bus publishes again")
		p.failing = false
	}
}

// publish writes gaps that are owed and then the queue, until both are empty or
// stop is closed. When nothing of a pipeline could be written it gives up with the
// error, and the rest of the queue waits; what was in that pipeline is not tried
// again, because the server may have it, and messages that are not stored would
// be seen twice.
func (p *publisher) publish(ctx context.Context, stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		b := p.gaps(ctx)
		if b == nil {
			b = p.next(ctx)
		}
		if b == nil {
			return nil
		}
		if err := p.write(ctx, b); err != nil {
			return err
		}
	}
}

// batch is one pipeline and whom its commands are for.
type batch struct {
	pipe   redis.Pipeliner
	topics []wire.Topic
	isGap  bool
}

// gaps makes a batch of the gaps that are owed, or nil.
func (p *publisher) gaps(ctx context.Context) *batch {
	topics := p.lost.take()
	if len(topics) > maxPipeline {
		p.lost.add(topics[maxPipeline:]...)
		topics = topics[:maxPipeline]
	}
	if len(topics) == 0 {
		return nil
	}
	b := &batch{pipe: p.client.Pipeline(), topics: topics, isGap: true}
	payload := appendPayload(nil, p.node, &wire.Event{Kind: wire.EventGap})
	for _, t := range topics {
		p.add(ctx, b, t, payload)
	}
	return b
}

// next makes a batch of the head of the queue, or nil.
func (p *publisher) next(ctx context.Context) *batch {
	var b *batch
	p.buf = p.buf[:0]
	for len(p.buf) < maxPipelineBytes && (b == nil || len(b.topics) < maxPipeline) {
		if p.current == nil {
			if p.current = p.queue.pop(); p.current == nil {
				break
			}
		}
		e, ok := p.current.take()
		if !ok {
			p.current = nil
			continue
		}
		if b == nil {
			b = &batch{pipe: p.client.Pipeline()}
		}
		start := len(p.buf)
		// When this moves the buffer, earlier payloads stay where they are.
		p.buf = appendPayload(p.buf, p.node, &e)
		b.topics = append(b.topics, e.Topic)
		p.add(ctx, b, e.Topic, p.buf[start:len(p.buf):len(p.buf)])
	}
	return b
}

func (p *publisher) add(ctx context.Context, b *batch, t wire.Topic, payload []byte) {
	channel := ""
	if t == (wire.Topic{}) {
		channel = p.channels.control(p.partition)
	} else {
		channel = p.channels.topic(t)
	}
	if p.channels.sharded {
		b.pipe.SPublish(ctx, channel, payload)
		return
	}
	b.pipe.Publish(ctx, channel, payload)
}

// write sends a batch. Commands that failed leave their topics in p.lost; the
// error is that of a batch that failed altogether, or for which a gap failed:
// it has to be tried again, after a while.
func (p *publisher) write(ctx context.Context, b *batch) error {
	ctx, cancel := context.WithTimeout(ctx, redisconn.IOTimeout)
	defer cancel()
	commands, err := b.pipe.Exec(ctx)
	failed := 0
	for i, c := range commands {
		if c.Err() != nil {
			p.lost.add(b.topics[i])
			failed++
		}
	}
	if !b.isGap {
		count(p.metrics.Published, len(b.topics)-failed)
		count(p.metrics.Dropped, failed)
	}
	if failed == len(b.topics) || b.isGap && failed > 0 {
		return domain.Trace(errors.Join(errNotPublished, err))
	}
	return nil
}

var errNotPublished = errors.New("publish to Redis")
