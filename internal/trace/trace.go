// Package trace keeps for a while when messages were written to connections, and
// finds out what all nodes have kept of one.
//
// A [Recorder] keeps what happens on this node in memory that is bounded. Noting takes
// neither a lock nor an allocation. A [Redis] asks the recorders of all nodes.
package trace

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gim-im/gim/domain"
)

// Mode says of which messages times are kept.
type Mode string

// The modes.
const (
	Off     Mode = "off"
	Sampled Mode = "sampled" // one of SampleEvery messages, the same on all nodes
	All     Mode = "all"
)

// SampleEvery is of how many messages one is kept with [Sampled].
const SampleEvery = 16

const (
	shards = 16
	// slots is how many times a shard keeps: 12 MiB in all shards, when all are full.
	slots = 1 << 14
	// maxSlow is how many connections that were too slow are kept.
	maxSlow = 1 << 10
)

// Recorder keeps times of this node. Its methods may be called concurrently, and on nil,
// which keeps nothing.
type Recorder struct {
	mode  Mode
	keep  time.Duration
	clock domain.Clock
	start time.Time
	rings [shards]ring
	next  atomic.Uint32 // ring for the next connection

	mu   sync.Mutex // guards slow
	slow []slow     // oldest first
}

// ring holds the last times that were noted. Its memory is taken with the first.
type ring struct {
	slots atomic.Pointer[[slots]slot]
	next  atomic.Uint64
	_     [48]byte // a cache line of its own
}

// slot is one time. Whoever reads it while it is written sees two stamps.
type slot struct {
	begun, ended      atomic.Uint64 // which of all the ring's times it is; from 1
	conversation, seq atomic.Int64
	at                atomic.Int64 // in ms
	by                atomic.Pointer[Connection]
}

// Connection is what is noted of a connection with each time.
type Connection struct {
	ring      *ring
	app       domain.AppNum
	user      domain.UserNum // 0 is the bus
	device    domain.DeviceID
	transport string
}

// slow is a connection that was closed.
type slow struct {
	by *Connection
	at time.Time
}

// New returns a Recorder, or nil where nothing is to be kept. What is older than keep is
// not shown.
func New(mode Mode, keep time.Duration, clock domain.Clock) *Recorder {
	if mode == Off {
		return nil
	}
	return &Recorder{mode: mode, keep: keep, clock: clock, start: clock.Now()}
}

// Connection is called once for each connection that has signed in.
func (r *Recorder) Connection(app domain.AppNum, user domain.UserNum, device domain.DeviceID, transport string) *Connection {
	if r == nil {
		return nil
	}
	return &Connection{ring: &r.rings[r.next.Add(1)%shards], app: app, user: user, device: device, transport: transport}
}

// Keeps reports whether times of a message are kept.
func (r *Recorder) Keeps(conversation domain.ConversationNum, seq int64) bool {
	switch {
	case r == nil || seq == 0:
		return false
	case r.mode == All:
		return true
	}
	const golden = 0x9E3779B97F4A7C15                         // spreads numbers that follow one another
	h := (uint64(seq) ^ uint64(conversation)*golden) * golden //nolint:gosec // bits
	return h>>32%SampleEvery == 0
}

// Now is the time to note.
func (r *Recorder) Now() time.Time { return r.clock.Now() }

// Note keeps that a message was written at a time.
func (c *Connection) Note(conversation domain.ConversationNum, seq int64, at time.Time) {
	all := c.ring.slots.Load()
	if all == nil {
		all = new([slots]slot)
		if !c.ring.slots.CompareAndSwap(nil, all) {
			all = c.ring.slots.Load()
		}
	}
	n := c.ring.next.Add(1)
	s := &all[n%slots]
	s.begun.Store(n)
	s.conversation.Store(int64(conversation))
	s.seq.Store(seq)
	s.at.Store(at.UnixMilli())
	s.by.Store(c)
	s.ended.Store(n)
}

