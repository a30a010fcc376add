package presence

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/redisconn"
)

// keyLife is how long the sessions of a user stay in Redis when nobody writes any
// of them again.
func (o *RedisOptions) keyLife() time.Duration { return max(3*o.Refresh, 4*o.TTL) }

// write writes the oldest of what is queued, in one round trip, and tells whose
// presence has changed. The error says that something is to be written again.
func (p *partition) write(ctx context.Context, client redis.UniversalClient) error {
	// What is under way is not given up when the node ends.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), redisconn.IOTimeout)
	defer cancel()
	batch := p.take()
	pipe := client.Pipeline()
	ends := make([]int, len(batch)) // of the commands of each
	added := make([]*redis.IntCmd, len(batch))
	for i, w := range batch {
		added[i] = w.add(ctx, pipe, p.r.opts.keyLife())
		ends[i] = pipe.Len()
	}
	commands, err := pipe.Exec(ctx)
	var done, failed []write
	var changed []User
	first := 0
	lost := false
	for i, w := range batch {
		isDone, isLost := judge(commands[first:ends[i]])
		first, lost = ends[i], lost || isLost
		if !isDone {
			failed = append(failed, w)
			continue
		}
		done = append(done, w)
		if !w.entry.quiet && (added[i] == nil || added[i].Val() > 0) {
			changed = append(changed, userOf(w.entry.session))
		}
	}
	p.put(done, failed, lost)
	if len(changed) > 0 {
		p.r.opts.Changed(changed)
	}
	if len(failed) > 0 {
		return domain.Trace(err)
	}
	return nil
}

// add queues the commands of w. It returns the one that sets the session, if any,
// whose answer says whether it was there already.
func (w *write) add(ctx context.Context, pipe redis.Pipeliner, life time.Duration) (added *redis.IntCmd) {
	if w.field != "" {
		added = pipe.HSet(ctx, w.key, w.field, encodeSession(w.entry.session))
	}
	if len(w.remove) > 0 {
		pipe.HDel(ctx, w.key, w.remove...)
	}
	if w.seen > 0 {
		pipe.HSet(ctx, w.key, fieldSeen, strconv.FormatInt(w.seen, 10))
	}
	pipe.PExpire(ctx, w.key, life)
	return added
}

// judge reports whether commands need not be tried again, and whether one of them
// got no answer: it may still be done, at any time, even after one that is sent
// later. So the node takes another id then, and what comes late is of the old one.
func judge(commands []redis.Cmder) (done, lost bool) {
	done = true
	for _, c := range commands {
		err := c.Err()
		_, answered := errors.AsType[redis.Error](err)
		// A key that somebody else has made something else of stays what it is.
		if err != nil && !redis.HasErrorPrefix(err, "WRONGTYPE") {
			done, lost = false, lost || !answered
		}
	}
	return done, lost
}

// finish writes what is left and gives the lease back, so that nobody waits for
// its end. What it cannot write is dead when the lease is over.
func (p *partition) finish(ctx context.Context, client redis.UniversalClient) {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	for p.hasWork() && ctx.Err() == nil {
		if err := p.write(ctx, client); err != nil {
			return
		}
	}
	p.mu.Lock()
	node, isEmpty := p.node, p.beaten && len(p.queue) == 0 && p.size == 0
	p.mu.Unlock()
	if isEmpty {
		client.HDel(ctx, p.nodes, node) // whether it was done or not, see above
	}
}
