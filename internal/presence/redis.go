package presence

import (
	"context"
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
)

var _ Presence = (*Redis)(nil)

const (
	defaultPrefix = "gim"
	defaultTTL    = 20 * time.Second
	// flushTimeout bounds what is still written when a node ends.
	flushTimeout = time.Second
)

// RedisOptions configure a [Redis] presence.
type RedisOptions struct {
	Options

	// URL says where Redis is, see [redisconn.Parse].
	URL string

	// Prefix begins the names of all keys; "" means "gim". Several installations of
	// gim in one database of a server need a prefix each. It must not hold braces.
	Prefix string

	// TTL is how long the lease of a node lasts; 0 means 20 s. A node beats four
	// times as often, so the sessions of one that dies are gone at the end of TTL at
	// the latest, and what it was heard to say last is known for half of TTL when
	// Redis is away.
	TTL time.Duration
}

// Redis is the presence of several nodes. Users are divided over the partitions of
// [redisconn.Partition], which have nothing to do with one another: a server of a
// Redis Cluster that is away makes the presence of its users unknown, and of no
// others.
type Redis struct {
	opts      RedisOptions
	server    *redisconn.Server
	client    atomic.Pointer[redis.UniversalClient] // nil until it is known what Redis is
	parts     [redisconn.Partitions]*partition
	sightings *sightings
	down      atomic.Int32 // partitions of which nothing is known
}

// NewRedis returns a presence that connects in Run. Redis need not be reachable then.
func NewRedis(o RedisOptions) (*Redis, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	if strings.ContainsAny(o.Prefix, "{}") {
		return nil, errors.New("presence: Prefix must not hold braces")
	}
	server, err := redisconn.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("presence: %w", err)
	}
	if o.Prefix == "" {
		o.Prefix = defaultPrefix
	}
	if o.TTL == 0 {
		o.TTL = defaultTTL
	}
	r := &Redis{opts: o, server: server, sightings: newSightings(o.Options)}
	for i := range r.parts {
		r.parts[i] = newPartition(r, i)
	}
	r.down.Store(redisconn.Partitions)
	set(o.Metrics.Up, 0)
	return r, nil
}

// Enter implements [Presence].
func (r *Redis) Enter(s domain.OnlineSession) {
	p := r.parts[partitionOf(userOf(s))]
	if p.enter(s) {
		add(r.opts.Metrics.Sessions, 1)
		r.sightings.note(s, s.Since)
		p.tellNode(s)
	}
}

// Leave implements [Presence].
func (r *Redis) Leave(s domain.OnlineSession, seen time.Time) {
	p := r.parts[partitionOf(userOf(s))]
	if p.leave(s, seen) {
		add(r.opts.Metrics.Sessions, -1)
		r.sightings.note(s, seen)
		p.tellNode(s)
	}
}

// Flush implements [Presence].
func (r *Redis) Flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	for _, p := range r.parts {
		select {
		case <-p.settled():
		case <-ctx.Done():
			return
		}
	}
}

// Run implements [Presence]. It returns nil.
func (r *Redis) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { r.sightings.run(ctx) })
	client := r.connect(ctx)
	if client == nil {
		return nil
	}
	r.client.Store(&client)
	defer client.Close() // nothing uses it any more, but for questions that come too late
	var parts sync.WaitGroup
	for _, p := range r.parts {
		parts.Go(func() { p.run(ctx, client) })
	}
	parts.Wait()
	return nil
}

// connect finds out what Redis is, as soon as it can be reached. It returns nil
// when ctx ends before.
func (r *Redis) connect(ctx context.Context) redis.UniversalClient {
	var wait redisconn.Backoff
	for failed := false; ctx.Err() == nil; failed = true {
		client, _, err := r.server.Connect(ctx)
		if err == nil {
			return client
		}
		if !failed && ctx.Err() == nil {
			r.opts.Logger.Warn("presence has no connection", slog.Any("err", err))
		}
		wait.Sleep(ctx)
	}
	return nil
}

// partitionIs notes that it has become known who is online in a partition, or no
// longer is.
func (r *Redis) partitionIs(known bool, err error) {
	switch {
	case known && r.down.Add(-1) == 0:
		set(r.opts.Metrics.Up, 1)
		r.opts.Logger.Info("presence is known")
	case !known && r.down.Add(1) == 1:
		set(r.opts.Metrics.Up, 0)
		r.opts.Logger.Warn("presence is not known: redis does not answer", slog.Any("err", err))
	}
}