// Slow keeps that a connection was closed because it was too slow.
func (r *Recorder) Slow(c *Connection) {
	if r == nil || c == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.slow) >= maxSlow {
		r.slow = slices.Delete(r.slow, 0, 1)
	}
	r.slow = append(r.slow, slow{c, r.clock.Now()})
}

// Publisher notes what is handed to next.
func (r *Recorder) Publisher(next domain.Publisher) domain.Publisher {
	if r == nil {
		return next
	}
	return &publisher{r: r, next: next}
}

// publisher is called by one or two committers, so that a shared map takes no time.
type publisher struct {
	r    *Recorder
	next domain.Publisher
	apps sync.Map // domain.AppNum to *Connection
}

// Publish implements [domain.Publisher].
func (p *publisher) Publish(deliveries []domain.Delivery) {
	now := p.r.Now()
	for _, d := range deliveries {
		if !p.r.Keeps(d.Message.Conversation, d.Message.ConversationSeq) {
			continue
		}
		c, ok := p.apps.Load(d.App)
		if !ok {
			c, _ = p.apps.LoadOrStore(d.App, p.r.Connection(d.App, 0, "", ""))
		}
		c.(*Connection).Note(d.Message.Conversation, d.Message.ConversationSeq, now) //nolint:errcheck,forcetypeassert // see apps
	}
	p.next.Publish(deliveries)
}

var _ domain.PushSource = (*Recorder)(nil)

// PushTimes implements [domain.PushSource] for this node.
func (r *Recorder) PushTimes(_ context.Context, app domain.AppNum, m domain.PlacedMessage, users []domain.UserNum) domain.PushTimes {
	switch {
	case r == nil:
		return domain.PushTimes{Known: domain.PushTimesOff}
	case !r.Keeps(m.Conversation, m.Seq):
		return domain.PushTimes{Known: domain.PushTimesNotSampled}
	}
	p := domain.PushTimes{Known: domain.PushTimesComplete}
	from := r.clock.Now().Add(-r.keep)
	known := from
	if r.start.After(known) {
		known = r.start
	}
	for i := range r.rings {
		if oldest := r.rings[i].find(app, m, from, users, &p); oldest.After(known) {
			known = oldest
		}
	}
	if !m.SentAt.After(known.Truncate(time.Millisecond)) { // of a millisecond some may be left and some not
		p.Known = domain.PushTimesPartial
	}
	r.findSlow(app, from, users, &p)
	return p
}

// find adds what the ring has of a message, and returns the time up to which it has lost
// something; zero when it has not.
func (r *ring) find(app domain.AppNum, m domain.PlacedMessage, from time.Time, users []domain.UserNum, p *domain.PushTimes) (lost time.Time) {
	all := r.slots.Load()
	if all == nil {
		return time.Time{}
	}
	if next := r.next.Load(); next >= slots { // it has gone round
		lost = time.UnixMilli(all[(next+1)%slots].at.Load())
	}
	for i := range all {
		s := &all[i]
		n, at, by := s.ended.Load(), s.at.Load(), s.by.Load()
		isIt := s.seq.Load() == m.Seq && s.conversation.Load() == int64(m.Conversation)
		switch {
		case n == 0 || s.begun.Load() != n: // never used, or another one by now
		case !isIt || by.app != app || at < from.UnixMilli():
		case by.user == 0:
			p.Published = time.UnixMilli(at).UTC()
		default:
			p.Written++
			if slices.Contains(users, by.user) {
				p.Pushes = append(p.Pushes, domain.Push{User: by.user, Device: by.device, Transport: by.transport, At: time.UnixMilli(at).UTC()})
			}
		}
	}
	return lost
}

func (r *Recorder) findSlow(app domain.AppNum, from time.Time, users []domain.UserNum, p *domain.PushTimes) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.slow {
		if s.by.app == app && s.at.After(from) && slices.Contains(users, s.by.user) {
			p.Pushes = append(p.Pushes, domain.Push{User: s.by.user, Device: s.by.device, Transport: s.by.transport, At: s.at, Slow: true})
		}
	}
}
