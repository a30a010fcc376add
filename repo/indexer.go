package repo

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// Messages get into the index behind their commit, so that sends do not pay for it.
// Numbers in a conversation have no gaps, so one of them says up to where it is
// indexed. The committer notes which conversations have something new, in memory; what
// a process that ended has left, what was there before the index and what another node
// does not come to is found by sweeps over all conversations.

const (
	indexPiece  = 256                    // messages of one transaction
	indexLook   = 32                     // messages that are read at once, before a look at who waits
	indexRows   = 5_000                  // terms of one transaction, beyond which it takes no more messages
	indexGather = 100 * time.Millisecond // what comes meanwhile shares a transaction
	indexRest   = 39                     // while sends wait, how often the time that indexing took is theirs
	indexRetry  = 2 * time.Second        // how long a store that failed is left
	sweepEvery  = 10 * time.Minute
	sweepPage   = 500
	maxNoted    = 100_000 // conversations; what is beyond them is left to a sweep
)

// indexer knows what there is to index. The zero value indexes nothing.
type indexer struct {
	on      bool
	wake    chan struct{}     // capacity 1
	waiting func(int64)       // is told how many messages wait; may be nil
	writing chan struct{}     // capacity 1: holds who writes
	mu      sync.Mutex        // guards what follows
	noted   map[logTail]int64 // messages that wait, at least, by conversation
	total   int64             // of them
	missed  bool              // something was not noted
}

// logTail is what is new in a conversation.
type logTail struct {
	app  domain.AppNum
	conv domain.ConversationNum
}

// noteBatch notes the messages of a batch that is committed.
func (x *indexer) noteBatch(items []*item) {
	if !x.on {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	before := len(x.noted)
	for _, it := range items {
		if it.conv != nil && it.err == nil && it.twin == nil && !it.deferred && !it.receipt.Repeated {
			x.note(logTail{it.out.App, it.conv.num}, 1)
		}
	}
	if before == 0 && len(x.noted) > 0 {
		x.signal()
	}
}

// note notes messages of a conversation; x is locked.
func (x *indexer) note(tail logTail, messages int64) {
	if _, known := x.noted[tail]; !known && len(x.noted) >= maxNoted {
		x.missed = true
		return
	}
	if x.noted == nil {
		x.noted = make(map[logTail]int64)
	}
	x.noted[tail] += messages
	x.total += messages
}

func (x *indexer) signal() {
	select {
	case x.wake <- struct{}{}:
	default: // it has a wake-up pending already
	}
}

// take removes conversations of one app, to be indexed, with what waits in them.
func (x *indexer) take() map[logTail]int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	taken := make(map[logTail]int64)
	var app domain.AppNum
	for tail, messages := range x.noted {
		if len(taken) == 0 {
			app = tail.app
		}
		if tail.app != app {
			continue
		}
		taken[tail] = messages
		if delete(x.noted, tail); len(taken) == indexPiece {
			break
		}
	}
	for _, messages := range taken {
		x.total -= messages
	}
	if len(x.noted) == 0 {
		x.noted = nil // a map keeps the size that it had in a storm
	}
	return taken
}

// left notes conversations that were taken and have something that waits still, and
// tells how much that is in all.
func (x *indexer) left(tails map[logTail]int64) {
	x.mu.Lock()
	for tail, messages := range tails {
		x.note(tail, messages)
	}
	total := x.total
	x.mu.Unlock()
	if x.waiting != nil {
		x.waiting(total)
	}
}

// hasMissed reports whether something was not noted since the last call.
func (x *indexer) hasMissed() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	missed := x.missed
	x.missed = false
	return missed
}

// indexAll indexes what there is until ctx ends. What is left then is found by the
// sweep that comes first.
func (s *Store) indexAll(ctx context.Context) {
	w := &sweep{store: s}
	sweeps := time.NewTicker(sweepEvery)
	defer sweeps.Stop()
	for ctx.Err() == nil {
		start := time.Now()
		n, more, err := s.indexOnce(ctx, w)
		switch {
		case err != nil && ctx.Err() == nil:
			s.log.WarnContext(ctx, "messages cannot be indexed for search", slog.Any("err", err))
			sleep(ctx, indexRetry)
		case !more:
			select {
			case <-s.index.wake:
				sleep(ctx, indexGather)
			case <-sweeps.C:
				w.again()
			case <-ctx.Done():
			}
		case n > 0 && s.appends.isBusy():
			sleep(ctx, max(indexGather, indexRest*time.Since(start)))
		case n > 0 && n < indexPiece:
			sleep(ctx, indexGather)
		}
		if s.index.hasMissed() {
			w.again()
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// Index indexes every message that is stored, whatever else is going on.
func (s *Store) Index(ctx context.Context) error {
	w := &sweep{store: s}
	for {
		if _, more, err := s.indexOnce(ctx, w); err != nil || !more {
			return err
		}
	}
}

// indexOnce indexes a piece of what is noted or, where nothing is, goes on with the
// sweep. It returns how many messages it has come by, and whether there was anything
// to do.
func (s *Store) indexOnce(ctx context.Context, w *sweep) (n int, more bool, err error) {
	select { // nothing that others have taken is left when there is nothing to take
	case s.index.writing <- struct{}{}:
		defer func() { <-s.index.writing }()
	case <-ctx.Done():
		return 0, true, ctx.Err()
	}
	taken := s.index.take()
	if len(taken) == 0 {
		more = !w.done
		return 0, more, w.step(ctx)
	}
	n, left, err := s.indexTails(ctx, taken)
	if err != nil {
		left = taken
	}
	s.index.left(left)
	return n, true, err
}

// sweep goes over all conversations and notes those that are not indexed up to their
// ends, page by page.
type sweep struct {
	store *Store
	app   domain.AppNum
	conv  domain.ConversationNum // the last that was looked at
	done  bool
}

func (w *sweep) again() { w.app, w.conv, w.done = 0, 0, false }

// step looks at one page.
func (w *sweep) step(ctx context.Context) error {
	if w.done {
		return nil
	}
	if w.app == 0 {
		return w.nextApp(ctx)
	}
	tails := make(map[logTail]int64)
	n := 0
	const query = `SELECT c.id, c.last_seq - COALESCE(x.indexed_seq, 0) FROM conversations c
		LEFT JOIN search_cursors x ON x.app_id = c.app_id AND x.conversation_id = c.id WHERE c.app_id = ? AND c.id > ? ORDER BY c.id LIMIT ?`
	err := each(ctx, w.store.read, func(rows *sqlx.Rows) error {
		var waiting int64
		err := rows.Scan(&w.conv, &waiting)
		if n++; waiting > 0 {
			tails[logTail{w.app, w.conv}] = waiting
		}
		return err
	}, query, w.app, w.conv, sweepPage)
	if err != nil {
		return err
	}
	w.store.index.left(tails)
	if n < sweepPage {
		return w.nextApp(ctx)
	}
	return nil
}

func (w *sweep) nextApp(ctx context.Context) error {
	err := w.store.read.GetContext(ctx, &w.app, `SELECT id FROM apps WHERE id > ? AND deleted_at = 0 ORDER BY id LIMIT 1`, w.app)
	if w.conv = 0; errors.Is(err, sql.ErrNoRows) {
		w.done, err = true, nil
	}
	return err
}
