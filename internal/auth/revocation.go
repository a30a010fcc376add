package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/gim-im/gim/domain"
)

const (
	defaultInterval = time.Second
	defaultMaxStale = 4 * time.Second
	pollTimeout     = 3 * time.Second // of one look at the store
	revocationPage  = 500
)

// RevocationLog is the log that the watcher follows.
type RevocationLog interface {
	// Revocations returns up to limit entries after seq, ascending.
	Revocations(ctx context.Context, after int64, limit int) ([]domain.Revocation, error)
	// LastRevocation returns the highest seq, 0 when there is none.
	LastRevocation(ctx context.Context) (int64, error)
}

// WatcherOptions are what a Watcher needs.
type WatcherOptions struct {
	Store  RevocationLog
	Clock  domain.Clock
	Logger *slog.Logger

	Interval time.Duration // between looks at the log; 0 means 1 s
	MaxStale time.Duration // how old knowledge may be and still be trusted; 0 means 4 s
}

// Watcher follows the log of revocations and tells its listeners of each, once
// and in order.
type Watcher struct {
	store     RevocationLog
	clock     domain.Clock
	log       *slog.Logger
	interval  time.Duration
	maxStale  time.Duration
	listeners []listener
	wake      chan struct{} // of capacity 1: one look serves all who woke it

	// knownAt is when a look began that left nothing untold; nil before the first.
	knownAt atomic.Pointer[time.Time]

	// Used by one goroutine at a time: Start's, then Run's.
	started bool
	after   int64 // highest seq told
	gapSeen bool  // the last look met a gap
	trusted bool  // as logged last
}

type listener struct {
	revoked func(domain.Revocation)
	lost    func()
}

// NewWatcher returns a watcher that does nothing until [Watcher.Start].
func NewWatcher(o WatcherOptions) (*Watcher, error) {
	if o.Store == nil || o.Clock == nil || o.Logger == nil {
		return nil, errors.New("auth: a watcher needs a store, a clock and a logger")
	}
	if o.Interval == 0 {
		o.Interval = defaultInterval
	}
	if o.MaxStale == 0 {
		o.MaxStale = defaultMaxStale
	}
	if o.Interval < 0 || o.MaxStale < o.Interval {
		return nil, fmt.Errorf("auth: interval %s and greatest age %s do not fit", o.Interval, o.MaxStale)
	}
	return &Watcher{
		store: o.Store, clock: o.Clock, log: o.Logger, interval: o.Interval, maxStale: o.MaxStale,
		wake:    make(chan struct{}, 1),
		trusted: true, // so that a store that cannot be read from the first look on is reported
	}, nil
}

// Listen adds a listener; call it before Start. revoked is told every entry.
// lost, which may be nil, is called when entries are gone from the log unread:
// anything may have been revoked. Both are called from Run's goroutine and must
// not block.
func (w *Watcher) Listen(revoked func(domain.Revocation), lost func()) {
	w.listeners = append(w.listeners, listener{revoked: revoked, lost: lost})
}

// Start takes the end of the log as the place to begin. Call it before anything
// is served: a session that signs in earlier could miss its revocation.
func (w *Watcher) Start(ctx context.Context) error {
	begun := w.clock.Now()
	last, err := w.store.LastRevocation(ctx)
	if err != nil {
		return wrap("find the end of the revocations", err)
	}
	w.after, w.started = last, true
	w.knownAt.Store(&begun)
	return nil
}

// Run follows the log until ctx ends; it starts no goroutine. Where Start was
// not called or failed, it starts as soon as the store can be read.
func (w *Watcher) Run(ctx context.Context) {
	ticker := time.NewTicker(w.interval)
	defer ticker.Stop()
	for {
		err := w.look(ctx)
		if ctx.Err() != nil {
			return
		}
		w.report(ctx, err)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-w.wake:
		}
	}
}

// Wake makes Run look now. Call it after revoking something on this node.
func (w *Watcher) Wake() {
	select {
	case w.wake <- struct{}{}:
	default: // a look is due already, and it will see everything stored by now
	}
}

// Synced reports whether everything revoked until a few seconds ago was told to
// the listeners, so that what they still hold may be trusted.
func (w *Watcher) Synced() bool {
	known := w.knownAt.Load() // before the clock, so that the age is not negative
	if known == nil {
		return false
	}
	// Negative: the clock was set back, and what is known has no age.
	age := w.clock.Now().Sub(*known)
	return age >= 0 && age <= w.maxStale
}

// look tells everything new in the log.
func (w *Watcher) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	if !w.started {
		return w.Start(ctx)
	}
	begun := w.clock.Now()
	for {
		page, err := w.store.Revocations(ctx, w.after, revocationPage)
		if err != nil {
			return wrap("read the revocations", err)
		}
		if err := w.tell(ctx, page); err != nil {
			return err
		}
		if len(page) < revocationPage {
			break
		}
	}
	w.knownAt.Store(&begun)
	return nil
}

// tell hands a page to the listeners.
func (w *Watcher) tell(ctx context.Context, page []domain.Revocation) error {
	for _, r := range page {
		if r.Seq <= w.after {
			continue
		}
		if r.Seq != w.after+1 {
			if err := w.skip(ctx, r.Seq); err != nil {
				return err
			}
		}
		w.gapSeen = false
		w.after = r.Seq
		for _, l := range w.listeners {
			l.revoked(r)
		}
	}
	return nil
}

// skip deals with a gap before seq. The log has none, so the first time the
// entry may still be on its way; the second time it was purged while this node
// could not read, and nobody knows any more what it said.
func (w *Watcher) skip(ctx context.Context, seq int64) error {
	if !w.gapSeen {
		w.gapSeen = true
		return domain.Trace(fmt.Errorf("revocation %d is missing before %d", w.after+1, seq))
	}
	w.log.ErrorContext(ctx, "revocations were lost, everything remembered is dropped",
		slog.Int64("after_seq", w.after), slog.Int64("next_seq", seq))
	for _, l := range w.listeners {
		if l.lost != nil {
			l.lost()
		}
	}
	return nil
}

// report logs when remembered credentials stop or start to be trusted.
func (w *Watcher) report(ctx context.Context, err error) {
	trusted := w.Synced()
	switch {
	case trusted == w.trusted:
	case trusted:
		w.log.InfoContext(ctx, "revocations are read again, remembered credentials are trusted")
	default:
		w.log.ErrorContext(ctx, "revocations cannot be read, remembered credentials are not trusted",
			slog.Any("err", err), slog.Any("stack", domain.Stack(err)))
	}
	w.trusted = trusted
}
