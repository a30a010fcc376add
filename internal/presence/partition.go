package presence

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/redisconn"
)

const (
	// writeRetry is the time from a write that failed to the next.
	writeRetry = 250 * time.Millisecond
	// maxBeatRetry is the longest time from a beat that failed to the next.
	maxBeatRetry = time.Second
	// slack is what two clocks may differ by over the time of a lease.
	slack = 5 * time.Millisecond
)

// partition is the presence of some of the users. Its run is the only one that
// writes to Redis, so that the end of a session never overtakes its beginning.
type partition struct {
	r     *Redis
	index int
	nodes string // key of the leases
	wake  chan struct{}
	view  atomic.Pointer[view] // nil before the first beat

	lookMu sync.Mutex // guards looked, and lets one look beside those of run at a time
	looked *view

	roster                          // its mutex guards all that follows
	node        string              // our id
	beaten      bool                // node has, or had, a lease
	former      map[string]struct{} // our ids before that
	queue       []*entry            // to be written
	writing     int                 // taken from queue and under way
	buried      map[string]struct{} // fields of dead nodes, in queue or under way
	overflowed  bool                // queue has been cut: node has to be given up
	distrusted  bool                // something may be written late: likewise
	hurry       bool                // beat now
	whenSettled chan struct{}       // nil, or closed when nothing is to be written

	// Of run.
	told situation
}

// situation is what others depend on, as they were told.
type situation struct {
	known bool
	grace bool
	nodes map[string]struct{} // not dead, and not ours
}

func newPartition(r *Redis, index int) *partition {
	return &partition{
		r: r, index: index, nodes: nodesKey(r.opts.Prefix, index), wake: make(chan struct{}, 1),
		roster: newRoster(r.opts.Refresh), node: newNodeID(), former: make(map[string]struct{}), buried: make(map[string]struct{}),
	}
}

func (p *partition) isKnown() bool { return p.view.Load().isKnown(p.r.opts.TTL) }

// tellNode tells of a change at once while Redis does not take it: this node at
// least can see it.
func (p *partition) tellNode(s domain.OnlineSession) {
	if !p.isKnown() {
		p.r.opts.Changed([]User{userOf(s)})
	}
}

// run keeps the lease and writes what is queued until ctx ends.
func (p *partition) run(ctx context.Context, client redis.UniversalClient) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var beatAt, writeAt time.Time
	var failed error // the last beat
	for ctx.Err() == nil {
		// After a failure nothing is in such a hurry that it cannot wait.
		if now := time.Now(); p.mustBeat() && failed == nil || !now.Before(beatAt) {
			var next time.Duration
			next, failed = p.beat(ctx, client)
			beatAt = now.Add(next)
			p.refresh()
		}
		if p.hasWork() && !time.Now().Before(writeAt) {
			if err := p.write(ctx, client); err != nil {
				writeAt = time.Now().Add(writeRetry)
			}
		}
		next := p.report(failed)
		next = min(next, time.Until(beatAt))
		if p.hasWork() {
			next = min(next, time.Until(writeAt))
		}
		timer.Reset(next)
		select {
		case <-ctx.Done():
		case <-p.wake:
		case <-timer.C:
		}
	}
	p.finish(context.WithoutCancel(ctx), client)
}

// beat renews the lease. It returns when that is due again, and why it failed.
func (p *partition) beat(ctx context.Context, client redis.UniversalClient) (next time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, redisconn.IOTimeout)
	defer cancel()
	ttl := p.r.opts.TTL
	p.mu.Lock()
	node, again := p.node, p.beaten
	p.mu.Unlock()
	what, v, err := look(ctx, client, p.nodes, node, again, ttl)
	if err != nil {
		redisconn.Reload(ctx, client)
		return min(max(ttl/16, slack), maxBeatRetry), err
	}
	if what == outcomeAlive {
		v.node = node
		p.mu.Lock()
		p.beaten = true
		p.mu.Unlock()
		p.view.Store(v)
		return ttl / 4, nil
	}
	p.view.Store(v) // what is known of others is good, but we have no lease
	p.renew()
	return 0, nil
}

// beatSoon makes run beat now: something is not as it was at the last beat.
func (p *partition) beatSoon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hurry = true
	p.signal()
}

// mustBeat reports whether a beat does not have to wait for its time. When the id
// has to be given up that is the first of another one.
func (p *partition) mustBeat() bool {
	p.mu.Lock()
	hurry, overflowed, giveUp := p.hurry, p.overflowed, p.overflowed || p.distrusted
	p.hurry = false
	p.mu.Unlock()
	if giveUp {
		p.renew()
	}
	if overflowed {
		p.doubt() // whoever left is told of by nobody
	}
	return hurry || giveUp
}

func (p *partition) doubt() {
	p.r.opts.Doubt(func(u User) bool { return partitionOf(u) == p.index })
}

// hasWork reports whether there is something to write, and a lease to do so under.
func (p *partition) hasWork() bool {
	v := p.view.Load()
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue) > 0 && v != nil && v.node == p.node
}

// refresh writes anew what was not written for long.
func (p *partition) refresh() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.takeDue() {
		p.r.sightings.note(e.session, p.r.opts.Clock.Now())
		p.enqueue(e)
	}
}

// report tells what has become known, unknown or dead since it was called last,
// and returns when that may change without a beat.
func (p *partition) report(failed error) (next time.Duration) {
	ttl, v := p.r.opts.TTL, p.view.Load()
	now := situation{known: v.isKnown(ttl), nodes: p.told.nodes}
	next = ttl
	unclear := false
	if now.known {
		now.grace, now.nodes = v.isInGrace(ttl), make(map[string]struct{})
		next = min(next, ttl/2-time.Since(v.at))
		if now.grace {
			next = min(next, ttl/2-v.since(v.flushed))
		}
		for node := range v.beats {
			if node != v.node && v.judge(node) != dead {
				now.nodes[node] = struct{}{}
				next = min(next, v.left(node))
				unclear = unclear || !v.isFinal(node)
			}
		}
	}
	if unclear { // a lease is over by now, or was renewed
		p.mu.Lock()
		p.hurry = true
		p.mu.Unlock()
	}
	before := p.told
	p.told = now
	if now.known != before.known {
		p.r.partitionIs(now.known, failed)
	}
	gone := false
	for node := range before.nodes {
		_, still := now.nodes[node]
		gone = gone || !still
	}
	if now.known != before.known || now.grace != before.grace || gone {
		p.doubt()
	}
	return max(next, 0) + slack
}
