package gateway

import (
	"runtime"
	"slices"
	"sync"

	"github.com/gim-im/gim/wire"
)

const (
	// crowdSize is how many receivers of a group are told by a goroutine of their
	// own, so that whoever publishes, and with it all other conversations, does not
	// wait for them.
	crowdSize = 64
	// maxCrowdBytes bounds what waits for the receivers of one group. What is beyond
	// it they read from the store.
	maxCrowdBytes = 4 << 20
	// crowdRound bounds what they are told at once, well below what one of them may
	// be behind.
	crowdRound = 256 << 10
)

// crowd is what the receivers of a group are still to be told, in order. While there
// is one, a goroutine tells them, all that has come together at once: the more there
// is to say, the less each message costs. The shard's lock guards it.
type crowd struct {
	events []*wire.Event
	bytes  int
	lost   bool // there was no room for more events
}

// tellCrowd leaves e to the crowd of its topic, if it is one. It reports whether
// that was so.
func (sh *shard) tellCrowd(e *wire.Event) bool {
	if e.Topic.Kind != wire.TopicGroup {
		return false
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	c := sh.crowds[e.Topic]
	if c == nil {
		if len(sh.receivers[e.Topic]) < crowdSize {
			return false
		}
		c = new(crowd)
		sh.crowds[e.Topic] = c
		go sh.tellReceivers(e.Topic, c) // ends when there is nothing to tell
	}
	if c.bytes+sizeOf(e) > maxCrowdBytes {
		c.lost = true
		return true
	}
	c.events = append(c.events, e)
	c.bytes += sizeOf(e)
	return true
}

func (sh *shard) tellReceivers(t wire.Topic, c *crowd) {
	for {
		events, receivers := sh.takeCrowd(t, c)
		if events == nil {
			return
		}
		var workers sync.WaitGroup
		for part := range slices.Chunk(receivers, max(crowdSize, 1+len(receivers)/runtime.GOMAXPROCS(0))) {
			workers.Go(func() { tell(part, events) }) // waits for nobody
		}
		workers.Wait()
	}
}

// tell tells receivers, one after the other. It writes to those who have nothing else
// to do right away: to wake a goroutine for each would take longer than that.
func tell(receivers []receiver, events []*wire.Event) {
	for _, r := range receivers {
		if s, ok := r.(*Session); ok {
			s.receiveAll(events)
			continue
		}
		for _, e := range events {
			r.receive(e)
		}
	}
}

// takeCrowd takes what is to be told and to whom, or ends the crowd.
func (sh *shard) takeCrowd(t wire.Topic, c *crowd) ([]*wire.Event, []receiver) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	n, bytes := 0, 0
	for n < len(c.events) && (n == 0 || bytes < crowdRound) {
		bytes += sizeOf(c.events[n])
		n++
	}
	events := c.events[:n:n]
	c.events = c.events[n:]
	c.bytes -= bytes
	if len(c.events) == 0 {
		if c.events = nil; c.lost { // behind everything that there was room for
			events = append(events, &wire.Event{Kind: wire.EventGap, Topic: t})
			c.lost = false
		}
	}
	if len(events) == 0 {
		delete(sh.crowds, t)
		return nil, nil
	}
	return events, slices.Clone(sh.receivers[t])
}

// receiveAll is receive for what has come together.
func (s *Session) receiveAll(events []*wire.Event) {
	messages := len(events)
	for i, e := range events {
		if e.Kind != wire.EventMessage || s.isEcho(e) {
			messages = i
			break
		}
	}
	if messages > 0 {
		ok, here := s.box.offerHere(events[:messages])
		if !ok {
			s.end(ending{code: wire.CloseSlowConsumer})
		}
		if here {
			s.pumpHere()
		}
	}
	for _, e := range events[messages:] {
		s.receive(e)
	}
}
