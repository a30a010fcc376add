package bustest

import (
	"sync"
	"testing"
	"time"

	"github.com/gim-im/gim/wire"
)

// patience is a guard against hanging, not an expectation.
const patience = 20 * time.Second

// Recorder is a bus.Handler that remembers. Its methods may be called concurrently.
type Recorder struct {
	mu     sync.Mutex
	events []*wire.Event
	grown  chan struct{} // closed and replaced with each event
}

// NewRecorder returns an empty one.
func NewRecorder() *Recorder { return &Recorder{grown: make(chan struct{})} }

// Handle is the bus.Handler.
func (r *Recorder) Handle(e *wire.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	close(r.grown)
	r.grown = make(chan struct{})
}

// Of returns the events of a topic that are not gaps, in order of arrival.
func (r *Recorder) Of(t wire.Topic) []*wire.Event {
	return r.filter(func(e *wire.Event) bool { return e.Topic == t && e.Kind != wire.EventGap })
}

// Gaps returns how many gaps have come that stand for t.
func (r *Recorder) Gaps(t wire.Topic) int {
	return len(r.filter(func(e *wire.Event) bool {
		return e.Kind == wire.EventGap && (e.Topic == t || e.Topic == wire.Topic{})
	}))
}

func (r *Recorder) filter(keep func(*wire.Event) bool) (kept []*wire.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if keep(e) {
			kept = append(kept, e)
		}
	}
	return kept
}

// Wait returns the first n events of a topic, without gaps.
func (r *Recorder) Wait(tb testing.TB, t wire.Topic, n int) []*wire.Event {
	tb.Helper()
	r.Until(tb, func() bool { return len(r.Of(t)) >= n })
	return r.Of(t)[:n]
}

// Until returns when done, which is asked after each event, is true.
func (r *Recorder) Until(tb testing.TB, done func() bool) {
	tb.Helper()
	deadline := time.After(patience)
	for {
		r.mu.Lock()
		grown := r.grown
		r.mu.Unlock()
		if done() {
			return
		}
		select {
		case <-grown:
		case <-deadline:
			r.mu.Lock()
			defer r.mu.Unlock()
			tb.Fatalf("what was awaited did not come in %v; %d events came", patience, len(r.events))
		}
	}
}
