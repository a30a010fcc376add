package bus

import (
	"sync"

	"github.com/gim-im/gim/wire"
)

// topicState is what the server was told about a topic on this connection.
type topicState uint8

const (
	stateOut     topicState = iota // not subscribed
	stateJoining                   // SUBSCRIBE sent
	stateIn                        // confirmed
	stateLeaving                   // UNSUBSCRIBE sent
)

// subscription is a topic on a link. The mutex of its topics guards it.
type subscription struct {
	topic     wire.Topic
	channel   string
	wanted    bool
	queued    bool // is in topics.changed
	state     topicState
	confirmed chan struct{} // closed in stateIn, and only then
	owesGap   bool          // a Subscribe did not wait for the confirmation
}

// topics are the subscriptions of a link: what is wanted, and how far the
// connection is with it. Changes are collected and leave as one flight of
// commands at a time, as a group commit does, so a herd of subscribers costs
// few round trips; and no topic has two commands under way, so a confirmation
// is never taken for that of an older command.
type topics struct {
	wake chan struct{} // capacity 1: there is a change

	mu        sync.Mutex
	byChannel map[string]*subscription
	changed   []*subscription // may need a command, oldest first
	backlog   int             // of changed, when the connection was made; 0 once it is done
	synced    bool            // the backlog is done
}

func newTopics() *topics {
	return &topics{wake: make(chan struct{}, 1), byChannel: make(map[string]*subscription)}
}

// want starts a subscription and returns it with the channel that is closed
// when it is confirmed.
func (t *topics) want(topic wire.Topic, channel string) (*subscription, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.byChannel[channel]
	if s == nil {
		s = &subscription{topic: topic, channel: channel, confirmed: make(chan struct{})}
		t.byChannel[channel] = s
	}
	s.wanted = true
	t.changedLocked(s)
	return s, s.confirmed
}

// unwant ends a subscription.
func (t *topics) unwant(channel string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.byChannel[channel]; s != nil {
		s.wanted, s.owesGap = false, false
		t.changedLocked(s)
	}
}

// oweGap lets a gap follow the confirmation of s, unless that has come.
func (t *topics) oweGap(s *subscription) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.owesGap = s.wanted && s.state != stateIn
}

// isSynced reports whether everything wanted when the connection was made has
// been confirmed.
func (t *topics) isSynced() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.synced
}

// lookup returns the topic of a channel, if it is wanted.
func (t *topics) lookup(channel string) (wire.Topic, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.byChannel[channel]
	if s == nil || !s.wanted {
		return wire.Topic{}, false
	}
	return s.topic, true
}

// isLeaving reports whether we asked to leave the channel.
func (t *topics) isLeaving(channel string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.byChannel[channel]
	return s != nil && s.state == stateLeaving
}

// changedLocked queues s if it needs a command. While one is under way it waits
// for that one's confirmation.
func (t *topics) changedLocked(s *subscription) {
	needs := s.state == stateOut || s.state == stateIn && !s.wanted
	if s.queued || !needs {
		return
	}
	s.queued = true
	t.changed = append(t.changed, s)
	t.signal()
}

func (t *topics) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// flight is a set of commands whose confirmation is awaited.
type flight struct {
	joining, leaving []*subscription
	taken            int // entries of topics.changed that it stands for
}

// depart takes up to limit changes; the flight may turn out empty.
func (t *topics) depart(limit int) *flight {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := &flight{taken: min(limit, len(t.changed))}
	for _, s := range t.changed[:f.taken] {
		s.queued = false
		switch {
		case s.state == stateOut && s.wanted:
			s.state = stateJoining
			f.joining = append(f.joining, s)
		case s.state == stateIn && !s.wanted:
			s.state = stateLeaving
			s.confirmed = make(chan struct{}) // whoever comes now waits for the way back
			f.leaving = append(f.leaving, s)
		case s.state == stateOut:
			delete(t.byChannel, s.channel) // changed its mind before we did anything
		}
	}
	t.changed = t.changed[f.taken:]
	if len(t.changed) == 0 {
		t.changed = nil // lets go of the array
	} else {
		t.signal()
	}
	return f
}

// arrive takes note that f is confirmed. It returns the topics whose listeners
// are owed a gap, and whether the connection has become synced just now; then
// there are none, because that owes a gap to all.
func (t *topics) arrive(f *flight) (gaps []wire.Topic, synced bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	wasSynced := t.synced
	t.backlog -= min(t.backlog, f.taken)
	t.synced = t.backlog == 0
	for _, s := range f.joining {
		s.state = stateIn
		close(s.confirmed)
		if s.owesGap && wasSynced {
			gaps = append(gaps, s.topic)
		}
		s.owesGap = false
		t.changedLocked(s)
	}
	for _, s := range f.leaving {
		s.state = stateOut
		if s.wanted {
			t.changedLocked(s)
		} else {
			delete(t.byChannel, s.channel)
		}
	}
	return gaps, t.synced && !wasSynced
}

// reset starts over for a new connection.
func (t *topics) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changed, t.synced = nil, false
	for channel, s := range t.byChannel {
		s.queued = false
		if !s.wanted {
			delete(t.byChannel, channel)
			continue
		}
		if s.state == stateIn {
			s.confirmed = make(chan struct{})
		}
		s.state = stateOut
		t.changedLocked(s)
	}
	t.backlog = len(t.changed)
}
