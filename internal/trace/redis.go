package trace

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/redisconn"
)

const (
	// patience is how long the answers of other nodes are waited for.
	patience = time.Second
	// answerLife is how long they lie in Redis when nobody takes them.
	answerLife = 10 * time.Second
)

// Options configure a [Redis]. All but Prefix are required; Recorder may be nil, as
// [New] returns it.
type Options struct {
	Recorder *Recorder
	URL      string // of Redis, see [redisconn.Parse]
	Logger   *slog.Logger
	Prefix   string // of the channel and all keys; "" means "gim"
}

// Redis knows the push times of all nodes: it asks them by a channel that all listen
// to, and each puts its answer into a list. Redis says how many have heard the question.
type Redis struct {
	o      Options
	server *redisconn.Server
	node   string
	link   atomic.Pointer[link] // nil until it is known what Redis is
}

// link is a connection to Redis. On a cluster the channel is a sharded one, so that all
// nodes listen to it at one server.
type link struct {
	redis.UniversalClient
	isCluster bool
}

var _ domain.PushSource = (*Redis)(nil)

// NewRedis returns a source that connects in Run. Redis need not be reachable then.
func NewRedis(o Options) (*Redis, error) {
	if o.Logger == nil {
		return nil, errors.New("trace: Logger is required")
	}
	server, err := redisconn.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	if o.Prefix == "" {
		o.Prefix = "gim"
	}
	return &Redis{o: o, server: server, node: rand.Text()}, nil
}

// question asks for the times of a message.
type question struct {
	ID      string
	App     domain.AppNum
	Message domain.PlacedMessage
	Users   []domain.UserNum
}

// reply is what one node knows.
type reply struct {
	Node  string
	Times domain.PushTimes
}

func (r *Redis) channel() string          { return r.o.Prefix + ":{trace}:ask" }
func (r *Redis) answers(id string) string { return r.o.Prefix + ":{trace}:" + id }

// Run answers the questions of all nodes until ctx ends. It returns nil.
func (r *Redis) Run(ctx context.Context) error {
	var wait redisconn.Backoff
	for ctx.Err() == nil {
		client, isCluster, err := r.server.Connect(ctx)
		if err != nil {
			wait.Sleep(ctx)
			continue
		}
		defer client.Close() // nothing uses it any more, but for questions that come too late
		l := &link{client, isCluster}
		r.link.Store(l)
		r.listen(ctx, l)
	}
	return nil
}

// listen ends with ctx; the library connects again by itself.
func (r *Redis) listen(ctx context.Context, l *link) {
	subscribe := l.Subscribe
	if l.isCluster {
		subscribe = l.SSubscribe
	}
	sub := subscribe(ctx, r.channel())
	defer sub.Close()
	questions := sub.Channel()
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-questions:
			var q question
			if m == nil || json.Unmarshal([]byte(m.Payload), &q) != nil || q.ID == "" {
				continue // not one of ours
			}
			if err := r.answer(ctx, l, q); err != nil && ctx.Err() == nil {
				r.o.Logger.WarnContext(ctx, "a question about a message could not be answered", slog.Any("err", err))
			}
		}
	}
}

func (r *Redis) answer(ctx context.Context, l *link, q question) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	payload, err := json.Marshal(reply{r.node, r.o.Recorder.PushTimes(ctx, q.App, q.Message, q.Users)})
	if err != nil {
		return domain.Trace(err)
	}
	pipe := l.Pipeline()
	pipe.RPush(ctx, r.answers(q.ID), payload)
	pipe.PExpire(ctx, r.answers(q.ID), answerLife)
	_, err = pipe.Exec(ctx)
	return domain.Trace(err)
}

// PushTimes implements [domain.PushSource] for all nodes.
func (r *Redis) PushTimes(ctx context.Context, app domain.AppNum, m domain.PlacedMessage, users []domain.UserNum) domain.PushTimes {
	own := r.o.Recorder.PushTimes(ctx, app, m, users)
	if own.Known == domain.PushTimesOff || own.Known == domain.PushTimesNotSampled {
		return own
	}
	others, whole := r.ask(ctx, question{ID: rand.Text(), App: app, Message: m, Users: users})
	for _, other := range others {
		own = join(own, other)
	}
	if !whole {
		own.Known = domain.PushTimesPartial
	}
	return own
}

// ask returns what the other nodes know, and whether all have answered.
func (r *Redis) ask(ctx context.Context, q question) (others []domain.PushTimes, whole bool) {
	l := r.link.Load()
	payload, err := json.Marshal(q)
	if l == nil || err != nil {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	publish := l.Publish
	if l.isCluster {
		publish = l.SPublish
	}
	nodes, err := publish(ctx, r.channel(), payload).Result()
	if err != nil {
		return nil, false
	}
	defer l.Del(context.WithoutCancel(ctx), r.answers(q.ID)) // else it ends by itself
	for range nodes {
		got, err := l.BLPop(ctx, patience, r.answers(q.ID)).Result()
		if err != nil || len(got) != 2 { // a key and a value
			return others, false
		}
		var from reply
		if json.Unmarshal([]byte(got[1]), &from) != nil {
			return others, false
		}
		if from.Node != r.node {
			others = append(others, from.Times)
		}
	}
	return others, true
}

// join puts together what two nodes know.
func join(a, b domain.PushTimes) domain.PushTimes {
	if a.Known != b.Known {
		a.Known = domain.PushTimesPartial
	}
	if a.Published.IsZero() || !b.Published.IsZero() && b.Published.Before(a.Published) {
		a.Published = b.Published
	}
	a.Pushes = append(a.Pushes, b.Pushes...)
	a.Written += b.Written
	return a
}
