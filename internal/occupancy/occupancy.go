// Package occupancy counts, over all nodes, the connections that follow large
// groups. Each node writes its own counts to Redis from time to time, with the
// moment at which they are no longer to be believed, so that those of a node that
// dies go by themselves.
package occupancy

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/redisconn"
)

var _ domain.Occupancy = (*Redis)(nil)

// Node is what this node knows by itself.
type Node interface {
	domain.Occupancy
	// Rooms returns the groups that connections of this node follow, with their number.
	Rooms() map[domain.Room]int
}

// Options configure a [Redis] occupancy. Node, URL and Logger are required.
type Options struct {
	Node   Node
	URL    string // of Redis, see [redisconn.Parse]
	Logger *slog.Logger
	Clock  domain.Clock // nil: the machine's; clocks of nodes may differ by some seconds

	Prefix   string        // of all keys; "" means "gim"
	Interval time.Duration // between two writings; 0 means 5 s. Counts are believed for four of them
}

// Redis counts over several nodes.
type Redis struct {
	o      Options
	server *redisconn.Server
	field  string                                // of this node, in all keys
	client atomic.Pointer[redis.UniversalClient] // nil until it is known what Redis is

	written map[domain.Room]struct{} // at the last time; of Run
	failing bool
}

// New returns an occupancy that connects in Run. Redis need not be reachable then.
func New(o Options) (*Redis, error) {
	if o.Node == nil || o.Logger == nil {
		return nil, errors.New("occupancy: Node and Logger are required")
	}
	server, err := redisconn.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("occupancy: %w", err)
	}
	if o.Clock == nil {
		o.Clock = domain.SystemClock{}
	}
	if o.Prefix == "" {
		o.Prefix = "gim"
	}
	if o.Interval == 0 {
		o.Interval = 5 * time.Second
	}
	return &Redis{o: o, server: server, field: rand.Text()}, nil
}

// Run writes the counts until ctx ends, and then takes them back. It returns nil.
func (r *Redis) Run(ctx context.Context) error {
	client := r.connect(ctx)
	if client == nil {
		return nil
	}
	defer client.Close() // nothing uses it any more, but for questions that come too late
	r.client.Store(&client)
	tick := time.NewTicker(r.o.Interval)
	defer tick.Stop()
	for {
		r.write(ctx, client, r.o.Node.Rooms())
		select {
		case <-tick.C:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			r.write(last, client, nil)
			return nil
		}
	}
}

func (r *Redis) connect(ctx context.Context) redis.UniversalClient {
	var wait redisconn.Backoff
	for ctx.Err() == nil {
		if client, _, err := r.server.Connect(ctx); err == nil {
			return client
		}
		wait.Sleep(ctx)
	}
	return nil
}

// write stores the counts of this node and removes those of groups that nobody here
// follows any more. What fails is written the next time.
func (r *Redis) write(ctx context.Context, client redis.UniversalClient, rooms map[domain.Room]int) {
	life := 4 * r.o.Interval
	until := strconv.FormatInt(r.o.Clock.Now().Add(life).UnixMilli(), 10)
	pipe := client.Pipeline()
	for room, n := range rooms {
		key := r.key(room)
		pipe.HSet(ctx, key, r.field, strconv.Itoa(n)+" "+until)
		pipe.PExpire(ctx, key, life)
	}
	for room := range r.written {
		if _, still := rooms[room]; !still {
			pipe.HDel(ctx, r.key(room), r.field)
		}
	}
	if pipe.Len() == 0 {
		return
	}
	_, err := pipe.Exec(ctx)
	if err != nil && !r.failing {
		r.o.Logger.Warn("occupancy cannot be written", slog.Any("err", err))
	}
	if r.failing = err != nil; r.failing {
		return
	}
	r.written = make(map[domain.Room]struct{}, len(rooms))
	for room := range rooms {
		r.written[room] = struct{}{}
	}
}

func (r *Redis) key(room domain.Room) string {
	return r.o.Prefix + ":occupancy:" + strconv.FormatInt(int64(room.App), 10) + ":" + strconv.FormatInt(int64(room.Group), 10)
}

// Connections implements [domain.Occupancy]. What this node has is counted at once.
func (r *Redis) Connections(ctx context.Context, app domain.AppNum, group domain.ConversationNum) (int, error) {
	client := r.client.Load()
	if client == nil {
		return 0, domain.ErrUnavailable
	}
	counts, err := (*client).HGetAll(ctx, r.key(domain.Room{App: app, Group: group})).Result()
	if err != nil {
		return 0, domain.ErrUnavailable
	}
	sum, err := r.o.Node.Connections(ctx, app, group)
	now := r.o.Clock.Now().UnixMilli()
	for field, value := range counts {
		if field != r.field {
			sum += parse(value, now)
		}
	}
	return sum, err
}

// parse reads a count, 0 when it is out of date or not one.
func parse(value string, now int64) int {
	number, moment, _ := strings.Cut(value, " ")
	n, err := strconv.Atoi(number)
	until, errUntil := strconv.ParseInt(moment, 10, 64)
	if err != nil || errUntil != nil || n < 0 || until < now {
		return 0
	}
	return n
}
