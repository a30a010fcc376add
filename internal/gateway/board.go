package gateway

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

const (
	// gather is how long changes are collected before they are looked up, so that
	// many of them cost one look, and who comes back at once never left.
	gather = 50 * time.Millisecond
	// lookTimeout bounds one look, of up to domain.MaxPresenceUsers users.
	lookTimeout = 5 * time.Second
	// lookRetry is the time from a look that failed to the next.
	lookRetry = time.Second
	// doubtTick is how often those are looked at again of whom nothing is known,
	// and all while the bus may lose events.
	doubtTick = 10 * time.Second
)

// board holds what the sessions of this node watch: each user once, however many
// watch it, with one subscription. An event makes a user dirty; dirty users are
// looked up together, and whoever was told something else before is told.
//
// It is bounded by the sessions: each watches up to domain.MaxPresenceUsers users,
// of which it holds what was told last.
type board struct {
	gw   *Gateway
	wake chan struct{} // capacity 1: somebody is dirty

	mu    sync.Mutex // before mailbox.mu and life.mu
	users map[wire.Topic]*watched
	looks uint64 // begun so far

	dirtyMu sync.Mutex // after shard.mu and mu
	dirty   map[*watched]struct{}
}

// watched is a user whom somebody watches. The board's mutex guards all but what
// never changes.
type watched struct {
	board *board
	topic wire.Topic
	ref   domain.UserRef

	watchers map[*Session]uint64 // with the version that each was told
	state    *wire.UserPresence  // nil until it was looked up; never changed
	version  uint64              // counts the states
	asOf     uint64              // the look that state is of
}

// answerComes is the version of a watcher whose answer is still to be written:
// it is told nothing before.
const answerComes = math.MaxUint64

func newBoard(g *Gateway) *board {
	return &board{
		gw: g, wake: make(chan struct{}, 1),
		users: make(map[wire.Topic]*watched), dirty: make(map[*watched]struct{}),
	}
}

// receive takes events from the hub.
func (w *watched) receive(e *wire.Event) {
	if e.Kind == wire.EventPresence || e.Kind == wire.EventGap {
		w.board.mark(w)
	}
}

func (b *board) mark(users ...*watched) {
	b.dirtyMu.Lock()
	for _, w := range users {
		b.dirty[w] = struct{}{}
	}
	b.dirtyMu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *board) markAll(concerns func(domain.AppNum, domain.UserNum) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []*watched
	for t, w := range b.users {
		if concerns(t.App, t.User) {
			all = append(all, w)
		}
	}
	if len(all) > 0 {
		b.mark(all...)
	}
}

// take empties the set of dirty users and returns those that are still watched,
// by app.
func (b *board) take() map[domain.AppNum][]*watched {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dirtyMu.Lock()
	dirty := b.dirty
	b.dirty = make(map[*watched]struct{})
	b.dirtyMu.Unlock()
	byApp := make(map[domain.AppNum][]*watched)
	for w := range dirty {
		if len(w.watchers) > 0 {
			byApp[w.topic.App] = append(byApp[w.topic.App], w)
		}
	}
	return byApp
}

// run looks up who is dirty until ctx ends.
func (b *board) run(ctx context.Context) {
	tick := time.NewTicker(doubtTick)
	defer tick.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for failing := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			b.doubt()
			continue // whoever is dirty now has woken us
		case <-b.wake:
		}
		pause.Reset(gather)
		if failing {
			pause.Reset(lookRetry)
		}
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		err := b.lookAt(ctx, b.take())
		if err != nil && !failing && ctx.Err() == nil && domain.CodeOf(err) == domain.CodeInternal {
			b.gw.logUnknown(ctx, "looking up presence failed", "", err)
		}
		failing = err != nil
	}
}

// doubt marks those whose state may be wrong without any event telling so.
func (b *board) doubt() {
	if !b.gw.opts.Hub.bus.Healthy() {
		b.markAll(func(domain.AppNum, domain.UserNum) bool { return true })
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var unknown []*watched
	for _, w := range b.users {
		if w.state != nil && w.state.Online == nil {
			unknown = append(unknown, w)
		}
	}
	if len(unknown) > 0 {
		b.mark(unknown...)
	}
}

// lookAt looks users up and tells their watchers what is new. Those who could not
// be looked up are dirty again.
func (b *board) lookAt(ctx context.Context, byApp map[domain.AppNum][]*watched) (failed error) {
	for _, users := range byApp {
		for part := range slices.Chunk(users, domain.MaxPresenceUsers) {
			if err := b.look(ctx, part); err != nil {
				b.mark(part...)
				failed = err
				continue
			}
			b.tell(part)
		}
	}
	return failed
}

// look finds out how it stands with users of one app. Of two looks that overlap
// the one that began later counts.
func (b *board) look(ctx context.Context, users []*watched) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	b.mu.Lock()
	b.looks++
	begun := b.looks
	b.mu.Unlock()
	refs := make([]domain.UserRef, len(users))
	for i, w := range users {
		refs[i] = w.ref
	}
	found, err := b.gw.opts.Presence.Look(ctx, users[0].topic.App, refs)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, w := range users {
		if begun < w.asOf {
			continue
		}
		w.asOf = begun
		if item := presenceItem(found[i]); w.state == nil || !samePresence(w.state, item) {
			w.state = item
			w.version++
		}
	}
	return nil
}

// tell sends each watcher of users what it was not told yet, in one frame.
func (b *board) tell(users []*watched) {
	b.mu.Lock()
	defer b.mu.Unlock()
	news := make(map[*Session][]*wire.UserPresence)
	for _, w := range users {
		for s, told := range w.watchers {
			if told < w.version {
				w.watchers[s] = w.version
				news[s] = append(news[s], w.state)
			}
		}
	}
	for s, items := range news {
		s.reply(s.encode(presenceFrame(0, items)))
	}
}

func presenceFrame(id uint64, items []*wire.UserPresence) *wire.ServerFrame {
	return &wire.ServerFrame{Id: id, Body: &wire.ServerFrame_Presence{Presence: &wire.Presence{Items: items}}}
}

// attach subscribes to what happens to users. It returns when that is in force.
func (b *board) attach(users []*watched) {
	var wg sync.WaitGroup
	for _, w := range users { // at once: the bus then asks for all of them together
		wg.Go(func() {
			// Without a context there is no error; the bus bounds the wait by itself.
			_ = b.gw.opts.Hub.attach(context.Background(), w.topic, w)
		})
	}
	wg.Wait()
}
