package gateway

import (
	"context"
	"sync"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// watcher is a waiting request: it wants to know that its user's log may have
// grown, not what by.
type watcher struct {
	changed chan struct{} // capacity 1
}

// Watch implements [domain.Notifier].
func (h *Hub) Watch(app domain.AppNum, user domain.UserNum, groups ...domain.ConversationNum) (changed <-chan struct{}, stop func()) {
	w := &watcher{changed: make(chan struct{}, 1)}
	topics := []wire.Topic{{App: app, User: user}}
	for _, g := range groups {
		topics = append(topics, wire.GroupTopic(app, g))
	}
	var attaching sync.WaitGroup
	for _, t := range topics {
		// Without a context there is no error; the bus bounds the wait by itself.
		attaching.Go(func() { _ = h.attach(context.Background(), t, w) })
	}
	attaching.Wait()
	var once sync.Once
	return w.changed, func() {
		once.Do(func() {
			for _, t := range topics {
				h.detach(t, w)
			}
		})
	}
}

// receive also takes gaps: any of them may hide a new entry.
func (w *watcher) receive(e *wire.Event) {
	if e.Kind != wire.EventGap && (e.Kind != wire.EventMessage || e.Body.Message().ConversationSeq == 0) {
		return
	}
	select {
	case w.changed <- struct{}{}:
	default: // it has not looked since the last one
	}
}

// wakeWatchers makes every waiting request look into the store.
func (h *Hub) wakeWatchers() {
	gap := &wire.Event{Kind: wire.EventGap}
	for i := range h.shards {
		h.shards[i].wakeWatchers(gap)
	}
}

func (sh *shard) wakeWatchers(gap *wire.Event) {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	for _, receivers := range sh.receivers {
		for _, r := range receivers {
			if w, ok := r.(*watcher); ok {
				w.receive(gap)
			}
		}
	}
}
