package presence

import (
	"slices"
	"time"

	"github.com/gim-im/gim/domain"
)

const (
	// maxBatch is how many sessions one pipeline is about.
	maxBatch = 1000
	// maxLeft is how many sessions that are over may wait to be removed from Redis.
	// With more the node takes another id instead, and the rest die with the old one.
	maxLeft = 10_000
	// maxFormer is how many of its former ids a node remembers. What it forgot is
	// dead to itself as it is to others.
	maxFormer = 1000
)

// write is what is to be done in Redis for one session.
type write struct {
	entry  *entry
	key    string
	node   string   // our id, if the session is set
	field  string   // set to the session; "" sets nothing
	remove []string // fields
	seen   int64    // ms since 1970; 0 says nothing
}

// enter makes a session one of this node. It reports whether it is new.
func (p *partition) enter(s domain.OnlineSession) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.add(s)
	if e == nil {
		return false
	}
	p.enqueue(e)
	return true
}

// leave ends a session. It reports whether there was one.
func (p *partition) leave(s domain.OnlineSession, seen time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.remove(s, seen)
	if e == nil {
		return false
	}
	p.enqueue(e)
	return true
}

// bury removes what a dead node has left; seen is 0 when its end does not matter.
func (p *partition) bury(s domain.OnlineSession, node string, seen int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	field := sessionField(node, s.ID)
	if _, known := p.buried[field]; known || len(p.buried) >= maxLeft {
		return // the next who reads it will do
	}
	p.buried[field] = struct{}{}
	p.enqueue(&entry{session: s, left: true, quiet: true, seen: seen, nodes: []string{node}})
}

// enqueue lets e be written, once, as it then is. A session that has left is so
// never written after its removal. mu is held.
func (p *partition) enqueue(e *entry) {
	if !e.queued {
		e.queued = true
		p.queue = append(p.queue, e)
	}
	if len(p.queue) > p.size+maxLeft {
		p.queue = slices.DeleteFunc(p.queue, func(e *entry) bool { return e.left })
		clear(p.buried)
		p.overflowed = true
	}
	p.signal()
}

// take returns the oldest writes, to be done under the node's present id.
func (p *partition) take() []write {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(len(p.queue), maxBatch)
	batch := make([]write, n)
	for i, e := range p.queue[:n] {
		e.queued = false
		w := write{entry: e, key: userKey(p.r.opts.Prefix, p.index, userOf(e.session))}
		for _, node := range e.nodes {
			if e.left || node != p.node {
				w.remove = append(w.remove, sessionField(node, e.session.ID))
			}
		}
		if e.left {
			w.seen = e.seen
		} else {
			w.node, w.field = p.node, sessionField(p.node, e.session.ID)
			if !slices.Contains(e.nodes, p.node) {
				e.nodes = append(e.nodes, p.node)
			}
		}
		batch[i] = w
	}
	p.queue = p.queue[n:]
	if len(p.queue) == 0 {
		p.queue = nil // lets go of the array
	}
	p.writing = n
	return batch
}

// put ends a batch. What failed is to be done again, before anything that came
// later; lost says that some of it may yet be done.
func (p *partition) put(done, failed []write, lost bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writing = 0
	p.distrusted = p.distrusted || lost
	for _, w := range done {
		if w.field != "" {
			w.entry.nodes = []string{w.node}
		}
		if w.entry.quiet {
			delete(p.buried, w.remove[0])
		}
	}
	var again []*entry
	for _, w := range failed {
		if !w.entry.queued {
			w.entry.queued = true
			again = append(again, w.entry)
		}
	}
	p.queue = append(again, p.queue...)
	if len(p.queue) == 0 && p.whenSettled != nil {
		close(p.whenSettled)
		p.whenSettled = nil
	}
}

// settled returns a channel that is closed when nothing waits to be written.
func (p *partition) settled() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 && p.writing == 0 {
		done := make(chan struct{})
		close(done)
		return done
	}
	if p.whenSettled == nil {
		p.whenSettled = make(chan struct{})
	}
	return p.whenSettled
}

// renew takes a new id for the node: the lease of the old one is over, Redis has
// lost it, or what was written under it is in doubt. All sessions are written again.
func (p *partition) renew() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.former) >= maxFormer {
		clear(p.former)
	}
	p.former[p.node] = struct{}{}
	p.node, p.beaten, p.overflowed, p.distrusted = newNodeID(), false, false, false
	for _, entries := range p.byUser {
		for _, e := range entries {
			p.enqueue(e)
		}
	}
}

// isOurs reports whether a node is or was this one: of its sessions the roster
// knows better than Redis.
func (p *partition) isOurs(node string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, former := p.former[node]
	return former || node == p.node
}

func (p *partition) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}
